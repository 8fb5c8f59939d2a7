// SPDX-License-Identifier: MIT
// Weights in a plan's packed form: [group][block][panel][step][width], zeros in the unused lanes.
#include "ops/conv/conv_pack.hpp"

#include "core/parallel.hpp"
#include "core/scratch.hpp"
#include "ops/conv/conv_winograd.hpp"

namespace ndnn {

template <class T>
void pack_channels(const TileKernels<T>& kernels, const WeightColumns& columns, const T* w,
                   const WeightLayout& layout, const Panel& panel, T* dst) {
  const index_t lanes = kernels.lanes;
  const bool one_part =
      layout.parts.empty() || panel.first % layout.part_channels + panel.count <= layout.part_channels;
  if (panel.width % lanes == 0 && columns.contiguous && one_part) {
    for (index_t i = 0; i < panel.width; i += lanes)
      kernels.pack(w + layout.row(panel.first + i) + columns.source[0], layout.out_pitch,
                   std::min<index_t>(lanes, panel.count - i), columns.count, columns.step, dst + i,
                   panel.width);
    return;
  }
  // Step by step: where output channels are next to each other, these are neighbours in memory.
  index_t row[kMaxPixelTile];
  for (index_t i = 0; i < panel.count; ++i) row[i] = layout.row(panel.first + i);
  for (index_t j = 0; j < columns.count; ++j) {
    const T* const from = w + columns.source[j];
    T* const to = dst + columns.step[j] * panel.width;
    for (index_t i = 0; i < panel.count; ++i) to[i] = from[row[i]];
    std::fill(to + panel.count, to + panel.width, T(0));
  }
}

template <class T>
void pack_conv(const ConvPlan& p, const T* w, const WeightLayout& layout, T* packed) {
  if (p.packed_elements == 0) return;
  if (is_winograd(p.form.algorithm)) return pack_winograd(p, w, layout, packed);
  const ConvGeometry& g = p.g;
  const TileKernels<T>& kernels = tile_kernels<T>(p.isa);
  const index_t channels = packed_channels(p, kernels.lanes);
  const index_t most = p.form.ic_block * product(p.form.tap_block);
  const Scratch scratch(static_cast<std::size_t>(2 * most) * sizeof(index_t));
  auto* table = reinterpret_cast<index_t*>(scratch.data());
  WeightColumns columns{table, table + most};
  // Enough work for a second thread: about 64k elements each.
  const int threads = static_cast<int>(std::clamp<index_t>(p.packed_elements >> 16, 1, p.threads));
  for_each_block(p, [&](const Block& b) {
    const bool stencil = p.form.algorithm == ConvAlgorithm::stencil;
    const auto step_of = [&](const Axes& k, index_t c) {
      const index_t row = (k[0] - b.taps[0].begin) * b.taps[1].size() + k[1] - b.taps[1].begin;
      const index_t tap = row * b.taps[2].size() + k[2] - b.taps[2].begin;
      return stencil ? c * g.taps() + tap : tap * b.channels.size() + c;
    };
    list_weight_columns(layout, b, step_of, columns);
    parallel_for(threads, g.groups * p.panels, [&](index_t task, int) {
      const index_t group = task / p.panels;
      const Panel panel = panel_of(p, kernels.lanes, task % p.panels);
      const index_t before = group * g.taps() * g.ic + b.first_step;  // steps of all channels so far
      pack_channels(kernels, columns, w + group * layout.group_pitch, layout, panel,
                    packed + before * channels + panel.first * b.steps());
    });
  });
}

#define NDNN_INSTANTIATE(T)                                                                                  \
  template void pack_channels<T>(const TileKernels<T>&, const WeightColumns&, const T*, const WeightLayout&, \
                                 const Panel&, T*);                                                          \
  template void pack_conv<T>(const ConvPlan&, const T*, const WeightLayout&, T*);
NDNN_INSTANTIATE(float)
NDNN_INSTANTIATE(double)
#undef NDNN_INSTANTIATE

}  // namespace ndnn
