// SPDX-License-Identifier: MIT
// The weight gradient with lanes along the rows of pixels: few channels a group.
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

  void list_taps(const Block& block) {
    const Range* taps = block.taps;
    index_t i = 0;
    for (index_t d = 0; d < taps[0].size(); ++d)
      for (index_t h = 0; h < taps[1].size(); ++h)
        for (index_t w = 0; w < taps[2].size(); ++w, ++i) {
          offsets_[i] = tap_offset(p_.in, 0, d) + tap_offset(p_.in, 1, h) + tap_offset(p_.in, 2, w);
          where_[i] = flip_ ? taps_ - 1 - i : i;
        }
  }

  // All output channels of a group, all taps of the block.
  void multiply(DotArgs<T>& args, const T* dy, T* to) const {
    args.ld = g_.ic * g_.taps();
    args.dy_plane = g_.pixels();
    for (index_t m = 0, rows = kDotRows; m < g_.oc; m += rows) {
      rows = std::min(rows, g_.oc - m);
      args.dy = dy + m * g_.pixels();
      args.sums = to + m * args.ld;
      multiply_taps(args, rows);
    }
  }
  void multiply_taps(DotArgs<T>& args, index_t rows) const {
    const index_t calls = ceil_div(taps_, index_t{kernels_.dot_offsets[rows - 1]});
    for (index_t i = 0; i < calls; ++i) {
      const index_t begin = i * taps_ / calls, end = (i + 1) * taps_ / calls;
      args.offset = offsets_ + begin;
      args.where = where_ + begin;
      kernels_.dot[rows - 1][end - begin - 1](args);
    }
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
  index_t taps_ = 0;
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
