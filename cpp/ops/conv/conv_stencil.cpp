// SPDX-License-Identifier: MIT
// The stencil algorithm: depthwise convolutions. One task: a tile of outputs of some channels of one image;
// each channel is staged into L1 and swept by one kernel call.
#include <numeric>

#include "core/parallel.hpp"
#include "core/scratch.hpp"
#include "ops/conv/conv_stage.hpp"
#include "ops/conv/epilogue_kernels.hpp"
#include "ops/conv/stencil_kernels.hpp"

namespace ndnn {
namespace {

// The axis along which a column's taps and the kernel's rows lie: 1, rows of the image; or 2, where the
// kernel is one tap high: then a "row" is a vector, and taps a vector apart share what they load.
struct Sweep {
  int axis = 1;
  index_t tap_step = 1;  // taps this far apart make a column
  index_t row_step = 1;  // outputs this far apart are neighbouring rows
  index_t x_row = 0;     // staged distance of neighbouring rows
};

Sweep choose_sweep(const ConvPlan& p, index_t lanes) {
  const Window &h = p.g.axis[1], &w = p.g.axis[2];
  Sweep s;
  s.axis = h.kernel == 1 && (h.out == 1 || w.kernel > lanes) && p.tile[2] >= lanes ? 2 : 1;
  const Window& a = p.g.axis[s.axis];
  const index_t common = std::gcd(a.dilation, a.stride);
  s.tap_step = a.stride / common;
  s.row_step = a.dilation / common;
  if (s.axis == 2) {
    const bool meet = lanes % s.row_step == 0;  // taps whose offsets differ by a vector
    s.tap_step = meet ? lanes / s.row_step * s.tap_step : a.kernel;
    s.row_step = lanes;
  }
  if (p.stage[s.axis].kind == Staging::separate) {
    s.tap_step = a.kernel;
    if (s.axis == 1) s.row_step = 1;
  }
  s.x_row = s.row_step * p.pitch[s.axis];
  return s;
}

// Adds a column to those listed so far, joined to the last where it goes on in step.
TapColumns* add_column(TapColumns* begin, TapColumns* end, const TapColumns& c) {
  TapColumns* const last = end - 1;
  const bool joins = end != begin && c.taps == last->taps;
  if (joins && last->count == 1) {
    last->x_next = c.x - last->x;
    last->w_next = c.w - last->w;
  } else if (!joins || c.x != last->x + last->count * last->x_next ||
             c.w != last->w + last->count * last->w_next) {
    *end = c;
    return end + 1;
  }
  ++last->count;
  return end;
}

// Lists the columns of all taps from `out`; returns the end. Across the columns, taps of one phase are
// neighbours.
TapColumns* list_tap_columns(const ConvPlan& p, const Sweep& s, TapColumns* const out) {
  const Window* a = p.g.axis;
  const int across = 3 - s.axis;
  const Axes weight{a[1].kernel * a[2].kernel, a[2].kernel, 1};
  const index_t taps = a[s.axis].kernel, step = std::min(s.tap_step, taps);
  const index_t phases = std::min(a[across].stride, a[across].kernel);
  TapColumns* end = out;
  for (index_t d = 0; d < a[0].kernel; ++d)
    for (index_t first = 0; first < step; ++first) {
      const index_t all = ceil_div(taps - first, step), parts = ceil_div(all, kMaxColumnTaps);
      for (index_t i = 0; i < parts; ++i) {
        const index_t from = i * all / parts, to = (i + 1) * all / parts, tap = first + from * step;
        for (index_t phase = 0; phase < phases; ++phase)
          for (index_t k = phase; k < a[across].kernel; k += phases)
            end = add_column(out, end,
                             {tap_offset(p, 0, d) + tap_offset(p, s.axis, tap) + tap_offset(p, across, k),
                              d * weight[0] + tap * weight[s.axis] + k * weight[across], to - from, 1, 0, 0});
      }
    }
  return end;
}

// Every output of one plane of the tile: x, y, rows and width of args are set here.
template <class T>
void sweep_plane(const ConvPlan& p, const StencilKernels<T>& kernels, const Sweep& s, StencilArgs<T>& args,
                 const T* x, T* y, index_t height, index_t width) {
  const index_t y_row = p.g.axis[2].out, lanes = kernels.lanes;
  if (s.axis == 1) {
    for (index_t h = 0; h < std::min(s.row_step, height); ++h) {
      args.x = x + h * p.pitch[1];
      args.y = y + h * y_row;
      args.y_row = s.row_step * y_row;
      args.rows = ceil_div(height - h, s.row_step);
      args.width = width;
      kernels.run(args);
    }
    return;
  }
  args.y_row = lanes;
  for (index_t h = 0; h < height; ++h) {
    args.x = x + h * p.pitch[1];
    args.y = y + h * y_row;
    args.rows = width / lanes;
    args.width = std::min(width, lanes);
    kernels.run(args);
    if (width % lanes == 0) continue;
    // The rest: a vector that overlaps the one before, or a short one.
    const index_t at = std::max<index_t>(0, width - lanes);
    args.x += at;
    args.y += at;
    args.rows = 1;
    kernels.run(args);
  }
}

template <class T>
void run_task(const ConvPlan& p, const Sweep& sweep, const View<const T>& x, const T* w,
              const Epilogue<T>& epilogue, T* y, index_t task, char* scratch) {
  const ScratchLayout at = scratch_layout(p);
  T* const staged = reinterpret_cast<T*>(scratch);
  auto* const columns = reinterpret_cast<TapColumns*>(scratch + at.columns);
  const Window* a = p.g.axis;
  const Finish<T> finish(p.isa, epilogue, y);
  TileAt tile;
  for (int i = kMaxSpatial - 1; i >= 0; task /= p.tiles[i--]) {
    tile.first[i] = task % p.tiles[i] * p.tile[i];
    tile.size[i] = std::min(p.tile[i], a[i].out - tile.first[i]);
  }
  const index_t parts = ceil_div(p.g.groups, p.group_block);
  const Range groups{task % parts * p.group_block, std::min((task % parts + 1) * p.group_block, p.g.groups)};
  tile.image = task / parts;

  const Block block{{{0, a[0].kernel}, {0, a[1].kernel}, {0, a[2].kernel}}, {0, 1}, 0};
  const StencilKernels<T>& kernels = stencil_kernels<T>(p.isa);
  StencilArgs<T> args{};
  args.x_row = sweep.x_row;
  args.columns = columns;
  args.end = list_tap_columns(p, sweep, columns);
  args.w_step = sweep.tap_step * (sweep.axis == 1 ? a[2].kernel : 1);
  const StageRuns runs = list_stage_runs(p, tile, block, reinterpret_cast<CopyRun*>(scratch + at.runs));
  const index_t pixel = (tile.first[0] * a[1].out + tile.first[1]) * a[2].out + tile.first[2];
  for (index_t group = groups.begin; group < groups.end; ++group) {
    stage_plane(p, x, runs, x.data + tile.image * x.stride[0] + group * x.stride[1], staged);
    if (group == groups.begin) skip_zeros(p, runs);
    for (index_t m = 0; m < p.g.oc; ++m) {
      const index_t channel = group * p.g.oc + m;
      T* out = y + (tile.image * p.g.oc_all + channel) * p.g.pixels() + pixel;
      args.w = w + channel * p.g.taps();
      args.start = epilogue.bias ? epilogue.bias[channel] : T(0);
      for (index_t d = 0; d < tile.size[0]; ++d, out += a[1].out * a[2].out) {
        sweep_plane(p, kernels, sweep, args, staged + d * p.pitch[0], out, tile.size[1], tile.size[2]);
        finish(out, a[2].out, tile.size[1], tile.size[2]);
      }
    }
  }
}

}  // namespace

template <class T>
void run_stencil(const ConvPlan& p, const View<const T>& x, const T* packed, const Epilogue<T>& epilogue,
                 T* y) {
  const Scratch scratch(p.scratch_bytes);
  const std::size_t each = scratch_bytes_of_thread(p);
  const Sweep sweep = choose_sweep(p, stencil_kernels<T>(p.isa).lanes);
  parallel_for(p.threads, tasks_of(p), [&](index_t task, int thread) {
    run_task(p, sweep, x, packed, epilogue, y, task,
             scratch.data() + static_cast<std::size_t>(thread) * each);
  });
}

template void run_stencil<float>(const ConvPlan&, const View<const float>&, const float*,
                                 const Epilogue<float>&, float*);
template void run_stencil<double>(const ConvPlan&, const View<const double>&, const double*,
                                  const Epilogue<double>&, double*);

}  // namespace ndnn
