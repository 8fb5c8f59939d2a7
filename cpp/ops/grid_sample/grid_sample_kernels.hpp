// SPDX-License-Identifier: MIT
#pragma once
#include <type_traits>

#include "ops/grid_sample/grid_sample.hpp"

namespace ndnn {

constexpr index_t kTilePoints = 64;
constexpr int kMostAxisTaps = 4, kMostTaps = 16;

// Offsets within a plane, as wide as the elements.
template <class T>
using SampleWord = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;

// The taps of each point of a tile on one axis. `offset` is 0 and `inside` 0 for those in the padding,
// otherwise `inside` has all bits. `slope` is the derivative of `weight` by the grid's coordinate.
template <class T>
struct AxisTaps {
  SampleWord<T> offset[kMostAxisTaps][kTilePoints], inside[kMostAxisTaps][kTilePoints];
  T weight[kMostAxisTaps][kTilePoints], slope[kMostAxisTaps][kTilePoints];
};

// All taps, tap ((tz*T + ty)*T + tx), once for all channels. Points beyond `points` have taps that may be
// read.
template <class T>
struct SampleTile {
  index_t points;
  int rank, taps_per_axis, taps;
  bool masked;    // some tap lies in the padding
  index_t shift;  // added to the offsets of taps that do not
  T coordinate[3][kTilePoints];
  AxisTaps<T> axis[3];
  SampleWord<T> offset[kMostTaps][kTilePoints], inside[kMostTaps][kTilePoints];
  T weight[kMostTaps][kTilePoints];
};

template <class T>
struct PlaceArgs {
  SampleTile<T>* tile;
  int axis;
  index_t size, stride;
  SampleMode mode;
  SamplePadding padding;
  bool align_corners;
};

// Channels of one image: channel c at x + c*x_channel; y[c*y_channel + p] of the tile's points.
template <class T>
struct SampleArgs {
  const SampleTile<T>* tile;
  index_t channels;
  T* x;
  index_t x_channel;
  T* y;
  index_t y_channel;
};

template <class T>
struct GridSampleKernels {
  void (*split)(const T* pairs, index_t n, T* x, T* y);
  void (*place)(const PlaceArgs<T>&);    // coordinate[axis] -> axis[axis]
  void (*combine)(SampleTile<T>&);       // axis -> offset, inside, weight, masked
  void (*sample)(const SampleArgs<T>&);  // y = sum of weight * x[offset]
  void (*spread)(const SampleArgs<T>&);  // x[offset] += weight * y, points and taps in order
  // sums[k] = sum over channels of y * x at tap k; of them, out[axis][p] = d(sum of y * sample) / d
  // coordinate
  void (*dots)(const SampleArgs<T>&, T (*sums)[kTilePoints]);
  void (*contract)(const SampleTile<T>&, const T (*sums)[kTilePoints], T (*out)[kTilePoints]);
};
template <class T>
const GridSampleKernels<T>& grid_sample_kernels(Isa isa);

}  // namespace ndnn
