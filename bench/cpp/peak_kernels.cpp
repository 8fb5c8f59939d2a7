// SPDX-License-Identifier: MIT
// Compiled once per instruction set. 12 chains: two multiply-adds a cycle of 4 or 5 cycles each need 10, and
// 16 registers hold 12 with their operands.
#include "peak.hpp"

#include <utility>

#include "core/isa_begin.hpp"
#include "core/vec.hpp"

constexpr int kChains = 12;

void peak_loop(index_t steps, const float* factor_and_term, float* sums) {
  const Vec<float> a = broadcast(factor_and_term[0]), b = broadcast(factor_and_term[1]);
  Vec<float> acc[kChains];
#pragma GCC unroll 12
  for (int i = 0; i < kChains; ++i) acc[i] = load(sums + i * kLanes<float>);
  for (; steps > 0; --steps)
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) acc[i] = acc[i] * a + b;  // a*b + acc would be hoisted to one addition
#pragma GCC unroll 12
  for (int i = 0; i < kChains; ++i) store(sums + i * kLanes<float>, acc[i]);
}

extern const PeakKernel peak_kernel;
constexpr PeakKernel peak_kernel{kChains * kLanes<float> * 2, &peak_loop};

#include "core/isa_end.hpp"
