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
    outputs += part.plan.g.oc * product(part_outputs(p, part, band_at(p, 0)));
    taps += part.plan.g.taps();
  }
  taps *= ceil_div(p.box.size[1], p.band);
  const std::size_t columns = static_cast<std::size_t>(round_up(outputs * p.item_bytes, kAlignment));
  return {columns,
          columns + static_cast<std::size_t>(round_up(taps * index_t(sizeof(TapColumns)), kAlignment))};
}

namespace {

// One band of a plane, and what one thread sweeps it with: the phases of each part.
template <class T>
struct PartSweeps {
  const PhaseConvolution& part;
  View<const T> x;
  T* outputs;
  Axes size;
  TileSweeps<StencilArgs<T>> sweeps;
};
template <class T>
struct Band {
  PhaseBox box;
  std::vector<PartSweeps<T>> parts;
  std::vector<const T*> outputs;
};

template <class T>
std::vector<Band<T>> list_bands(const ConvTransposePlan& p, const View<const T>& x, char* scratch) {
  const StencilKernels<T>& kernels = stencil_kernels<T>(p.isa);
  auto* columns = reinterpret_cast<TapColumns*>(scratch + planes_scratch(p).columns);
  std::vector<Band<T>> bands;
  for (index_t row = 0; row < p.box.size[1]; row += p.band) {
    Band<T> band{band_at(p, row), {}, {}};
    T* outputs = reinterpret_cast<T*>(scratch);
    for (const PhaseConvolution& part : p.parts) {
      const BoxConvolution b = box_convolution(p, part, p.box);
      View<const T> own = x;
      own.data += b.x_offset;
      own.stride = b.x_stride;
      TileAt tile;
      tile.first = band.box.first;
      tile.size = part_outputs(p, part, band.box);
      band.outputs.push_back(outputs);
      band.parts.push_back(
          {part, own, outputs, tile.size,
           TileSweeps<StencilArgs<T>>(part.plan, kernels, own, tile, choose_sweep(part.plan, kernels.lanes),
                                      part.weights, columns)});
      outputs += part.plan.g.oc * product(tile.size);
      columns += part.plan.g.taps();
    }
    bands.push_back(std::move(band));
  }
  return bands;
}

// All phases of one part of a band, into scratch.
template <class T>
void sweep(PartSweeps<T>& s, index_t image, index_t group, const T* w, T start) {
  const WeightLayout& layout = s.part.weights;
  const index_t slice = s.size[1] * s.size[2];
  if (slice == 0) return;  // the last band may have no row of these phases
  const T* const from = s.x.data + image * s.x.stride[0] + group * s.x.stride[1];
  s.sweeps.args().start = start;
  T* outputs = s.outputs;
  for (index_t m = 0; m < s.part.plan.g.oc; ++m) {
    s.sweeps.args().w = w + group * layout.group_pitch + layout.row(m);
    for (index_t d = 0; d < s.size[0]; ++d, outputs += slice) s.sweeps(d, from, outputs);
  }
}

}  // namespace

template <class T>
void run_planes(const ConvTransposePlan& p, const View<const T>& x, const T* w, const T* bias, T* y) {
  const Interleaver<T> interleaver(p, bias, y);
  const std::size_t each = planes_scratch(p).total;
  const Scratch scratch(each * static_cast<std::size_t>(p.threads));
  std::vector<std::vector<Band<T>>> bands;
  for (int thread = 0; thread < p.threads; ++thread)
    bands.push_back(list_bands(p, x, scratch.data() + static_cast<std::size_t>(thread) * each));
  const index_t planes = p.g.n * p.g.groups;
  const double wanted = std::clamp(p.cycles / kTaskCycles, 1.0, double(planes));
  const index_t block = ceil_div(planes, index_t(wanted));
  parallel_for(p.threads, ceil_div(planes, block), [&](index_t task, int thread) {
    for (index_t plane = task * block; plane < std::min(planes, (task + 1) * block); ++plane)
      for (Band<T>& band : bands[static_cast<std::size_t>(thread)]) {
        const index_t image = plane / p.g.groups, group = plane % p.g.groups;
        for (PartSweeps<T>& s : band.parts) sweep(s, image, group, w, bias ? bias[group] : T(0));
        interleaver.run(band.box, {image, group, 1, 0}, band.outputs);
      }
  });
}

template void run_planes<float>(const ConvTransposePlan&, const View<const float>&, const float*,
                                const float*, float*);
template void run_planes<double>(const ConvTransposePlan&, const View<const double>&, const double*,
                                 const double*, double*);

}  // namespace ndnn
