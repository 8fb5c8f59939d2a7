// SPDX-License-Identifier: MIT
// The weight gradient with lanes along the rows of pixels: depthwise, and few channels a group.
#include "ops/conv/conv_weight_gradient_task.hpp"
#include "ops/conv/weight_gradient_kernels.hpp"

namespace ndnn {
namespace {

// lanes_on_pixels: one input channel of each of some groups, every output channel of its group.
template <class T>
class Dots {
 public:
  Dots(const WeightGradientPlan& plan, const View<const T>& x, const T* dy, bool flip, char* scratch)
      : p_(plan),
        g_(plan.in.g),
        kernels_(weight_gradient_kernels<T>(plan.in.isa)),
        x_(x),
        dy_(dy),
        flip_(flip) {
    const WeightGradientScratch at = weight_gradient_scratch(plan);
    staged_ = reinterpret_cast<T*>(scratch);
    offsets_ = reinterpret_cast<index_t*>(scratch + at.rows);
    where_ = reinterpret_cast<index_t*>(scratch + at.outs);
    runs_ = reinterpret_cast<CopyRun*>(scratch + at.runs);
  }

  void run(const GradientTask& t, T* dw) {
    taps_ = t.block.steps();
    list_taps(t.block);
    const index_t filter = g_.ic * g_.taps();
    T* const to = dw + first_weight(g_, t, flip_, t.block.channels.begin);
    bool first = true;
    for_each_tile(p_, t, [&](TileAt tile) {
      const StageRuns runs = list_stage_runs(p_.in, tile, t.block, runs_);
      DotArgs<T> args = args_of(tile, !first);
      tile_row_ = tile.first[1];
      bool stand = !first && product(p_.in.tiles) == 1;
      for (tile.group = t.groups.begin; tile.group < t.groups.end; ++tile.group) {
        stage_images(p_, x_, tile, t.block.channels, runs, stand, staged_);
        stand = true;
        look_ahead(args, tile);
        multiply(args, dy_ + first_output(g_, tile), to + tile.group * g_.oc * filter);
      }
      first = false;
    });
  }

 private:
  DotArgs<T> args_of(const TileAt& tile, bool add) const {
    const ConvPlan& in = p_.in;
    const bool by_image = in.images > 1;
    DotArgs<T> args{};
    args.x = staged_;
    args.x_slice = by_image ? in.image_pitch : in.stage[0].step * in.pitch[0];
    args.x_row = in.stage[1].step * in.pitch[1];
    args.dy_slice = by_image ? g_.oc_all * g_.pixels() : g_.axis[1].out * g_.axis[2].out;
    args.dy_row = g_.axis[2].out;
    args.slices = by_image ? tile.images : tile.size[0];
    args.rows = tile.size[1];
    args.width = tile.size[2];
    args.add = add;
    return args;
  }
  // The same tile of the next group. 64 channels of 112x112, stride 2: 12 -> 22 GFLOP/s (1 thread, batch 8).
  void look_ahead(DotArgs<T>& args, const TileAt& tile) const {
    const Window* a = g_.axis;
    const T* x = x_.data + tile.image * x_.stride[0] + (tile.group + 1) * g_.ic * x_.stride[1];
    for (int i = 0; i < kMaxSpatial; ++i) x += tile.first[i] * a[i].stride * x_.stride[2 + i];
    args.soon_dy = g_.oc * g_.pixels();
    args.soon_x = x;
    args.soon_x_slice = p_.in.images > 1 ? x_.stride[0] : a[0].stride * x_.stride[2];
    args.soon_x_rows = a[1].stride * a[2].stride;
  }

  // Taps of one row of the kernel together: height_ rows of across_ taps.
  void list_taps(const Block& block) {
    height_ = block.taps[1].size();
    across_ = taps_ / height_;
    index_t i = 0;
    for (index_t h = 0; h < height_; ++h)
      for (index_t d = 0; d < block.taps[0].size(); ++d)
        for (index_t w = 0; w < block.taps[2].size(); ++w, ++i) {
          const index_t tap = (d * height_ + h) * block.taps[2].size() + w;
          offsets_[i] = tap_offset(p_.in, 0, d) + tap_offset(p_.in, 1, h) + tap_offset(p_.in, 2, w);
          where_[i] = flip_ ? taps_ - 1 - tap : tap;
        }
    first_row_ = block.taps[1].begin;
    const bool meet = g_.axis[1].dilation == 1 && p_.in.stage[1].kind != Staging::separate;
    column_step_ = meet ? g_.axis[1].stride : height_;
  }

