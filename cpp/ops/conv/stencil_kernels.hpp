// SPDX-License-Identifier: MIT
// Kernels of the stencil algorithm and of its gradient for the weight: one output channel, lanes along the
// row.
#pragma once
#include "core/isa.hpp"
#include "core/shape.hpp"

namespace ndnn {

// A column: taps that lie x_row apart, as output rows do, so that one vector of x serves as many output rows
// as the column has taps. Its first tap reads x at `x`, with weight w[w]; the next x_row and w_step further.
// `count` such columns stand x_next and w_next apart.
struct TapColumns {
  index_t x, w, taps, count, x_next, w_next;
  // In place. Row r + k of the column is input where row_begin <= r + k < row_end; the first column reads
  // position `lane` of a row for output 0, the next lane_next further.
  index_t row_begin, row_end, lane, lane_next;
  int across;  // 1; stride 2: so many columns side by side, with weights w_across apart
  bool ahead;  // in place: ask for the lines of the block below
};
constexpr index_t kMaxColumnTaps = 5, kMaxTapsAcross = 3;  // taps of one column, and of columns side by side

// What a sweep reads: for output i < width of row r, first <= r < rows, tap k < c.taps of column j < c.count
// of c
//   x[(r + k)*x_row + c.x + j*c.x_next + i*stride].
// Staged: stride is 1, and x is read up to a vector beyond the last element that counts. In place: what lies
// outside [0, x_width) of a row, or outside the rows of a column, counts as zero.
template <class T>
struct SweepArgs {
  using Element = T;
  const T* x;
  index_t x_row;
  const TapColumns *columns, *end;
  index_t w_step, w_across;  // of the next tap of a column, of the next one of columns side by side
  index_t y_row, first, rows, width;
  index_t x_width;
  // In place: lines to ask for ahead, this many rows this far apart for every row of outputs; 0 for none.
  index_t ahead_rows, ahead_row;
};

// y[r*y_row + i] = start + sum over all taps of w[c.w + j*c.w_next + k*w_step] * x[..], also of columns side
// by side. y is written exactly.
template <class T>
struct StencilArgs : SweepArgs<T> {
  static constexpr bool kOverlaps = true;  // an output may be computed twice
  T* y;
  const T* w;
  T start;
};

// sums[.. of tap c.w + j*c.w_next + k*w_step] += y[r*y_row + i] * x[..], where lanes are outputs i modulo
// their number: a vector each, `sum` elements apart. y, the gradient of the output, is read exactly.
template <class T>
struct StencilGradientArgs : SweepArgs<T> {
  static constexpr bool kOverlaps = false;
  const T* y;
  T* sums;
  index_t sum;
};

template <class Args>
struct SweepKernels {
  using Fn = void (*)(const Args&);
  int lanes, rows;  // of a block; fewer rows and lanes cost as much
  Fn staged;
  // [stride along the row - 1][guarded]; null where lanes cannot be masked. Only the guarded kernel reads
  // nothing but x; the other reads lanes that are padding, of rows that are not.
  Fn in_place[2][2];
};
template <class T>
using StencilKernels = SweepKernels<StencilArgs<T>>;
template <class T>
struct StencilGradientKernels : SweepKernels<StencilGradientArgs<T>> {
  // to[i] = the sum of the lanes of vector i, i < n; up to lanes - 1 vectors more are read.
  void (*add_lanes)(const T* sums, index_t n, T* to);
};

template <class T>
const StencilKernels<T>& stencil_kernels(Isa isa);
template <class T>
const StencilGradientKernels<T>& stencil_gradient_kernels(Isa isa);

}  // namespace ndnn
