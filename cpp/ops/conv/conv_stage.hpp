// SPDX-License-Identifier: MIT
#pragma once
#include "ops/conv/conv_blocks.hpp"

namespace ndnn {

// Where a tile stands: first output and number of outputs along each axis, its images, one group.
struct TileAt {
  index_t image = 0, images = 1, group = 0;
  Axes first{0, 0, 0}, size{1, 1, 1};
};

// Positions base, base + step, ... of which [0, in) are input: zeros, a copy, zeros.
CopyRun clipped_run(index_t at, index_t base, index_t step, index_t count, index_t in);

// The runs of one tile and block along each axis; the same for every channel.
struct StageRuns {
  CopyRun* first[kMaxSpatial];
  index_t count[kMaxSpatial];
};
// runs: room for as many as the block's taps on all axes, and one more each.
StageRuns list_stage_runs(const ConvPlan& p, const TileAt& tile, const Block& block, CopyRun* runs);
// From here on the zeros, which stand there already, are not written again.
void skip_zeros(const ConvPlan& p, const StageRuns& runs);
// Copies one channel, whose element (0, 0, 0) is at `channel`.
template <class T>
void stage_plane(const ConvPlan& p, const View<const T>& x, const StageRuns& runs, const T* channel,
                 T* plane);

// Copies what `tile` and `block` read of x into `staged`, zeros for padding: channel c of the block and
// image i of the tile at staged + c*plane_pitch + i*image_pitch, rows at pitch[1], laid out along each axis
// as Staging says. Strides of x are free. runs: as above.
template <class T>
void stage_block(const ConvPlan& p, const View<const T>& x, const TileAt& tile, const Block& block,
                 CopyRun* runs, T* staged);

}  // namespace ndnn
