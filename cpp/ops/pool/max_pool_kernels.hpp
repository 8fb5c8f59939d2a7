// SPDX-License-Identifier: MIT
#pragma once
#include <type_traits>

#include "core/isa.hpp"
#include "core/shape.hpp"

namespace ndnn {

// Positions [begin, begin + step * (count - 1)] of an axis; the step is the caller's.
struct Span {
  index_t begin = 0, count = 0;
};

// An index in its plane, as wide as the value whose lane it accompanies.
template <class T>
using PoolIndex = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;

// The first pass of maxima, and the copy for those with indices:
//   out[p][r][i] = max of x[p][d * depth + (rows[r].begin + h * row_step) * row + i * element]
// over d < depth_count and h < rows[r].count, for i < n. `left` and `right` elements of -inf surround it;
// whole vectors of them may be stored behind it. x is read where it is said, and nowhere else.
template <class T>
struct MaxRowsArgs {
  const T* x;
  index_t plane, depth, row, element;  // strides
  index_t depth_count;
  const Span* rows;
  index_t row_step;
  T* out;
  index_t out_plane, out_row;
  index_t planes, count, n, left, right;
};

// The second: y[p][r][o] = max of buffer[p][r][o * stride + k * gap] over k < taps, for o < n. It reads up to
// two vectors behind the last, and overwrites the buffer.
template <class T>
struct MaxAlongArgs {
  T* buffer;
  index_t buffer_plane, buffer_row;
  T* y;
  index_t y_plane, y_row;
  index_t planes, rows, n;
  index_t taps, gap, stride;
};

// Windows at once: output o of row r is the maximum over depth, row h and tap k of
//   x[p][d * depth + (rows[r].begin + h * row_step) * row + first + o * stride + k * gap]
// where that position lies in [0, in). With indices or `saved`, also the index of the first maximum (of the
// last nan) in that order:
//   first_index + d * index_depth + (rows[r].begin + h * row_step) * index_row + the position;
// a window of nothing but -inf has that of its first tap inside, which `lead` tells: the part of k * gap in
// it for lead_count outputs, from the one with number `begin`, and at least a vector of zeros behind them.
template <class T>
struct MaxWindowArgs {
  const T* x;
  index_t plane, depth, row;  // strides
  index_t depth_count;
  const Span* rows;
  index_t row_step;
  index_t first, in;
  index_t first_index, index_depth, index_row;
  const PoolIndex<T>* lead;
  index_t lead_count, begin;
  T* y;
  std::int64_t* indices;  // or null
  PoolIndex<T>* saved;    // or null
  index_t y_plane, y_row;
  index_t planes, count, n;
  index_t taps, gap, stride;
};
constexpr index_t kMostTapsInPlace = 8;  // of the two that read x where it is

// The gradient of windows that do not overlap, by elements: dx[p][i][j], i < rows, j < n, is dy of the one
// output that may have it, where its index is first_index + i * n + j, else 0. That is the output j / stride
// in row i / row_stride of dy; elements behind the last have none.
template <class T>
struct MaxSpreadArgs {
  const T* dy;
  const PoolIndex<T>* index;
  index_t plane, outputs;  // strides of both: of planes, of rows
  index_t last;            // row of outputs
  index_t row_stride, stride;
  index_t first_index;
  T* dx;
  index_t dx_plane;
  index_t planes, rows, n;
};

// Two passes, for any window; with indices, one from a copy that holds -inf for the padding, so that no
// position is outside.
template <class T>
struct MaxPoolKernels {
  void (*rows)(const MaxRowsArgs<T>&);
  void (*along)(const MaxAlongArgs<T>&);
  void (*argmax)(const MaxWindowArgs<T>&);
};
template <class T>
const MaxPoolKernels<T>& max_pool_kernels(Isa isa);

// Without a copy, where lanes can be masked; elsewhere null. Strides 1 and 2, no gaps; at most 3 taps, with
// indices kMostTapsInPlace.
template <class T>
struct MaxPoolInPlaceKernels {
  void (*window)(const MaxWindowArgs<T>&);
  void (*argmax)(const MaxWindowArgs<T>&);
  void (*spread)(const MaxSpreadArgs<T>&);  // strides along the row: 1, 2 and 4
};
template <class T>
const MaxPoolInPlaceKernels<T>& max_pool_in_place_kernels(Isa isa);

}  // namespace ndnn
