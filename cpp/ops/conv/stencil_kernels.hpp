// SPDX-License-Identifier: MIT
// Kernels of the stencil algorithm: one input channel, one output channel, lanes along the row.
#pragma once
#include "core/isa.hpp"
#include "core/shape.hpp"

namespace ndnn {

// y[r*y_row + i] = start + sum over t of w[t] * x[r*x_row + col[t] + i], r < rows, i < width.
// x is read up to two vectors beyond the last element that counts; y is written exactly.
template <class T>
struct StencilArgs {
  const T* x;
  index_t x_row;
  const index_t* col;
  index_t taps;
  const T* w;
  T start;
  T* y;
  index_t y_row, rows, width;
};
template <class T>
using StencilFn = void (*)(const StencilArgs<T>&);

constexpr int kSquareKernels = 3;  // 3x3, 5x5, 7x7

template <class T>
struct StencilKernels {
  StencilFn<T> any;
  // [(K - 3) / 2], where col[kh*K + kw] = kh*x_row + kw: neighbouring rows share what they load.
  StencilFn<T> square[kSquareKernels];
};

template <class T>
const StencilKernels<T>& stencil_kernels(Isa isa);

}  // namespace ndnn
