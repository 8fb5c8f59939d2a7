// SPDX-License-Identifier: MIT
#pragma once
#include "ops/grid_sample/grid_sample_kernels.hpp"

namespace ndnn {

// Channels as lanes: an image becomes blocks of `width` channels, each [1 + pixels][width] with a pixel of
// zeros in front, which stands for the padding. The last block begins earlier where it would have less than
// `width` channels; its first `skip` lanes repeat those of the block before.
struct ChannelBlock {
  index_t first, skip, used;  // used: width, or all channels where they are fewer
};
inline ChannelBlock channel_block(index_t block, index_t channels, index_t width) {
  if (channels < width) return {0, 0, channels};
  const index_t begin = block * width, first = begin + width > channels ? channels - width : begin;
  return {first, begin - first, width};
}

// Rows of neighbours, as the planes of images are: row c at rows + c*pitch, n elements of each.
template <class T>
struct LaneArgs {
  T* rows;
  index_t pitch, n;
  T* lanes;  // [n][width]
  ChannelBlock block;
};

template <class T>
struct PackedSampleArgs {
  const SampleTile<T>* tile;  // with offsets of packed images
  index_t channels;
  T* packed;
  index_t block_pitch;
  T* y;  // y[c*y_channel + p]
  index_t y_channel;
};

template <class T>
struct PackedSampleKernels {
  index_t width;
  void (*pack)(const LaneArgs<T>&);    // lanes = rows; lanes beyond those used are zeros
  void (*unpack)(const LaneArgs<T>&);  // rows = lanes, but for those skipped
  void (*sample)(const PackedSampleArgs<T>&);
  void (*spread)(const PackedSampleArgs<T>&);  // packed[offset] += weight * y
  // sums[k][p] = sum over channels of y * packed[offset k]
  void (*dots)(const PackedSampleArgs<T>&, T (*sums)[kTilePoints]);
};
// Full vectors, and vectors of 16 bytes for few channels.
template <class T>
struct PackedSampleTable {
  PackedSampleKernels<T> wide, narrow;
};
template <class T>
const PackedSampleTable<T>& packed_sample_kernels(Isa isa);

}  // namespace ndnn
