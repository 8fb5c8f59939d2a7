// SPDX-License-Identifier: MIT
// Local response norm of (N, C, pixels): y = x / base^beta, where base = k + coefficient * the sum of the
// squares of the channels around. Arrays are contiguous.
#pragma once
#include "ops/norm/response_norm_kernels.hpp"

namespace ndnn {

struct ResponseNorm {
  index_t n, channels, pixels;
  index_t before, after;  // channels of a window on both sides of its own; fewer than all
  double coefficient, k, beta;
  Isa isa;
  int threads;
};
template <class T>
void run_response_norm(const ResponseNorm& p, const T* x, T* y);
template <class T>
void run_response_norm_gradient(const ResponseNorm& p, const T* g, const T* x, T* dx);

}  // namespace ndnn
