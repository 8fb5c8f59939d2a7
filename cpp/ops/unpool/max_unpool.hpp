// SPDX-License-Identifier: MIT
// Values back to where the maxima of a pooling were, and the gradient.
#pragma once
#include "core/check.hpp"
#include "core/shape.hpp"

namespace ndnn {

// The size of the output where none is wanted: (size - 1) * stride - 2 * padding + kernel.
struct UnpoolArgs {
  int rank = 2;
  Axes kernel{1, 1, 1}, stride{1, 1, 1}, padding{0, 0, 0};
};
// `wanted` (or null) must be less than a stride from that.
Axes max_unpool_size(const char* fn, const UnpoolArgs& a, const Axes& in, const Axes* wanted);

// Planes of `in` values and as many indices become planes of `out` elements: zeros, and at each index its
// value, the last of those with one index. Returns the place of the first index outside [0, out), else -1;
// then y is incomplete.
template <class T>
index_t run_max_unpool(index_t planes, index_t in, index_t out, const T* x, const std::int64_t* indices, T* y,
                       int threads);
// dx = dy at each index. The indices must have been checked; one outside gives 0.
template <class T>
void run_max_unpool_gradient(index_t planes, index_t in, index_t out, const T* dy,
                             const std::int64_t* indices, T* dx, int threads);

constexpr double kUnpoolCycles = 2;  // an element of x

}  // namespace ndnn
