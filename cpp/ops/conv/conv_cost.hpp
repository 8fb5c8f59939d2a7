// SPDX-License-Identifier: MIT
// What plans know of the tile kernels' speed. All costs are cycles of one core at two FMAs a cycle; the
// constants were measured on AVX-512 and only their ratios matter.
#pragma once
#include <cmath>
#include <limits>

#include "core/parallel.hpp"
#include "ops/conv/conv_blocks.hpp"
#include "ops/conv/stencil_kernels.hpp"

namespace ndnn {

constexpr double kTaskCycles = 100e3;  // a smaller task does not pay for its staging
constexpr double kTasksPerCore = 4;    // of the machine, so that the cuts do not depend on threads

// What the plan needs to know of an instruction set's tiles.
struct Tiles {
  int lanes, channel_rows[kMaxVectors], pixel_rows, pixel_vectors, stencil_rows;
  bool masked_stencil;
};
template <class T>
Tiles tiles_of(Isa isa) {
  const TileKernels<T>& k = tile_kernels<T>(isa);
  Tiles t{k.lanes,
          {},
          k.pixel_rows,
          k.pixel_vectors,
          stencil_kernels<T>(isa).rows,
          stencil_kernels<T>(isa).in_place[0][0] != nullptr};
  std::copy(k.channel_rows, k.channel_rows + kMaxVectors, t.channel_rows);
  return t;
}

// Size of the parts when n things are dealt evenly to parts of at most `most`.
inline index_t even(index_t n, index_t most) { return n <= most ? n : ceil_div(n, ceil_div(n, most)); }

// FMA-bound, or bound by two loads a cycle.
inline double channel_tile_cycles(double rows, double vectors) {
  return std::max(rows * vectors / 2, (rows + vectors + 1) / 2);
}
// Cycles of one reduction step of `rows` outputs with a panel of `vectors`.
inline double panel_step_cycles(const Tiles& t, int vectors, double rows) {
  const double count = std::ceil(rows / t.channel_rows[vectors - 1]);
  return count * channel_tile_cycles(rows / count, vectors);
}
// The same over all panels of `channels` output channels, for panels of v vectors.
inline double panels_step_cycles(const Tiles& t, index_t channels, int v, double rows) {
  const index_t width = index_t{v} * t.lanes, full = channels / width;
  const int rest = static_cast<int>(ceil_div(channels % width, t.lanes));
  double cycles = 0;
  if (full) cycles += double(full) * panel_step_cycles(t, v, rows);
  if (rest) cycles += panel_step_cycles(t, rest, rows);
  return cycles;
}
// The panel width, in vectors, with the least waste; wider panels reuse each load of x more often.
inline int best_panel(const Tiles& t, index_t channels, double rows) {
  double best = std::numeric_limits<double>::infinity();
  int vectors = 1;
  for (int v = kMaxVectors; v >= 1; --v) {
    if (t.channel_rows[v - 1] == 0) continue;
    const double cost = panels_step_cycles(t, channels, v, rows);
    if (cost < best * 0.999) {
      best = cost;
      vectors = v;
    }
  }
  return vectors;
}

// The largest number up to `most` that fits, or 1.
template <class Fits>
index_t largest(index_t most, Fits&& fits) {
  index_t low = 1;
  while (low < most) {
    const index_t middle = low + (most - low + 1) / 2;
    if (fits(middle)) low = middle;
    else most = middle - 1;
  }
  return low;
}

// Whether every output reads one element, and no padding.
inline bool reads_single_elements(const ConvGeometry& g) {
  for (const Window& w : g.axis)
    if (w.kernel > 1 || w.pad_lo > 0 || (w.out - 1) * w.stride >= w.in) return false;
  return true;
}

// The taps of one block: whole inner axes while there are at most `most` of them.
inline void cut_taps(const ConvGeometry& g, index_t most, Axes& taps) {
  for (int a = 0; a < kMaxSpatial; ++a) taps[a] = g.axis[a].kernel;
  for (int a = 0; a < kMaxSpatial && product(taps) > most; ++a) {
    taps[a] = 1;  // as many of this axis as still fit
    taps[a] = even(g.axis[a].kernel, std::max<index_t>(1, most / product(taps)));
  }
}

// How taps of one axis are staged for `tile` outputs. unit_step: neighbouring outputs must be neighbours.
inline Staging staging_of(const ConvPlan& p, int a, index_t tile, bool unit_step) {
  const Window& w = p.g.axis[a];
  const index_t taps = p.form.tap_block[a];
  // dilation*taps may be huge, but was checked not to overflow in set_output_size().
  const index_t dense = (tile - 1) * w.stride + (taps - 1) * w.dilation + 1;
  if (unit_step && w.stride > 1) {
    const index_t length = ceil_div(dense, w.stride);
    if (w.stride <= taps && length * w.stride < taps * tile) return {Staging::phases, w.stride, length, 1};
  } else if (dense <= taps * tile) {
    // Where no output reads padding, the block holds none.
    return {Staging::dense, 1, p.by_taps ? std::min(dense, w.in) : dense, w.stride};
  }
  return {Staging::separate, taps, tile, 1};
}
// Sets tile, stage[] and the pitches; align_rows: so that the rows' first taps are on the line.
inline void lay_out_stage(ConvPlan& p, const Axes& tile, bool unit_step, bool align_rows) {
  p.tile = tile;
  for (int a = 0; a < kMaxSpatial; ++a) p.stage[a] = staging_of(p, a, tile[a], unit_step);
  const index_t line = kAlignment / p.item_bytes;
  index_t all = 1;
  for (int a = kMaxSpatial - 1; a >= 0; --a) {
    p.pitch[a] = all;
    all *= p.stage[a].length;
    if (align_rows && a == 2) all = round_up(all, line);
  }
  for (int a = kMaxSpatial - 1; a >= 0; all *= p.stage[a--].copies) p.copy_pitch[a] = all;
  // An odd number of lines: planes a power of two apart would share few cache sets.
  p.image_pitch = all;
  p.plane_pitch = round_up(all * p.images, line);
  if (p.plane_pitch / line % 2 == 0) p.plane_pitch += line;
}

// Groups of one task, where one alone is little work; `blocks` tasks would do one group.
inline index_t groups_of_task(const ConvPlan& p, double blocks) {
  const double all = blocks * double(p.g.groups);
  const double wanted = kTaskCycles * all / std::max(1.0, p.cycles);
  const double most = std::ceil(all / (kTasksPerCore * cores()));
  return even(p.g.groups, index_t(std::max(1.0, std::min(wanted, most))));
}

}  // namespace ndnn
