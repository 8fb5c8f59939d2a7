// SPDX-License-Identifier: MIT
// The cross entropy between the softmax of scores and class numbers or probabilities, and its gradient.
#pragma once
#include "core/isa.hpp"
#include "core/shape.hpp"

namespace ndnn {

// Scores of (n, classes, size); a position is a pair (n, size). Strides count elements.
template <class T>
struct Scores {
  const T* data = nullptr;
  index_t n_stride = 0, class_stride = 0, stride = 0;
};

template <class T>
struct CrossEntropyCall {
  Isa isa;
  int threads;
  index_t n, classes, size;
  Scores<T> x;
  const index_t* target;  // (n, size) class numbers, or null
  Scores<T> likely;       // or probabilities
  const T* weight;        // (classes), or null: 1
  index_t ignore_index;
  double smoothing;

  index_t positions() const { return n * size; }
  double cycles() const { return double(positions()) * (double(classes) * double(sizeof(T)) / 4 + 20); }
};
// Whether the strides will do as they are; else x and likely must be C-contiguous.
template <class T>
bool strides_fit(const CrossEntropyCall<T>& call);

struct CrossEntropySums {
  double loss = 0, weight = 0;  // over all positions that are not ignored
  index_t bad = -1;             // the first position whose class does not exist
};
// statistics: (3, n, size): the largest score, the sum of exp(score - largest), and the mass of the target
// distribution, all the gradient needs. losses: (n, size), or null.
template <class T>
CrossEntropySums run_cross_entropy(const CrossEntropyCall<T>& call, T* statistics, T* losses);
// dx: C-contiguous. grad: of each position, or null; times scale.
template <class T>
void run_cross_entropy_gradient(const CrossEntropyCall<T>& call, const T* statistics, const T* grad,
                                double scale, T* dx);

}  // namespace ndnn
