// SPDX-License-Identifier: MIT
#pragma once
#include "core/isa.hpp"
#include "core/shape.hpp"

namespace ndnn {

// A loop of float multiply-adds that touches registers only.
struct PeakKernel {
  int flops_per_step;
  void (*run)(index_t steps, const float* factor_and_term, float* sums);
};
constexpr int kPeakSums = 12 * 16;  // elements of sums, for any instruction set

namespace bench {

// Most FLOP/s that `threads` threads reached together, over a few bursts of milliseconds.
double measure_peak(Isa isa, int threads);

}  // namespace bench
}  // namespace ndnn
