// SPDX-License-Identifier: MIT
// The loop nest: group, block of rows (taps and input channels), some panels of output channels, part of the
// reduction -> one task.
//   for each tile of outputs: stage its input, then every panel: pack its dy, multiply, add.
// Sums of a tile are formed apart and added in a fixed order, those of parts in the order of the parts.
#include <cstring>

#include "core/parallel.hpp"
#include "core/scratch.hpp"
#include "ops/conv/conv_stage.hpp"
#include "ops/conv/conv_weight_gradient.hpp"
#include "ops/conv/weight_gradient_kernels.hpp"

namespace ndnn {
namespace {

// What one task covers. first_tap: of the block, counted over the kernel.
struct Task {
  Range groups;
  index_t part;
  Range panels;
  Block block;
  index_t first_tap;
};

Task task_at(const WeightGradientPlan& p, index_t task) {
  const ConvGeometry& g = p.in.g;
  Task t;
  const index_t split = task % p.splits;
  t.panels = {split * p.in.panels / p.splits, (split + 1) * p.in.panels / p.splits};
  task /= p.splits;
  const index_t channels = p.in.form.ic_block, channel_blocks = ceil_div(g.ic, channels);
  const index_t c = task % channel_blocks * channels;
  t.block.channels = {c, std::min(c + channels, g.ic)};
  task /= channel_blocks;
  for (int a = kMaxSpatial - 1; a >= 0; --a) {
    const index_t size = p.in.form.tap_block[a], count = ceil_div(g.axis[a].kernel, size);
    const index_t begin = task % count * size;
    t.block.taps[a] = {begin, std::min(begin + size, g.axis[a].kernel)};
    task /= count;
  }
  const Range* taps = t.block.taps;
  t.first_tap = (taps[0].begin * g.axis[1].kernel + taps[1].begin) * g.axis[2].kernel + taps[2].begin;
  const index_t groups = p.in.group_block, group_blocks = ceil_div(g.groups, groups);
  const index_t group = task % group_blocks * groups;
  t.groups = {group, std::min(group + groups, g.groups)};
  t.part = task / group_blocks;
  return t;
}

TileAt tile_at(const WeightGradientPlan& p, index_t unit) {
  TileAt tile;
  for (int a = kMaxSpatial - 1; a >= 0; --a) {
    tile.first[a] = unit % p.in.tiles[a] * p.in.tile[a];
    tile.size[a] = std::min(p.in.tile[a], p.in.g.axis[a].out - tile.first[a]);
    unit /= p.in.tiles[a];
  }
  tile.image = unit * p.in.images;
  tile.images = std::min(p.in.images, p.in.g.n - tile.image);
  return tile;
}

// Calls fn(tile) for the tiles of one part, in order.
template <class Fn>
void for_each_tile(const WeightGradientPlan& p, const Task& t, Fn&& fn) {
  const index_t end = (t.part + 1) * p.units / p.parts;
  for (index_t unit = t.part * p.units / p.parts; unit < end; ++unit) fn(tile_at(p, unit));
}

// First element of dy that a tile reads.
index_t first_output(const ConvGeometry& g, const TileAt& tile) {
  const index_t pixel = (tile.first[0] * g.axis[1].out + tile.first[1]) * g.axis[2].out + tile.first[2];
  return (tile.image * g.oc_all + tile.group * g.oc) * g.pixels() + pixel;
}

// stage_block(), but zeros that stand there already, from another image of the same tile, are not written
// again.
template <class T>
void stage_images(const WeightGradientPlan& p, const View<const T>& x, const TileAt& tile, Range channels,
                  const StageRuns& runs, bool stand, T* staged) {
  if (stand) skip_zeros(p.in, runs);
  for (index_t c = channels.begin; c < channels.end; ++c, staged += p.in.plane_pitch)
    for (index_t i = 0; i < tile.images; ++i)
      stage_plane(p.in, x, runs,
                  x.data + (tile.image + i) * x.stride[0] + (tile.group * p.in.g.ic + c) * x.stride[1],
                  staged + i * p.in.image_pitch);
}

// Where the block's taps of channel c of the group begin within one filter of dw.
index_t first_weight(const ConvGeometry& g, const Task& t, bool flip, index_t c) {
  const index_t box = t.block.steps() / t.block.channels.size();
  return c * g.taps() + (flip ? g.taps() - t.first_tap - box : t.first_tap);
}

// lanes_on_outputs and lanes_on_inputs.
template <class T>
class Worker {
 public:
  Worker(const WeightGradientPlan& plan, const View<const T>& x, const T* dy, bool flip, char* scratch)
      : p_(plan), g_(plan.in.g), kernels_(tile_kernels<T>(plan.in.isa)), x_(x), dy_(dy), flip_(flip) {
    const WeightGradientScratch at = weight_gradient_scratch(plan);
    staged_ = reinterpret_cast<T*>(scratch);
    packed_ = reinterpret_cast<T*>(scratch + at.packed);
    sums_ = reinterpret_cast<T*>(scratch + at.sums);
    rows_ = reinterpret_cast<index_t*>(scratch + at.rows);
    outs_ = reinterpret_cast<index_t*>(scratch + at.outs);
    pixels_ = reinterpret_cast<index_t*>(scratch + at.pixels);
    numbers_ = reinterpret_cast<index_t*>(scratch + at.numbers);
    steps_ = reinterpret_cast<Steps*>(scratch + at.steps);
    runs_ = reinterpret_cast<CopyRun*>(scratch + at.runs);
    for (index_t i = 0; i < outputs_of_tile(plan.in); ++i) numbers_[i] = i;
  }

