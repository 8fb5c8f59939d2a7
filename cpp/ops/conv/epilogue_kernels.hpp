// SPDX-License-Identifier: MIT
#pragma once
#include "core/isa.hpp"
#include "ops/conv/epilogue.hpp"

namespace ndnn {

// y[r*ld + i] = activation(y[r*ld + i] + residual[r*ld + i]), r < rows, i < n, n >= 1. Neither reads nor
// writes beyond; a value depends on y and residual at its place alone, not on rows, n or its lane.
template <class T>
struct EpilogueArgs {
  T* y;
  const T* residual;  // or null
  index_t ld, rows, n;
  T slope;
};
template <class T>
using EpilogueFn = void (*)(const EpilogueArgs<T>&);

template <class T>
struct EpilogueKernels {
  EpilogueFn<T> of[kActivations];
};
template <class T>
const EpilogueKernels<T>& epilogue_kernels(Isa isa);

// The epilogue of one call, but for the bias. An algorithm calls it once for every output, after the last
// sum: for a few KB at a time, while they are in L1.
template <class T>
class Finish {
 public:
  Finish(Isa isa, const Epilogue<T>& e, const T* y)
      : kernel_(e.trivial() ? nullptr : epilogue_kernels<T>(isa).of[static_cast<int>(e.activation)]),
        residual_(e.residual),
        y_(y),
        slope_(e.slope) {}
  // `rows` rows of n outputs, the first at `out`, which lies in y.
  void operator()(T* out, index_t ld, index_t rows, index_t n) const {
    if (kernel_) kernel_({out, residual_ ? residual_ + (out - y_) : nullptr, ld, rows, n, slope_});
  }

 private:
  EpilogueFn<T> kernel_;
  const T *residual_, *y_;
  T slope_;
};

}  // namespace ndnn
