// SPDX-License-Identifier: MIT
// Kernels of the weight and bias gradients whose lanes lie along the pixels of a row:
//   dot   acc[r][c] += dy[r][pixel] * x[offset[c] + pixel]        all pixels of a tile, then over the lanes
// Few channels a group and depthwise; with more, lanes_on_channels of tile_kernels.hpp does it.
#pragma once
#include "core/isa.hpp"
#include "core/shape.hpp"

namespace ndnn {

constexpr int kDotRows = 4;      // rows of dy of one call, at most: output channels
constexpr int kDotOffsets = 14;  // offsets of one call, at most

// sums[r*ld + where[c]] (+)= sum over slices s, rows h and pixels i < width of
//   dy[r*dy_plane + s*dy_slice + h*dy_row + i] * x[offset[c] + s*x_slice + h*x_row + i].
// x may be read up to a vector beyond the last element that counts: what stands there does not matter.
template <class T>
struct DotArgs {
  const T* x;
  const index_t *offset, *where;
  const T* dy;
  index_t x_slice, x_row, dy_plane, dy_slice, dy_row;
  index_t slices, rows, width;
  T* sums;
  index_t ld;
  bool add;
  // Brought into L2 meanwhile, as the rows of dy pass: the dy and x of a later call. It may lie beyond the
  // arrays.
  index_t soon_dy;  // elements from dy on, 0: nothing is brought
  const T* soon_x;  // of the first slice
  index_t soon_x_slice;
  index_t soon_x_rows;  // elements of x for each of dy
};

template <class T>
struct WeightGradientKernels {
  int lanes;
  // [rows - 1][offsets - 1], offsets up to dot_offsets[rows - 1].
  void (*dot[kDotRows][kDotOffsets])(const DotArgs<T>&);
  int dot_offsets[kDotRows];
  // The sum of n elements, in float64.
  double (*sum)(const T* x, index_t n);
};

template <class T>
const WeightGradientKernels<T>& weight_gradient_kernels(Isa isa);

}  // namespace ndnn
