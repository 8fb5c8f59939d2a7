// SPDX-License-Identifier: MIT
// Copies the input of one tile into padded scratch. After this, padding, strides of the array, and the
// window's stride and dilation are nothing but offsets.
#include "ops/conv/conv_stage.hpp"

namespace ndnn {

CopyRun clipped_run(index_t at, index_t base, index_t step, index_t count, index_t in) {
  const index_t begin = base < 0 ? std::min(count, ceil_div(-base, step)) : 0;
  const index_t end = base >= in ? 0 : std::min(count, (in - 1 - base) / step + 1);
  const index_t n = std::max<index_t>(0, end - begin);
  return {at, n > 0 ? base + begin * step : 0, step, n > 0 ? begin : count, n, n > 0 ? count - end : 0};
}

namespace {

// The evenly spaced runs that `size` outputs from `first` read along one axis.
index_t list_runs(const ConvPlan& p, int a, Range taps, index_t first, index_t size, CopyRun* runs) {
  const Staging& s = p.stage[a];
  const Window& w = p.g.axis[a];
  const index_t base = w.position(first, taps.begin);
  index_t n = 0;
  if (s.kind == Staging::separate) {
    for (index_t k = 0; k < taps.size(); ++k)
      runs[n++] = clipped_run(k * p.copy_pitch[a], base + k * w.dilation, w.stride, size, w.in);
    return n;
  }
  const index_t extent = (size - 1) * w.stride + (taps.size() - 1) * w.dilation + 1;
  if (s.kind == Staging::dense) {
    CopyRun& run = runs[n++] = clipped_run(0, base, 1, extent, w.in);
    if (p.by_taps) run.lead = run.trail = 0;
    return n;
  }
  for (index_t phase = 0; phase < w.stride && phase < extent; ++phase)
    runs[n++] = clipped_run(phase * p.copy_pitch[a], base + phase, w.stride,
                            ceil_div(extent - phase, w.stride), w.in);
  return n;
}

}  // namespace

StageRuns list_stage_runs(const ConvPlan& p, const TileAt& tile, const Block& block, CopyRun* runs) {
  StageRuns all;
  for (int a = 0; a < kMaxSpatial; ++a) {
    all.first[a] = runs;
    all.count[a] = list_runs(p, a, block.taps[a], tile.first[a], tile.size[a], runs);
    runs += all.count[a];
  }
  return all;
}

void skip_zeros(const ConvPlan& p, const StageRuns& all) {
  for (int a = 0; a < kMaxSpatial; ++a)
    for (CopyRun* run = all.first[a]; run < all.first[a] + all.count[a]; ++run) {
      run->at += run->lead * p.pitch[a];
      run->lead = run->trail = 0;
    }
}

// Of the two phases of rows of stride 2, the one whose input comes first; null where they do not interleave.
const CopyRun* earlier_phase(const StageRuns& runs, index_t x_step) {
  const CopyRun* w = runs.first[2];
  if (runs.count[2] != 2 || w->step != 2 || x_step != 1) return nullptr;
  const bool swapped = w[1].from < w[0].from;
  const CopyRun &even = w[swapped], &odd = w[!swapped];
  const bool meet = odd.from == even.from + 1 && (even.n == odd.n || even.n == odd.n + 1);
  return meet ? &even : nullptr;
}

template <class T>
void stage_plane(const ConvPlan& p, const View<const T>& x, const StageRuns& runs, const T* channel,
                 T* plane) {
  const TileKernels<T>& kernels = tile_kernels<T>(p.isa);
  const auto copy_rows = kernels.copy_rows;
  const index_t row = p.pitch[1];
  const CopyRun *const begin = runs.first[2], *const end = begin + runs.count[2];
  const CopyRun* const even = earlier_phase(runs, x.stride[4]);
  const CopyRun* const odd = even == begin ? begin + 1 : begin;
  for (const CopyRun* d = runs.first[0]; d < runs.first[0] + runs.count[0]; ++d)
    for (index_t i = 0; i < d->lead + d->n + d->trail; ++i) {
      const bool inside = i >= d->lead && i < d->lead + d->n;
      const T* const slice = channel + (d->from + (i - d->lead) * d->step) * x.stride[2];
      for (const CopyRun* h = runs.first[1]; h < runs.first[1] + runs.count[1]; ++h) {
        const index_t lead = inside ? h->lead : h->lead + h->n + h->trail, x_row = h->step * x.stride[3];
        const T* const from = slice + h->from * x.stride[3];
        T* const above = plane + d->at + i * p.pitch[0] + h->at;
        T* const to = above + lead * row;
        for (const CopyRun* w = begin; w < end; ++w) {
          const index_t width = w->lead + w->n + w->trail;
          if (lead) copy_rows(nullptr, 0, 1, above + w->at, row, lead, width, 0, 0);
          if (!inside) continue;
          if (even) {
            if (w->lead) copy_rows(nullptr, 0, 1, to + w->at, row, h->n, w->lead, 0, 0);
            if (w->trail) copy_rows(nullptr, 0, 1, to + w->at + w->lead + w->n, row, h->n, w->trail, 0, 0);
          } else {
            copy_rows(from + w->from * x.stride[4], x_row, w->step * x.stride[4], to + w->at, row, h->n,
                      w->lead, w->n, w->trail);
          }
          if (h->trail) copy_rows(nullptr, 0, 1, to + w->at + h->n * row, row, h->trail, width, 0, 0);
        }
        if (inside && even)
          kernels.split_rows(from + even->from, x_row, to + even->at + even->lead, to + odd->at + odd->lead,
                             row, h->n, even->n + odd->n);
      }
    }
}

template <class T>
void stage_block(const ConvPlan& p, const View<const T>& x, const TileAt& tile, const Block& block,
                 CopyRun* runs, T* staged) {
  const StageRuns all = list_stage_runs(p, tile, block, runs);
  const T* const base =
      x.data + tile.image * x.stride[0] + (tile.group * p.g.ic + block.channels.begin) * x.stride[1];
  for (index_t c = 0; c < block.channels.size(); ++c)
    for (index_t i = 0; i < tile.images; ++i)
      stage_plane(p, x, all, base + c * x.stride[1] + i * x.stride[0],
                  staged + c * p.plane_pitch + i * p.image_pitch);
}

#define NDNN_INSTANTIATE(T)                                                                                  \
  template void stage_plane<T>(const ConvPlan&, const View<const T>&, const StageRuns&, const T*, T*);       \
  template void stage_block<T>(const ConvPlan&, const View<const T>&, const TileAt&, const Block&, CopyRun*, \
                               T*);
NDNN_INSTANTIATE(float)
NDNN_INSTANTIATE(double)
#undef NDNN_INSTANTIATE

}  // namespace ndnn
