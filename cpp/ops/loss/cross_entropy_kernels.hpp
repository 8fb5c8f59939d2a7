// SPDX-License-Identifier: MIT
#pragma once
#include "core/isa.hpp"
#include "core/shape.hpp"

namespace ndnn {

// What the target distribution holds beside the class numbers: nothing, an even share of every class (label
// smoothing), or probabilities.
enum class Spread { none, even, likely };
constexpr int kSpreads = 3;

// `count` positions of `classes` scores. Rows: x[i*ld + c], columns: x[c*ld + i]; likely and dx in the same
// way. The spread of class c at position i is weight[c] * (share * likely + even).
template <class T>
struct CrossEntropyTile {
  index_t classes, count;
  const T* x;
  index_t ld;
  const T* likely;
  index_t likely_ld;
  const T* weight;
  T share, even;
  // (count,) results: the largest score, the sum of exp(x - largest), its logarithm, and of the spread its
  // sum (likely only) and that of spread * (x - largest).
  T *largest, *sum, *log, *mass, *dot;
  // The gradient: dx = exp(x - known_largest[i]) * factor[i] - grad[i] * spread. dx may be x.
  const T *known_largest, *factor, *grad;
  T* dx;
  index_t dx_ld;
};
template <class T>
using CrossEntropyFn = void (*)(const CrossEntropyTile<T>&);

template <class T>
struct CrossEntropyKernels {
  CrossEntropyFn<T> rows[kSpreads], columns[kSpreads];
  CrossEntropyFn<T> row_gradients[kSpreads], column_gradients[kSpreads];
};
template <class T>
const CrossEntropyKernels<T>& cross_entropy_kernels(Isa isa);

}  // namespace ndnn