  void run(const Task& task, T* dw) {
    t_ = task;
    list_rows();
    bool first = true;
    for_each_tile(p_, t_, [&](const TileAt& tile) {
      tile_ = tile;
      tile_.group = t_.groups.begin;
      list_pixels();
      const T* const from = stage(first);
      for (index_t i = t_.panels.begin; i < t_.panels.end; ++i) {
        const Panel panel = panel_of(p_.in, kernels_.lanes, i);
        pack(panel);
        multiply(from, panel, first);
      }
      first = false;
    });
    for (index_t i = t_.panels.begin; i < t_.panels.end; ++i) store(panel_of(p_.in, kernels_.lanes, i), dw);
  }

 private:
  // Sums lie as dw does: channels, then taps. So do the rows, whose neighbours then read the same lines of x;
  // but where padding is skipped, those of one tap are together.
  void list_rows() {
    channels_ = t_.block.channels.size();
    taps_ = t_.block.steps() / channels_;
    const index_t plane = p_.in.in_place ? x_.stride[1] : p_.in.plane_pitch;
    Block one = t_.block;
    one.channels = {0, 1};
    list_columns(p_.in, one, 0, rows_);
    const index_t tap_step = p_.skips_padding ? channels_ : 1, channel_step = p_.skips_padding ? 1 : taps_;
    for (index_t tap = taps_ - 1; tap >= 0; --tap) {  // from behind: the first offsets are overwritten last
      const index_t offset = rows_[tap];
      for (index_t c = channels_ - 1; c >= 0; --c) {
        const index_t row = tap * tap_step + c * channel_step;
        rows_[row] = offset + c * plane;
        outs_[row] = c * taps_ + (flip_ ? taps_ - 1 - tap : tap);
      }
    }
  }

  // The input of each output of the tile, in the order of dy.
  void list_pixels() {
    index_t image = p_.in.image_pitch, step[kMaxSpatial];
    for (int a = 0; a < kMaxSpatial; ++a)
      step[a] = p_.in.in_place ? g_.axis[a].stride * x_.stride[2 + a] : p_.in.stage[a].step * p_.in.pitch[a];
    if (p_.in.in_place) image = x_.stride[0];
    index_t* pixel = pixels_;
    for (index_t i = 0; i < tile_.images; ++i)
      for (index_t d = 0; d < tile_.size[0]; ++d)
        for (index_t h = 0; h < tile_.size[1]; ++h) {
          index_t at = i * image + d * step[0] + h * step[1];
          for (index_t w = 0; w < tile_.size[2]; ++w, at += step[2]) *pixel++ = at;
        }
    steps_of_tile_ = pixel - pixels_;
  }

  const T* stage(bool first) {
    if (!p_.in.in_place) {
      const StageRuns runs = list_stage_runs(p_.in, tile_, t_.block, runs_);
      stage_images(p_, x_, tile_, t_.block.channels, runs, !first && product(p_.in.tiles) == 1, staged_);
      return staged_;
    }
    const T* from =
        x_.data + tile_.image * x_.stride[0] + (tile_.group * g_.ic + t_.block.channels.begin) * x_.stride[1];
    for (int a = 0; a < kMaxSpatial; ++a) from += tile_.first[a] * g_.axis[a].stride * x_.stride[2 + a];
    return from;
  }

