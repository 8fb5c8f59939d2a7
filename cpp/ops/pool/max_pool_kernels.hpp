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

// Both at once, with the index of the first maximum (of the last nan) in the order depth, row, tap. The
// index of tap k of output o in row h of depth d is
//   first_index + d * index_depth + (rows[r].begin + h * row_step) * index_row + o * stride + k * gap;
// where tap 0 lies in the padding, `lead[o]` has what belongs in place of k * gap: lead_count outputs, from
// the one with number `begin`, and at least a vector of zeros behind them.
template <class T>
struct ArgmaxArgs {
  const T* buffer;  // [plane][depth][row][-left...]
  index_t buffer_plane, buffer_depth, buffer_row;
  index_t depth_count;
  const Span* rows;
  index_t row_step;
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

// The gradient in rows of x: dx[p][r][i] is the sum of dy over outputs whose index is
// first_index + r * index_row + i, in the order depth, row, output. Outputs that may have it lie in rows
// `rows[r]` of every depth, and along the row `shift` to `shift + reach - 1` further than i / stride; the
// buffers begin at `shift`, hold a negative index where there is no output, and `reach` and a vector more.
template <class T>
struct MaxGradientArgs {
  const T* dy;  // [plane][depth][row][output], the same as index
  const PoolIndex<T>* index;
  index_t buffer_plane, buffer_depth, buffer_row;
  index_t depth_count;
  const Span* rows;
  index_t first_index, index_row;
  index_t reach;
  T* dx;
  index_t dx_plane, dx_row;
  index_t planes, count, n;
  index_t stride;  // 1 or 2
};

template <class T>
struct MaxPoolKernels {
  void (*rows)(const MaxRowsArgs<T>&);
  void (*along)(const MaxAlongArgs<T>&);
  void (*argmax)(const ArgmaxArgs<T>&);
  void (*gradient)(const MaxGradientArgs<T>&);
};
template <class T>
const MaxPoolKernels<T>& max_pool_kernels(Isa isa);

}  // namespace ndnn
