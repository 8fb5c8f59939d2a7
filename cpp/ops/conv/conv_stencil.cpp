// SPDX-License-Identifier: MIT
// The stencil algorithm: depthwise convolutions and small groups. One task: a tile of outputs of some groups
// of one image. A group's input is read in place or staged; a kernel call or a few sweep each output channel.
#include "core/scratch.hpp"
#include "ops/conv/epilogue_kernels.hpp"
#include "ops/conv/stencil_sweeps.hpp"

namespace ndnn {
namespace {

template <class T>
void run_task(const ConvPlan& p, const Sweep& sweep, const View<const T>& x, const T* w,
              const WeightLayout& layout, const Epilogue<T>& epilogue, T* y, index_t task, char* scratch) {
  const ScratchLayout at = scratch_layout(p);
  T* const staged = reinterpret_cast<T*>(scratch);
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

  const Block block{{{0, a[0].kernel}, {0, a[1].kernel}, {0, a[2].kernel}}, {0, p.g.ic}, 0};
  TileSweeps<StencilArgs<T>> sweep_plane(p, stencil_kernels<T>(p.isa), x, tile, sweep, layout,
                                         reinterpret_cast<TapColumns*>(scratch + at.columns));
  StageRuns runs;
  if (!p.in_place) runs = list_stage_runs(p, tile, block, reinterpret_cast<CopyRun*>(scratch + at.runs));
  const index_t pixel = (tile.first[0] * a[1].out + tile.first[1]) * a[2].out + tile.first[2];
  for (index_t group = groups.begin; group < groups.end; ++group) {
    const T* const group_of_x = x.data + tile.image * x.stride[0] + group * p.g.ic * x.stride[1];
    for (index_t c = 0; c < p.g.ic && !p.in_place; ++c)
      stage_plane(p, x, runs, group_of_x + c * x.stride[1], staged + c * p.plane_pitch);
    if (!p.in_place && group == groups.begin) skip_zeros(p, runs);
    for (index_t m = 0; m < p.g.oc; ++m) {
      const index_t channel = group * p.g.oc + m;
      T* out = y + (tile.image * p.g.oc_all + channel) * p.g.pixels() + pixel;
      sweep_plane.args().w = w + group * layout.group_pitch + layout.row(m);
      sweep_plane.args().start = epilogue.bias ? epilogue.bias[channel] : T(0);
      for (index_t d = 0; d < tile.size[0]; ++d, out += a[1].out * a[2].out) {
        sweep_plane(d, p.in_place ? group_of_x : staged, out);
        finish(out, a[2].out, tile.size[1], tile.size[2]);
      }
    }
  }
}

}  // namespace

template <class T>
void run_stencil(const ConvPlan& p, const View<const T>& x, const T* w, const WeightLayout& layout,
                 const Epilogue<T>& epilogue, T* y) {
  const Scratch scratch(p.scratch_bytes);
  const std::size_t each = scratch_bytes_of_thread(p);
  const Sweep sweep = choose_sweep(p, stencil_kernels<T>(p.isa).lanes);
  parallel_for(p.threads, tasks_of(p), [&](index_t task, int thread) {
    run_task(p, sweep, x, w, layout, epilogue, y, task,
             scratch.data() + static_cast<std::size_t>(thread) * each);
  });
}

#define NDNN_INSTANTIATE(T)                                                                          \
  template void run_stencil<T>(const ConvPlan&, const View<const T>&, const T*, const WeightLayout&, \
                               const Epilogue<T>&, T*);
NDNN_INSTANTIATE(float)
NDNN_INSTANTIATE(double)
#undef NDNN_INSTANTIATE

}  // namespace ndnn
