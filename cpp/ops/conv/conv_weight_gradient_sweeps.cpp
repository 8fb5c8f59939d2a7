// SPDX-License-Identifier: MIT
// The weight gradient of depthwise convolutions: the stencil's sweeps, whose sums are the taps'. A group's
// input is read in place or staged, one image after another; every tap has a vector of sums, whose lanes are
// added last.
#include "ops/conv/conv_weight_gradient_task.hpp"
#include "ops/conv/stencil_sweeps.hpp"

namespace ndnn {

template <class T>
void run_sweeps(const WeightGradientPlan& p, const View<const T>& x, const T* dy, bool flip,
                const GradientTask& t, char* scratch, T* dw) {
  const ConvPlan& in = p.in;
  const ConvGeometry& g = in.g;
  const StencilGradientKernels<T>& kernels = stencil_gradient_kernels<T>(in.isa);
  const WeightGradientScratch at = weight_gradient_scratch(p);
  T* const staged = reinterpret_cast<T*>(scratch);
  T* const sums = reinterpret_cast<T*>(scratch + at.packed);
  auto* const columns = reinterpret_cast<TapColumns*>(scratch + at.rows);
  const Sweep sweep = choose_sweep(in, kernels.lanes);
  const WeightLayout layout = weight_layout(g, false);
  const index_t taps = g.taps(), lanes = kernels.lanes, slice = g.axis[1].out * g.axis[2].out;
  for (Range groups = t.groups; groups.begin < t.groups.end; groups.begin = groups.end) {
    groups.end = std::min(groups.begin + p.groups_of_sums, t.groups.end);
    std::fill_n(sums, in.sums_elements, T(0));
    bool stand = false;
    for_each_tile(p, t, [&](TileAt tile) {
      TileSweeps<StencilGradientArgs<T>> sweep_plane(in, kernels, x, tile, sweep, layout, columns);
      StageRuns runs;
      if (!in.in_place)
        runs = list_stage_runs(in, tile, t.block, reinterpret_cast<CopyRun*>(scratch + at.runs));
      stand = stand && product(in.tiles) == 1;
      sweep_plane.args().sum = flip ? -lanes : lanes;
      for (tile.group = groups.begin; tile.group < groups.end; ++tile.group) {
        const T* from = x.data + tile.image * x.stride[0] + tile.group * x.stride[1];
        if (!in.in_place) {
          stage_images(p, x, tile, t.block.channels, runs, stand, staged);
          from = staged;
        }
        stand = true;
        sweep_plane.args().sums = sums + ((tile.group - groups.begin) * taps + (flip ? taps - 1 : 0)) * lanes;
        const T* const outputs = dy + first_output(g, tile);
        for (index_t d = 0; d < tile.size[0]; ++d) sweep_plane(d, from, outputs + d * slice);
      }
    });
    kernels.add_lanes(sums, groups.size() * taps, dw + groups.begin * taps);
  }
}

template void run_sweeps<float>(const WeightGradientPlan&, const View<const float>&, const float*, bool,
                                const GradientTask&, char*, float*);
template void run_sweeps<double>(const WeightGradientPlan&, const View<const double>&, const double*, bool,
                                 const GradientTask&, char*, double*);

}  // namespace ndnn
