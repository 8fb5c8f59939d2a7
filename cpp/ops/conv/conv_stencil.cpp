// SPDX-License-Identifier: MIT
// The stencil algorithm: depthwise convolutions. One task: a tile of outputs of some channels of one image;
// each channel is staged into L1 and swept by one kernel call.
#include "core/parallel.hpp"
#include "core/scratch.hpp"
#include "ops/conv/conv_stage.hpp"
#include "ops/conv/epilogue_kernels.hpp"
#include "ops/conv/stencil_kernels.hpp"

namespace ndnn {
namespace {

template <class T>
StencilFn<T> choose_kernel(const ConvPlan& p) {
  const StencilKernels<T>& all = stencil_kernels<T>(p.isa);
  const Window &h = p.g.axis[1], &w = p.g.axis[2];
  const bool plain = h.stride == 1 && w.stride == 1 && h.dilation == 1 && w.dilation == 1 &&
                     p.stage[1].kind == Staging::dense && p.stage[2].kind == Staging::dense;
  const bool square = p.g.axis[0].kernel == 1 && h.kernel == w.kernel && w.kernel % 2 == 1;
  if (plain && square && w.kernel >= 3 && w.kernel <= 7) return all.square[(w.kernel - 3) / 2];
  return all.any;
}

template <class T>
void run_task(const ConvPlan& p, StencilFn<T> kernel, const View<const T>& x, const T* w,
              const Epilogue<T>& epilogue, T* y, index_t task, char* scratch) {
  const ScratchLayout at = scratch_layout(p);
  T* const staged = reinterpret_cast<T*>(scratch);
  auto* const col = reinterpret_cast<index_t*>(scratch + at.columns);
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
  list_columns(p, block, col);
  const StageRuns runs = list_stage_runs(p, tile, block, reinterpret_cast<CopyRun*>(scratch + at.runs));
  const index_t pixel = (tile.first[0] * a[1].out + tile.first[1]) * a[2].out + tile.first[2];
  for (index_t group = groups.begin; group < groups.end; ++group) {
    stage_plane(p, x, runs, x.data + tile.image * x.stride[0] + group * x.stride[1], staged);
    for (index_t m = 0; m < p.g.oc; ++m) {
      const index_t channel = group * p.g.oc + m;
      T* out = y + (tile.image * p.g.oc_all + channel) * p.g.pixels() + pixel;
      StencilArgs<T> args{staged,
                          p.pitch[1],
                          col,
                          p.g.taps(),
                          w + channel * p.g.taps(),
                          epilogue.bias ? epilogue.bias[channel] : T(0),
                          out,
                          a[2].out,
                          tile.size[1],
                          tile.size[2]};
      for (index_t d = 0; d < tile.size[0]; ++d) {
        kernel(args);
        finish(args.y, args.y_row, args.rows, args.width);
        args.x += p.pitch[0];
        args.y += a[1].out * a[2].out;
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
  const StencilFn<T> kernel = choose_kernel<T>(p);
  parallel_for(p.threads, tasks_of(p), [&](index_t task, int thread) {
    run_task(p, kernel, x, packed, epilogue, y, task,
             scratch.data() + static_cast<std::size_t>(thread) * each);
  });
}

template void run_stencil<float>(const ConvPlan&, const View<const float>&, const float*,
                                 const Epilogue<float>&, float*);
template void run_stencil<double>(const ConvPlan&, const View<const double>&, const double*,
                                  const Epilogue<double>&, double*);

}  // namespace ndnn
