// SPDX-License-Identifier: MIT
#pragma once
#include "core/isa.hpp"
#include "core/shape.hpp"

namespace ndnn {

constexpr index_t kMostShuffled = 8;
// Steps whose phases are shuffled together, all in one call.
constexpr bool is_shuffled(index_t step) { return step <= kMostShuffled && (step & (step - 1)) == 0; }

// One phase: the first plane, and the distances of its planes and rows.
template <class T>
struct InterleavedPhase {
  const T* x;
  index_t plane, row, phase;
};

// y[p*y_plane + r*y_row + phase + j*step] = x[p*plane + r*row + j] of every phase, p < planes, r < rows, for
// all of the first n outputs of a row. Outputs of other phases: fill[p], or 0 without fill, where the step is
// shuffled, else they are left alone. Neither reads nor writes beyond.
template <class T>
struct InterleaveArgs {
  const InterleavedPhase<T>* x;
  index_t phases, step;
  const T* fill;
  T* y;
  index_t y_plane, y_row, planes, rows, n;
};

template <class T>
struct InterleaveKernels {
  void (*run)(const InterleaveArgs<T>&);
};
template <class T>
const InterleaveKernels<T>& interleave_kernels(Isa isa);

}  // namespace ndnn
