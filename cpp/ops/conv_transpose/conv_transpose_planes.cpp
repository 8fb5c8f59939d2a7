// SPDX-License-Identifier: MIT
// Depthwise transposed convolutions, and gradients of depthwise convolutions for their input: plane by plane,
// the stencils of all phases into scratch, from where they are interleaved while they are in the cache.
#include "core/scratch.hpp"
#include "ops/conv/stencil_sweeps.hpp"
#include "ops/conv_transpose/conv_transpose_interleave.hpp"

namespace ndnn {

PlanesScratch planes_scratch(const ConvTransposePlan& p) {
  index_t outputs = 0, taps = 0;
  for (const PhaseConvolution& part : p.parts) {
    outputs += part.plan.g.oc * part.plan.g.pixels();
    taps += part.plan.g.taps();
  }
  const std::size_t columns = static_cast<std::size_t>(round_up(outputs * p.item_bytes, kAlignment));
  return {columns,
          columns + static_cast<std::size_t>(round_up(taps * index_t(sizeof(TapColumns)), kAlignment))};
}

namespace {

// What one thread sweeps one plane of x with: the phases of one part.
template <class T>
struct PartSweeps {
  const PhaseConvolution& part;
  View<const T> x;
  T* outputs;
  TileSweeps<StencilArgs<T>> sweeps;
};

template <class T>
std::vector<PartSweeps<T>> list_sweeps(const ConvTransposePlan& p, const View<const T>& x, char* scratch) {
  const StencilKernels<T>& kernels = stencil_kernels<T>(p.isa);
  auto* columns = reinterpret_cast<TapColumns*>(scratch + planes_scratch(p).columns);
  T* outputs = reinterpret_cast<T*>(scratch);
  std::vector<PartSweeps<T>> all;
  for (const PhaseConvolution& part : p.parts) {
    const BoxConvolution b = box_convolution(p, part, p.box);
    const ConvGeometry& g = part.plan.g;
    View<const T> own = x;
    own.data += b.x_offset;
    own.stride = b.x_stride;
    TileAt whole;
    for (int a = 0; a < kMaxSpatial; ++a) whole.size[a] = g.axis[a].out;
    all.push_back(
        {part, own, outputs,
         TileSweeps<StencilArgs<T>>(part.plan, kernels, own, whole, choose_sweep(part.plan, kernels.lanes),
                                    part.weights, columns)});
    outputs += g.oc * g.pixels();
    columns += g.taps();
  }
  return all;
}

}  // namespace

template <class T>
void run_planes(const ConvTransposePlan& p, const View<const T>& x, const T* w, const T* bias, T* y) {
  const Interleaver<T> interleaver(p, bias, y);
  const std::size_t each = planes_scratch(p).total;
  const Scratch scratch(each * static_cast<std::size_t>(p.threads));
  std::vector<std::vector<PartSweeps<T>>> sweeps;
  std::vector<std::vector<const T*>> outputs;
  for (int thread = 0; thread < p.threads; ++thread) {
    sweeps.push_back(list_sweeps(p, x, scratch.data() + static_cast<std::size_t>(thread) * each));
    outputs.emplace_back();
    for (const PartSweeps<T>& s : sweeps.back()) outputs.back().push_back(s.outputs);
  }
  const index_t planes = p.g.n * p.g.groups;
  const double wanted = std::clamp(p.cycles / kTaskCycles, 1.0, double(planes));
  const index_t block = ceil_div(planes, index_t(wanted));
  parallel_for(p.threads, ceil_div(planes, block), [&](index_t task, int thread) {
    const auto own = static_cast<std::size_t>(thread);
    for (index_t plane = task * block; plane < std::min(planes, (task + 1) * block); ++plane) {
      const index_t image = plane / p.g.groups, group = plane % p.g.groups;
      for (PartSweeps<T>& s : sweeps[own]) {
        const ConvGeometry& g = s.part.plan.g;
        const index_t slice = g.axis[1].out * g.axis[2].out;
        const T* const from = s.x.data + image * s.x.stride[0] + group * s.x.stride[1];
        s.sweeps.args().start = bias ? bias[group] : T(0);
        for (index_t m = 0; m < g.oc; ++m) {
          s.sweeps.args().w = w + group * s.part.weights.group_pitch + s.part.weights.row(m);
          for (index_t d = 0; d < g.axis[0].out; ++d)
            s.sweeps(d, from, s.outputs + m * g.pixels() + d * slice);
        }
      }
      interleaver.run(p.box, {image, group, 1, 0}, outputs[own]);
    }
  });
}

template void run_planes<float>(const ConvTransposePlan&, const View<const float>&, const float*,
                                const float*, float*);
template void run_planes<double>(const ConvTransposePlan&, const View<const double>&, const double*,
                                 const double*, double*);

}  // namespace ndnn
