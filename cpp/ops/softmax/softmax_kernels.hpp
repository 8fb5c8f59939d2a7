// SPDX-License-Identifier: MIT
#pragma once
#include "ops/softmax/softmax.hpp"

namespace ndnn {

// Of `rows` rows of n neighbours each, or, by columns, of n rows that lie `ld` apart: each of the `width`
// columns on its own. x is the input or the gradient g of the result y; out may be x.
template <class T>
struct SoftmaxArgs {
  const T *x, *y;
  T* out;
  index_t n, rows, width, ld;
  T scale;
};
template <class T>
using SoftmaxFn = void (*)(const SoftmaxArgs<T>&);

constexpr index_t kMostColumns = 1024;  // of one call

template <class T>
struct SoftmaxKernels {
  SoftmaxFn<T> rows[2], columns[2];  // of the probabilities, of their logarithms
  SoftmaxFn<T> rows_gradient[2], columns_gradient[2];
};
template <class T>
const SoftmaxKernels<T>& softmax_kernels(Isa isa);

}  // namespace ndnn