  // dy of the tile as [pixel][channel of the panel].
  void pack(const Panel& panel) {
    const index_t pixels = product(tile_.size), lanes = kernels_.lanes;
    for (index_t i = 0; i < tile_.images; ++i)
      for (index_t c = 0; c < panel.count; c += lanes) {
        const T* const from = dy_ + first_output(g_, tile_) + (i * g_.oc_all + panel.first + c) * g_.pixels();
        kernels_.pack(from, g_.pixels(), std::min(lanes, panel.count - c), pixels, numbers_,
                      packed_ + i * pixels * panel.width + c, panel.width);
      }
  }

  T* sums_of(const Panel& panel) const {
    return sums_ + (panel.first - t_.panels.begin * p_.in.form.panel) * p_.rows();
  }

  void multiply(const T* from, const Panel& panel, bool first) {
    static const T kZeros[kMaxPixelTile] = {};
    TileArgs<T> args{from,           rows_,       pixels_, steps_, 0, packed_, first ? kZeros : nullptr,
                     sums_of(panel), panel.width, outs_};
    if (!p_.skips_padding) {
      steps_[0] = {0, steps_of_tile_};
      args.nsteps = 1;
      multiply_rows(args, taps_ * channels_);
      return;
    }
    const Range* taps = t_.block.taps;
    for (index_t d = taps[0].begin; d < taps[0].end; ++d)
      for (index_t h = taps[1].begin; h < taps[1].end; ++h)
        for (index_t w = taps[2].begin; w < taps[2].end; ++w, args.row += channels_, args.out += channels_) {
          args.nsteps = list_steps({d, h, w});
          if (args.nsteps > 0 || first) multiply_rows(args, channels_);
        }
  }

  // Rows dealt to tiles as evenly as can be: at most two sizes, so at most two calls.
  void multiply_rows(TileArgs<T> args, index_t rows) {
    const index_t vectors = args.ldc / kernels_.lanes;
    const index_t tiles = ceil_div(rows, index_t{kernels_.channel_rows[vectors - 1]});
    const index_t size = rows / tiles, larger = rows % tiles;
    if (larger > 0) {
      args.tiles = larger;
      kernels_.channels[vectors - 1][size](args);
      args.row += larger * (size + 1);
      args.out += larger * (size + 1);
    }
    args.tiles = tiles - larger;
    kernels_.channels[vectors - 1][size - 1](args);
  }

  // The pixels of the tile whose input at this tap is no padding, runs joined.
  index_t list_steps(const Axes& tap) {
    Range seen[kMaxSpatial];
    for (int a = 0; a < kMaxSpatial; ++a) {
      const Range outputs = seeing_outputs(g_.axis[a], tap[a]);
      seen[a] = {std::max(outputs.begin - tile_.first[a], index_t{0}),
                 std::min(outputs.end - tile_.first[a], tile_.size[a])};
      if (seen[a].size() <= 0) return 0;
    }
    index_t n = 0;
    for (index_t i = 0; i < tile_.images; ++i)
      for (index_t d = seen[0].begin; d < seen[0].end; ++d)
        for (index_t h = seen[1].begin; h < seen[1].end; ++h) {
          const index_t row = ((i * tile_.size[0] + d) * tile_.size[1] + h) * tile_.size[2];
          const Steps run{row + seen[2].begin, row + seen[2].end};
          if (n > 0 && steps_[n - 1].end == run.begin) steps_[n - 1].end = run.end;
          else steps_[n++] = run;
        }
    return n;
  }

  void store(const Panel& panel, T* dw) const {
    const T* sums = sums_of(panel);
    const index_t filter = g_.ic * g_.taps(), c0 = t_.block.channels.begin;
    if (p_.algorithm == WeightGradientAlgorithm::lanes_on_outputs) {
      T* const to = dw + (t_.groups.begin * g_.oc + panel.first) * filter + first_weight(g_, t_, flip_, c0);
      kernels_.transpose(sums, panel.width, channels_ * taps_, panel.count, to, filter);
      return;
    }
    // Roles are exchanged: channels are filters of dw, lanes its channels.
    for (index_t c = 0; c < channels_; ++c, sums += taps_ * panel.width) {
      T* const to = dw + (t_.groups.begin * g_.ic + c0 + c) * g_.oc * g_.taps() +
                    first_weight(g_, t_, flip_, panel.first);
      if (g_.taps() == 1) std::memcpy(to, sums, static_cast<std::size_t>(panel.count) * sizeof(T));
      else kernels_.transpose(sums, panel.width, taps_, panel.count, to, g_.taps());
    }
  }

