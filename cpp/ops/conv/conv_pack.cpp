// SPDX-License-Identifier: MIT
// Weights in a plan's packed form: [group][block][panel][step][width], zeros in the unused lanes.
#include "core/parallel.hpp"
#include "core/scratch.hpp"
#include "ops/conv/conv_winograd.hpp"

namespace ndnn {
namespace {

// Source columns of one block in one output channel's weights, and the step each becomes.
struct Columns {
  index_t* source;
  index_t* step;
  index_t count;
  bool contiguous;  // source is first, first + 1, ...
};

void list_columns(const ConvPlan& p, const Block& b, bool flip, Columns& out) {
  const ConvGeometry& g = p.g;
  const bool as_they_are = p.form.algorithm == ConvAlgorithm::stencil;
  const auto tap = [&](int a, index_t k) { return flip ? g.axis[a].kernel - 1 - k : k; };
  const index_t channels = b.channels.size();
  out.count = 0;
  for (index_t c = 0; c < channels; ++c) {
    index_t t = 0;  // tap of the block
    for (index_t d = b.taps[0].begin; d < b.taps[0].end; ++d)
      for (index_t h = b.taps[1].begin; h < b.taps[1].end; ++h)
        for (index_t w = b.taps[2].begin; w < b.taps[2].end; ++w, ++t, ++out.count) {
          const index_t row = ((b.channels.begin + c) * g.axis[0].kernel + tap(0, d)) * g.axis[1].kernel;
          out.source[out.count] = (row + tap(1, h)) * g.axis[2].kernel + tap(2, w);
          out.step[out.count] = as_they_are ? out.count : t * channels + c;
        }
  }
  // Columns run in source order unless flipped or cut within the taps.
  out.contiguous = out.count > 0 && out.source[out.count - 1] - out.source[0] == out.count - 1 &&
                   (out.count == 1 || out.source[1] == out.source[0] + 1);
}

template <class T>
void pack_block_panel(const TileKernels<T>& kernels, const Columns& columns, const T* w, index_t ld,
                      const Panel& panel, T* dst) {
  if (panel.width % kernels.lanes == 0 && columns.contiguous) {
    for (index_t i = 0; i < panel.width; i += kernels.lanes)
      kernels.pack(w + i * ld + columns.source[0], ld, std::min<index_t>(kernels.lanes, panel.count - i),
                   columns.count, columns.step, dst + i, panel.width);
    return;
  }
  for (index_t i = 0; i < panel.width; ++i)
    for (index_t j = 0; j < columns.count; ++j)
      dst[columns.step[j] * panel.width + i] = i < panel.count ? w[i * ld + columns.source[j]] : T(0);
}

}  // namespace

template <class T>
void pack_conv(const ConvPlan& p, const T* w, bool flip, T* packed) {
  if (p.packed_elements == 0) return;
  if (is_winograd(p.form.algorithm)) return pack_winograd(p, w, flip, packed);
  const ConvGeometry& g = p.g;
  const TileKernels<T>& kernels = tile_kernels<T>(p.isa);
  const index_t ld = g.taps() * g.ic, channels = packed_channels(p, kernels.lanes);
  const index_t most = p.form.ic_block * product(p.form.tap_block);
  const Scratch scratch(static_cast<std::size_t>(2 * most) * sizeof(index_t));
  auto* table = reinterpret_cast<index_t*>(scratch.data());
  Columns columns{table, table + most, 0, false};
  // Enough work for a second thread: about 64k elements each.
  const int threads = static_cast<int>(std::clamp<index_t>(p.packed_elements >> 16, 1, p.threads));
  for_each_block(p, [&](const Block& b) {
    list_columns(p, b, flip, columns);
    parallel_for(threads, g.groups * p.panels, [&](index_t task, int) {
      const index_t group = task / p.panels;
      const Panel panel = panel_of(p, kernels.lanes, task % p.panels);
      const index_t before = group * g.taps() * g.ic + b.first_step;  // steps of all channels so far
      pack_block_panel(kernels, columns, w + (group * g.oc + panel.first) * ld, ld, panel,
                       packed + before * channels + panel.first * b.steps());
    });
  });
}

template void pack_conv<float>(const ConvPlan&, const float*, bool, float*);
template void pack_conv<double>(const ConvPlan&, const double*, bool, double*);

}  // namespace ndnn
