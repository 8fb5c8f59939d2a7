// SPDX-License-Identifier: MIT
#pragma once
#include <type_traits>

#include "core/isa.hpp"
#include "core/shape.hpp"

namespace ndnn {

// What the target distribution holds beside the class numbers: nothing, an even share of every class (label
// smoothing), or probabilities.
enum class Spread { none, even, likely };
constexpr int kSpreads = 3;

template <class T>  // a class number beside a T in the lanes of a vector
using ClassWord = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;

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
  // Of each position, but for probabilities: the class, -1 where it is ignored or does not exist, and its
  // weight (then 0).
  ClassWord<T>* chosen;
  T* chosen_weight;
  // Results of rows and columns, one of each position: the largest score, the sum of exp(x - largest), its
  // logarithm, x - largest of the chosen class, and of the spread its sum (likely only) and that of
  // spread * (x - largest).
  T *largest, *sum, *log, *picked, *mass, *dot;
  // For losses and factors: the sum of the spread over all classes (even only), the gradient of each position
  // (or null: 1) and a factor of all.
  T even_mass;
  const T* grad;
  T scale;
  // Results of factors: scaled gradients, and what the gradients' kernels read of each position:
  // dx = exp(x - largest) * factor - each * spread - (own, for the chosen class). dx may be x.
  T *each, *own, *factor;
  T* dx;
  index_t dx_ld;
};
template <class T>
using CrossEntropyFn = void (*)(const CrossEntropyTile<T>&);

struct LossAndWeight {
  double loss, weight;
};

template <class T>
struct CrossEntropyKernels {
  // Sets chosen and chosen_weight; how many classes do not exist. Weights may be null here: 1.
  index_t (*choose)(const CrossEntropyTile<T>&, const index_t* target, index_t ignore_index,
                    const T* weights);
  CrossEntropyFn<T> rows[kSpreads], columns[kSpreads];
  // The losses, stored unless null, and their sums.
  LossAndWeight (*losses[kSpreads])(const CrossEntropyTile<T>&, T* losses);
  CrossEntropyFn<T> factors[kSpreads];
  CrossEntropyFn<T> row_gradients[kSpreads], column_gradients[kSpreads];
};
template <class T>
const CrossEntropyKernels<T>& cross_entropy_kernels(Isa isa);

}  // namespace ndnn