  const WeightGradientPlan& p_;
  const ConvGeometry& g_;
  const TileKernels<T>& kernels_;
  const View<const T>& x_;
  const T* dy_;
  bool flip_;
  T *staged_, *packed_, *sums_;
  index_t *rows_, *outs_, *pixels_, *numbers_;
  Steps* steps_;
  CopyRun* runs_;
  Task t_;
  TileAt tile_;
  index_t channels_ = 0, taps_ = 0, steps_of_tile_ = 0;
};

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

  void run(const Task& t, T* dw) {
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

// x and dy in each other's place.
template <class T>
View<const T> dense_view(const ConvGeometry& g, const T* data) {
  View<const T> v{data, {g.n, g.c, g.axis[0].in, g.axis[1].in, g.axis[2].in}, {}};
  index_t next = 1;
  for (int a = 4; a >= 0; next *= v.shape[a--]) v.stride[a] = next;
  return v;
}

constexpr index_t kAdded = 16 << 10;  // elements of one task that adds the parts

}  // namespace

template <class T>
void run_conv_weight_gradient(const WeightGradientPlan& p, const View<const T>& x, const T* dy, bool flip,
                              T* dw) {
  const ConvGeometry& g = p.in.g;
  const index_t weights = p.weights();
  if (weights == 0) return;
  if (g.n * g.pixels() == 0) {
    std::fill_n(dw, weights, T(0));
    return;
  }
  const bool exchanged = p.algorithm == WeightGradientAlgorithm::lanes_on_inputs;
  const View<const T> input = exchanged ? dense_view(g, dy) : x;
  const T* const outputs = exchanged ? x.data : dy;
  const std::size_t threads = static_cast<std::size_t>(p.threads);
  const Scratch scratch(p.scratch_bytes * threads + p.parts_bytes);
  T* const sums = p.parts > 1 ? reinterpret_cast<T*>(scratch.data() + p.scratch_bytes * threads) : dw;
  parallel_for(p.threads, p.tasks(), [&](index_t task, int thread) {
    char* const own = scratch.data() + static_cast<std::size_t>(thread) * p.scratch_bytes;
    const Task t = task_at(p, task);
    T* const to = sums + t.part * weights;
    if (p.algorithm == WeightGradientAlgorithm::lanes_on_pixels)
      Dots<T>(p, input, outputs, flip, own).run(t, to);
    else Worker<T>(p, input, outputs, flip != exchanged, own).run(t, to);
  });
  if (p.parts == 1) return;
  parallel_for(p.threads, ceil_div(weights, kAdded), [&](index_t task, int) {
    const index_t begin = task * kAdded, end = std::min(begin + kAdded, weights);
    std::copy(sums + begin, sums + end, dw + begin);
    for (index_t part = 1; part < p.parts; ++part)
      for (index_t i = begin; i < end; ++i) dw[i] += sums[part * weights + i];
  });
}

template <class T>
void run_conv_bias_gradient(Isa isa, int threads, index_t n, index_t channels, index_t pixels, const T* dy,
                            T* db) {
  const WeightGradientKernels<T>& kernels = weight_gradient_kernels<T>(isa);
  parallel_for(threads, channels, [&](index_t c, int) {
    double sum = 0;
    for (index_t i = 0; i < n; ++i) sum += kernels.sum(dy + (i * channels + c) * pixels, pixels);
    db[c] = T(sum);
  });
}

#define NDNN_INSTANTIATE(T)                                                                                  \
  template void run_conv_weight_gradient<T>(const WeightGradientPlan&, const View<const T>&, const T*, bool, \
                                            T*);                                                             \
  template void run_conv_bias_gradient<T>(Isa, int, index_t, index_t, index_t, const T*, T*);
NDNN_INSTANTIATE(float)
NDNN_INSTANTIATE(double)
#undef NDNN_INSTANTIATE

}  // namespace ndnn
