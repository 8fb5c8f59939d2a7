// SPDX-License-Identifier: MIT
// How a plan cuts its work: panels of output channels, blocks of the reduction, tiles of outputs. Shared by
// packing and running, so that both see the same cuts.
#pragma once
#include "ops/conv/conv.hpp"
#include "ops/conv/stencil_kernels.hpp"
#include "ops/matmul/tile_kernels.hpp"

namespace ndnn {

// Output channels [first, first + count) of one group; the packed panel is `width` wide.
struct Panel {
  index_t first, count, width;
};

// Whether panels are whole vectors of output channels: full ones and a narrower last one. Otherwise their
// channels are dealt evenly, without padding.
inline bool has_vector_panels(ConvAlgorithm a) {
  return a == ConvAlgorithm::lanes_on_channels || is_winograd(a);
}
inline Panel panel_of(const ConvPlan& p, int lanes, index_t i) {
  if (!has_vector_panels(p.form.algorithm)) {
    const index_t first = i * p.g.oc / p.panels, end = (i + 1) * p.g.oc / p.panels;
    return {first, end - first, end - first};
  }
  const index_t first = i * p.form.panel;
  const index_t count = std::min<index_t>(p.form.panel, p.g.oc - first);
  return {first, count, round_up(count, lanes)};
}

// Channels of one group in packed form, padding included.
inline index_t packed_channels(const ConvPlan& p, int lanes) {
  return has_vector_panels(p.form.algorithm) ? round_up(p.g.oc, lanes) : p.g.oc;
}

// One block of the reduction: a box of taps times a range of input channels of the group.
struct Block {
  Range taps[kMaxSpatial];
  Range channels;
  index_t first_step = 0;  // reduction steps before this block
  index_t steps() const { return taps[0].size() * taps[1].size() * taps[2].size() * channels.size(); }
};

// Calls fn(block) for every block, in the order in which they are packed and summed. Within a block the
// steps run over taps, then channels: step = ((kd*KH + kh)*KW + kw)*channels + c. (The one block of a stencil
// has the order of the weights, channels first.)
template <class Fn>
void for_each_block(const ConvPlan& p, Fn&& fn) {
  Block b;
  const auto cut = [](index_t begin, index_t size, index_t all) {
    return Range{begin, std::min(begin + size, all)};
  };
  const Axes& t = p.form.tap_block;
  const Window* w = p.g.axis;
  for (index_t d = 0; d < w[0].kernel; d += t[0])
    for (index_t h = 0; h < w[1].kernel; h += t[1])
      for (index_t k = 0; k < w[2].kernel; k += t[2])
        for (index_t c = 0; c < p.g.ic; c += p.form.ic_block) {
          b.taps[0] = cut(d, t[0], w[0].kernel);
          b.taps[1] = cut(h, t[1], w[1].kernel);
          b.taps[2] = cut(k, t[2], w[2].kernel);
          b.channels = cut(c, p.form.ic_block, p.g.ic);
          fn(b);
          b.first_step += b.steps();
        }
}

// Staged offset of tap k (counted from the block's first tap) along axis a.
inline index_t tap_offset(const ConvPlan& p, int a, index_t k) {
  const Window& w = p.g.axis[a];
  switch (p.stage[a].kind) {
    case Staging::phases:
      return k * w.dilation % w.stride * p.copy_pitch[a] + k * w.dilation / w.stride * p.pitch[a];
    case Staging::separate: return k * p.copy_pitch[a];
    default: return k * w.dilation * p.pitch[a];
  }
}

// by_taps: a dense block begins at the first input position, not in the padding before it, so offsets count
// from that many positions before its start.
inline index_t clipped_start(const ConvPlan& p, int a, index_t base) {
  return p.by_taps && p.stage[a].kind == Staging::dense ? std::max<index_t>(0, -base) : 0;
}

// Reduction offsets of a block: taps, then channels.
inline void list_columns(const ConvPlan& p, const Block& b, index_t plane_pitch, index_t* out) {
  const index_t channels = b.channels.size();
  for (index_t d = 0; d < b.taps[0].size(); ++d)
    for (index_t h = 0; h < b.taps[1].size(); ++h)
      for (index_t w = 0; w < b.taps[2].size(); ++w) {
        index_t offset = tap_offset(p, 0, d) + tap_offset(p, 1, h) + tap_offset(p, 2, w);
        for (index_t c = 0; c < channels; ++c, offset += plane_pitch) *out++ = offset;
      }
}

// lanes_on_pixels: a tile's outputs as one run of staged positions, gaps at the row ends included.
inline index_t flat_pixels_of(const ConvPlan& p, const Axes& tile) {
  return (tile[0] - 1) * p.pitch[0] + (tile[1] - 1) * p.pitch[1] + tile[2];
}

inline index_t outputs_of_tile(const ConvPlan& p) { return product(p.tile) * p.images; }
inline index_t tasks_of(const ConvPlan& p) {
  return ceil_div(p.g.n, p.images) * ceil_div(p.g.groups, p.group_block) * product(p.tiles) * p.splits;
}

// lanes_on_channels: sums of all outputs of the tile are kept, not of one group after another.
inline bool keeps_sums(const ConvPlan& p) { return p.blocks > 1 || p.by_taps; }

// lanes_on_channels: outputs whose sums one panel keeps, with room for the transposition's reads.
inline index_t sum_rows(const ConvPlan& p, int lanes) {
  return (keeps_sums(p) ? outputs_of_tile(p) : std::min(product(p.tile), kRowGroup + kShortRest)) + lanes;
}

// Outputs of one axis that touch the same taps.
struct TapSegment {
  Range outputs, taps;
};
constexpr index_t kMostSegments = 64;
// Cuts `outputs` of axis w; 0 where there would be more than kMostSegments.
inline index_t tap_segments(const Window& w, Range outputs, TapSegment* segments) {
  index_t n = 0;
  for (index_t o = outputs.begin; o < outputs.end; ++o) {
    const Range taps = touching_taps(w, {o, o + 1});
    if (n > 0 && segments[n - 1].taps == taps) {
      segments[n - 1].outputs.end = o + 1;
      continue;
    }
    if (n == kMostSegments) return 0;
    segments[n++] = {{o, o + 1}, taps};
  }
  return n;
}

// One kernel call: n outputs, and the taps that touch the input for any of them.
struct PixelTile {
  index_t first;  // channels: of the row tables; pixels: staged position
  index_t c;      // pixels: where the sums go
  index_t n;
  index_t repeat;     // pixels: so many such tiles, side by side
  bool closes_group;  // channels: the outputs since the last such tile are stored together
  Range taps[kMaxSpatial];
};

// One run along one axis of a staged block, from staged offset `at`: `lead` zeros, n inputs from `from` in
// steps, `trail` zeros.
struct CopyRun {
  index_t at, from, step, lead, n, trail;
};

// Scratch of one thread: where its parts begin, in bytes.
struct ScratchLayout {
  std::size_t sums, rows, outs, columns, steps, tiles, runs, total;
};
inline ScratchLayout scratch_layout(const ConvPlan& p) {
  const auto lines = [](index_t bytes) { return static_cast<std::size_t>(round_up(bytes, kAlignment)); };
  const index_t word = sizeof(index_t);
  const Axes& taps = p.form.tap_block;
  const bool pixels = p.form.algorithm != ConvAlgorithm::lanes_on_channels;
  const index_t outputs = outputs_of_tile(p), kept_rows = pixels ? 0 : outputs * word;
  ScratchLayout s;
  s.sums = lines(p.stage_elements * p.item_bytes);
  s.rows = s.sums + lines(p.sums_elements * p.item_bytes);
  s.outs = s.rows + lines(kept_rows);
  s.columns = s.outs + lines(kept_rows);
  const index_t column = p.form.algorithm == ConvAlgorithm::stencil ? index_t(sizeof(TapColumns)) : word;
  s.steps = s.columns + lines(product(taps) * p.form.ic_block * column);
  s.tiles = s.steps + lines(taps[0] * taps[1] * index_t(sizeof(Steps)));
  s.runs = s.tiles + lines(p.kernel_calls * index_t(sizeof(PixelTile)));
  s.total = s.runs + lines((taps[0] + taps[1] + taps[2] + kMaxSpatial) * index_t(sizeof(CopyRun)));
  return s;
}
// Stencil: the kernel is one tap high, so that vectors of a row take the part of rows.
inline bool sweeps_along_rows(const ConvGeometry& g, index_t lanes) {
  return g.axis[1].kernel == 1 && (g.axis[1].out == 1 || g.axis[2].kernel > lanes);
}
// conv_stencil.cpp; weights are read where they lie
template <class T>
void run_stencil(const ConvPlan& p, const View<const T>& x, const T* w, const WeightLayout& layout,
                 const Epilogue<T>& epilogue, T* y);

inline std::size_t scratch_bytes_of_thread(const ConvPlan& p) { return scratch_layout(p).total; }

}  // namespace ndnn
