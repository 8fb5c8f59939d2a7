// SPDX-License-Identifier: MIT
// Kernel of the stencil algorithm: one input channel, one output channel, lanes along the row.
#pragma once
#include "core/isa.hpp"
#include "core/shape.hpp"

namespace ndnn {

// A column: taps that lie x_row apart, as output rows do, so that one vector of x serves as many output rows
// as the column has taps. Its first tap reads x at `x`, with weight w[w]; the next x_row and w_step further.
// `count` such columns stand x_next and w_next apart.
struct TapColumns {
  index_t x, w, taps, count, x_next, w_next;
};
constexpr index_t kMaxColumnTaps = 7;

// y[r*y_row + i] = start + sum over c, j < c.count, k < c.taps of
//   w[c.w + j*c.w_next + k*w_step] * x[(r + k)*x_row + c.x + j*c.x_next + i],  r < rows, i < width.
// x is read up to a vector beyond the last element that counts; y is written exactly.
template <class T>
struct StencilArgs {
  const T* x;
  index_t x_row;
  const TapColumns *columns, *end;
  const T* w;
  index_t w_step;
  T start;
  T* y;
  index_t y_row, rows, width;
};

template <class T>
struct StencilKernels {
  int lanes, rows;  // of a block; fewer rows and lanes cost as much
  void (*run)(const StencilArgs<T>&);
};

template <class T>
const StencilKernels<T>& stencil_kernels(Isa isa);

}  // namespace ndnn