  // All output channels of a group, all taps of the block.
  void multiply(DotArgs<T>& args, const T* dy, T* to) const {
    args.ld = g_.ic * g_.taps();
    args.dy_plane = g_.pixels();
    for (index_t m = 0, rows = kDotRows; m < g_.oc; m += rows) {
      rows = std::min(rows, g_.oc - m);
      args.dy = dy + m * g_.pixels();
      args.sums = to + m * args.ld;
      if (rows == 1) multiply_columns(args);
      else multiply_taps(args, rows, 0, taps_);
    }
  }
  void multiply_taps(DotArgs<T> args, index_t rows, index_t first, index_t taps) const {
    const index_t calls = ceil_div(taps, index_t{kernels_.dot_offsets[rows - 1]});
    for (index_t i = 0; i < calls; ++i) {
      const index_t begin = i * taps / calls, end = (i + 1) * taps / calls;
      args.offset = offsets_ + first + begin;
      args.where = where_ + first + begin;
      kernels_.dot[rows - 1][end - begin - 1](args);
    }
  }

  // One output channel: taps that lie x_row apart, as rows of outputs do, make a column, and share each
  // vector of x: 5x5 at 28x28 55 -> 68, 7x7 at 14x14 54 -> 85 GFLOP/s (1 thread, batch 8).
  void multiply_columns(const DotArgs<T>& args) const {
    for (index_t first = 0; first < std::min(column_step_, height_); ++first) {
      const index_t all = ceil_div(height_ - first, column_step_);
      const index_t most = std::min<index_t>(kDotRows, args.rows / 2),
                    parts = ceil_div(all, std::max<index_t>(1, most));
      for (index_t i = 0; i < parts; ++i) {
        const index_t begin = i * all / parts, taps = (i + 1) * all / parts - begin;
        multiply_column(args, (first + begin * column_step_) * across_, taps);
      }
    }
  }
  // Row h of x, counted from where the column's first tap reads for row 0 of dy, meets rows h, h - 1, .. of
  // dy: all of them, or at both ends some. Rows of padding are left out.
  void multiply_column(DotArgs<T> args, index_t first, index_t taps) const {
    const index_t rows = args.rows, row = first_row_ + first / across_;
    const Range seen = seeing_rows(row, rows + taps - 1);
    const index_t next = where_[first + (taps > 1 ? column_step_ * across_ : 0)] - where_[first];
    const DotArgs<T> all = args;
    args.dy_plane = -all.dy_row;
    args.ld = next;
    const auto run = [&](Range h, index_t tap, index_t n) {
      args.x = all.x + h.begin * all.x_row;
      args.dy = all.dy + (h.begin - tap) * all.dy_row;
      args.sums = all.sums + tap * next;
      args.rows = std::max<index_t>(0, h.size());
      multiply_taps(args, n, first, across_);
      args.add = true;
      args.soon_dy = 0;
    };
    run({std::max(taps - 1, seen.begin), std::min(rows, seen.end)}, 0, taps);
    for (index_t h = seen.begin; h < std::min(taps - 1, seen.end); ++h) run({h, h + 1}, 0, h + 1);
    for (index_t h = std::max(rows, seen.begin); h < seen.end; ++h)
      run({h, h + 1}, h - rows + 1, taps - (h - rows + 1));
  }
  // Which of n rows from where tap `row` of the kernel's height reads for the tile's first output are input.
  Range seeing_rows(index_t row, index_t n) const {
    Window w = g_.axis[1];
    w.out = tile_row_ + n;
    const Range seen = seeing_outputs(w, row);
    return {std::max<index_t>(0, seen.begin - tile_row_), std::max<index_t>(0, seen.end - tile_row_)};
  }

  const WeightGradientPlan& p_;
  const ConvGeometry& g_;
  const WeightGradientKernels<T>& kernels_;
  const View<const T>& x_;
  const T* dy_;
  bool flip_;
  T* staged_;
  index_t *offsets_, *where_;
  CopyRun* runs_;
  index_t taps_ = 0, height_ = 0, across_ = 0;
  index_t first_row_ = 0, tile_row_ = 0;  // of the block's taps, of the tile's outputs
  index_t column_step_ = 1;               // rows of taps this far apart make a column
};

}  // namespace

template <class T>
void run_dots(const WeightGradientPlan& p, const View<const T>& x, const T* dy, bool flip,
              const GradientTask& task, char* scratch, T* dw) {
  Dots<T>(p, x, dy, flip, scratch).run(task, dw);
}

template void run_dots<float>(const WeightGradientPlan&, const View<const float>&, const float*, bool,
                              const GradientTask&, char*, float*);
template void run_dots<double>(const WeightGradientPlan&, const View<const double>&, const double*, bool,
                               const GradientTask&, char*, double*);

}  // namespace ndnn
