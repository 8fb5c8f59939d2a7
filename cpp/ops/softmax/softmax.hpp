// SPDX-License-Identifier: MIT
// softmax(scale * x) along one axis of an array, its logarithm, and their gradients.
#pragma once
#include "core/isa.hpp"
#include "core/walk.hpp"

namespace ndnn {

// The array is (outer, n, inner) in the order in which `out` lies in memory without gaps.
template <class T>
struct SoftmaxCall {
  bool log;
  index_t outer, n, inner;
  T scale;
  const Walk<const T>* x;  // the input, or the gradient of the result
  const T* y;              // the result, for its gradient; else null
  T* out;
  index_t size() const { return outer * n * inner; }
};
// About, for all of it.
template <class T>
double softmax_cycles(const SoftmaxCall<T>& c) {
  return double(c.size()) * (sizeof(T) / 4) * (c.y && !c.log ? 0.5 : 1.5);
}
template <class T>
void run_softmax(const SoftmaxCall<T>& call, Isa isa, int threads);

}  // namespace ndnn
