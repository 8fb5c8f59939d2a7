// SPDX-License-Identifier: MIT
#pragma once
#include "core/isa.hpp"
#include "core/shape.hpp"

namespace ndnn {

constexpr index_t kMostShuffled = 4;
// Steps whose phases are shuffled together, all in one call.
constexpr bool is_shuffled(index_t step) { return step == 1 || step == 2 || step == kMostShuffled; }

// y[r*y_row + phase[i] + j*step] = x[i][r*x_row[i] + j], r < rows, for every i < phases and all of the first n
// outputs of a row. Outputs of other phases: `fill` where the step is shuffled, else they are left alone.
// Neither reads nor writes beyond.
template <class T>
struct InterleaveArgs {
  const T* const* x;
  const index_t *x_row, *phase;
  index_t phases, step;
  T fill;
  T* y;
  index_t y_row, rows, n;
};

template <class T>
struct InterleaveKernels {
  void (*run)(const InterleaveArgs<T>&);
};
template <class T>
const InterleaveKernels<T>& interleave_kernels(Isa isa);

}  // namespace ndnn
