// SPDX-License-Identifier: MIT
// How a Winograd plan lays out a block of tiles. Shared by planning, packing and running.
//
//   input   patch[position][lane]               staged, lanes = channels of the group
//   B d     inputs[product][channel block][entry][channel]
//   G g     packed[group][product][panel][step][width],  step = (channel block, tap group, channel)
//   *       sums[product][tile][output channel] = sum over steps of inputs * packed
//   A       outputs[position][lane]             then transposed into y
//
// An entry is a place whose input is transformed: a tile for each tap group along a transformed axis, an
// input position along others (where neighbouring outputs share them). So row and reduction offsets separate
// here too. Tiles of a dilated axis lie one phase after another, positions as in the input: in a patch all
// distances of positions cost the same.
#pragma once
#include "ops/conv/conv_blocks.hpp"
#include "ops/conv/winograd_kernels.hpp"

namespace ndnn {

constexpr index_t kWinogradSteps = 64;  // summed in one chain: keeps rounding errors small
constexpr int kMostTaps = 5;

// Along one axis, for a block of n tiles (of each phase). Untransformed tiles are outputs.
inline index_t entries_of(const ConvPlan& p, int a, index_t n) {
  const WinogradAxis& w = p.winograd.axis[a];
  if (w.transformed()) return n * w.groups * w.phases;
  return (n - 1) * p.g.axis[a].stride + (w.groups - 1) * p.g.axis[a].dilation + 1;
}
// Entry of a tile whose taps begin with group 0, and distance of the entries of neighbouring groups.
inline index_t tile_step(const ConvPlan& p, int a) {
  return p.winograd.axis[a].transformed() ? 1 : p.g.axis[a].stride;
}
inline index_t group_step(const ConvPlan& p, int a) {
  const WinogradAxis& w = p.winograd.axis[a];
  return w.transformed() ? w.block * w.phases : p.g.axis[a].dilation;
}
// Input positions from group 0 to group g.
inline index_t group_offset(const ConvPlan& p, int a, index_t g) {
  return g * p.winograd.axis[a].next_group * p.g.axis[a].dilation;
}
inline index_t patch_length(const ConvPlan& p, int a, index_t n) {
  const WinogradAxis& w = p.winograd.axis[a];
  if (!w.transformed()) return entries_of(p, a, n);
  return w.phases + ((n - 1) * w.outputs + w.points - 1) * w.step + group_offset(p, a, w.groups - 1);
}
// Outputs from one tile of all phases to the next, and tiles of a phase.
inline index_t outputs_of_tiles(const ConvPlan& p, int a) {
  return p.winograd.axis[a].outputs * p.winograd.axis[a].phases;
}
inline index_t phase_tiles(const ConvPlan& p, int a, index_t phase) {
  return ceil_div(p.g.axis[a].out - phase, outputs_of_tiles(p, a));
}

// Pitches of the natural axes for lengths n: the last one is contiguous.
inline Axes pitches(const Axes& n) { return {n[1] * n[2], n[2], 1}; }

struct WinogradLayout {
  Axes patch, entries, outputs;      // lengths of a full block along each axis
  index_t channel_blocks, channels;  // of a block, whole vectors
  index_t block_pitch, input_pitch;  // inputs: of channel blocks, of products
  index_t sum_row, sum_pitch;        // sums: of tiles, of products
  index_t steps;
  // Scratch of one thread: where its parts begin, in bytes.
  std::size_t front_second, front_third, inputs, sums, rows, outs, columns, blocks, runs, total;
};

WinogradLayout winograd_layout(const ConvPlan& p, int lanes);

// conv_winograd_plan.cpp
ConvPlan plan_winograd(const ConvGeometry& g, int item_bytes, Isa isa, int max_threads, ConvAlgorithm a,
                       bool packed);
bool winograd_accepts(ConvAlgorithm a, const ConvGeometry& g);
std::string winograd_refusal(ConvAlgorithm a, const ConvGeometry& g);
inline index_t winograd_tasks(const ConvPlan& p) {
  return ceil_div(p.g.n, p.images) * ceil_div(p.g.groups, p.group_block) * product(p.tiles) * p.splits;
}
// conv_winograd_pack.cpp
template <class T>
void pack_winograd(const ConvPlan& p, const T* w, const WeightLayout& layout, T* packed);
// conv_winograd_run.cpp; false where a result is inf or nan: transforms spread these over a tile
template <class T>
bool run_winograd(const ConvPlan& p, const View<const T>& x, const T* packed, const Epilogue<T>& epilogue,
                  T* y);

}  // namespace ndnn
