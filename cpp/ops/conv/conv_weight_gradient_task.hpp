// SPDX-License-Identifier: MIT
// One task of a weight gradient: what it covers, and how its input is staged.
#pragma once
#include "ops/conv/conv_stage.hpp"
#include "ops/conv/conv_weight_gradient.hpp"

namespace ndnn {

// What one task covers. first_tap: of the block, counted over the kernel.
struct GradientTask {
  Range groups;
  index_t part;
  Range panels;
  Block block;
  index_t first_tap;
};

inline GradientTask task_at(const WeightGradientPlan& p, index_t task) {
  const ConvGeometry& g = p.in.g;
  GradientTask t;
  const index_t split = task % p.splits;
  t.panels = {split * p.in.panels / p.splits, (split + 1) * p.in.panels / p.splits};
  task /= p.splits;
  const index_t channels = p.in.form.ic_block, channel_blocks = ceil_div(g.ic, channels);
  const index_t c = task % channel_blocks * channels;
  t.block.channels = {c, std::min(c + channels, g.ic)};
  task /= channel_blocks;
  for (int a = kMaxSpatial - 1; a >= 0; --a) {
    const index_t size = p.in.form.tap_block[a], count = ceil_div(g.axis[a].kernel, size);
    const index_t begin = task % count * size;
    t.block.taps[a] = {begin, std::min(begin + size, g.axis[a].kernel)};
    task /= count;
  }
  const Range* taps = t.block.taps;
  t.first_tap = (taps[0].begin * g.axis[1].kernel + taps[1].begin) * g.axis[2].kernel + taps[2].begin;
  const index_t groups = p.in.group_block, group_blocks = ceil_div(g.groups, groups);
  const index_t group = task % group_blocks * groups;
  t.groups = {group, std::min(group + groups, g.groups)};
  t.part = task / group_blocks;
  return t;
}

inline TileAt tile_at(const WeightGradientPlan& p, index_t unit) {
  TileAt tile;
  for (int a = kMaxSpatial - 1; a >= 0; --a) {
    tile.first[a] = unit % p.in.tiles[a] * p.in.tile[a];
    tile.size[a] = std::min(p.in.tile[a], p.in.g.axis[a].out - tile.first[a]);
    unit /= p.in.tiles[a];
  }
  tile.image = unit * p.in.images;
  tile.images = std::min(p.in.images, p.in.g.n - tile.image);
  return tile;
}

// Calls fn(tile) for the tiles of one part, in order.
template <class Fn>
void for_each_tile(const WeightGradientPlan& p, const GradientTask& t, Fn&& fn) {
  const index_t end = (t.part + 1) * p.units / p.parts;
  for (index_t unit = t.part * p.units / p.parts; unit < end; ++unit) fn(tile_at(p, unit));
}

// First element of dy that a tile reads.
inline index_t first_output(const ConvGeometry& g, const TileAt& tile) {
  const index_t pixel = (tile.first[0] * g.axis[1].out + tile.first[1]) * g.axis[2].out + tile.first[2];
  return (tile.image * g.oc_all + tile.group * g.oc) * g.pixels() + pixel;
}

// stage_block(), but zeros that stand there already, from another image of the same tile, are not written
// again.
template <class T>
void stage_images(const WeightGradientPlan& p, const View<const T>& x, const TileAt& tile, Range channels,
                  const StageRuns& runs, bool stand, T* staged) {
  if (stand) skip_zeros(p.in, runs);
  for (index_t c = channels.begin; c < channels.end; ++c, staged += p.in.plane_pitch)
    for (index_t i = 0; i < tile.images; ++i)
      stage_plane(p.in, x, runs,
                  x.data + (tile.image + i) * x.stride[0] + (tile.group * p.in.g.ic + c) * x.stride[1],
                  staged + i * p.in.image_pitch);
}

// Where the block's taps of channel c of the group begin within one filter of dw.
inline index_t first_weight(const ConvGeometry& g, const GradientTask& t, bool flip, index_t c) {
  const index_t box = t.block.steps() / t.block.channels.size();
  return c * g.taps() + (flip ? g.taps() - t.first_tap - box : t.first_tap);
}

// conv_weight_gradient_dots.cpp: adds one task with lanes_on_pixels up in dw.
template <class T>
void run_dots(const WeightGradientPlan& p, const View<const T>& x, const T* dy, bool flip,
              const GradientTask& task, char* scratch, T* dw);
// conv_weight_gradient_sweeps.cpp: the same, where the plan says `swept`.
template <class T>
void run_sweeps(const WeightGradientPlan& p, const View<const T>& x, const T* dy, bool flip,
                const GradientTask& task, char* scratch, T* dw);

}  // namespace ndnn
