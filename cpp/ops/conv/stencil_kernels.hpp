// SPDX-License-Identifier: MIT
// Kernel of the stencil algorithm: one output channel, lanes along the row.
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
  int across;  // 1; stride 2: so many columns side by side, with weights w, w + 1, w + 2
  bool ahead;  // in place: ask for the lines of the block below
};
constexpr index_t kMaxColumnTaps = 5, kMaxTapsAcross = 3;  // taps of one column, and of columns side by side

// y[r*y_row + i] = start + sum over c, j < c.count, k < c.taps of
//   w[c.w + j*c.w_next + k*w_step] * x[(r + k)*x_row + c.x + j*c.x_next + i*stride],
// first <= r < rows, i < width.
// Staged: stride is 1, and x is read up to a vector beyond the last element that counts. In place: what lies
// outside [0, x_width) of a row, or outside the rows of a column, counts as zero.
// y is written exactly.
template <class T>
struct StencilArgs {
  const T* x;
  index_t x_row;
  const TapColumns *columns, *end;
  const T* w;
  index_t w_step;
  T start;
  T* y;
  index_t y_row, first, rows, width;
  index_t x_width;
  // In place: lines to ask for ahead, this many rows this far apart for every row of y; 0 for none.
  index_t ahead_rows, ahead_row;
};

template <class T>
struct StencilKernels {
  using Fn = void (*)(const StencilArgs<T>&);
  int lanes, rows;  // of a block; fewer rows and lanes cost as much
  Fn staged;
  // [stride along the row - 1][guarded]; null where lanes cannot be masked. Only the guarded kernel reads
  // nothing but x; the other reads lanes that are padding, of rows that are not.
  Fn in_place[2][2];
};

template <class T>
const StencilKernels<T>& stencil_kernels(Isa isa);

}  // namespace ndnn
