// SPDX-License-Identifier: MIT
#pragma once
#include "core/isa.hpp"
#include "core/shape.hpp"

namespace ndnn {

// n elements of a parameter w with its gradient g; w and the arrays of state are updated in one pass.
template <class T>
struct SgdArgs {
  T* w;
  const T* g;
  T* buffer;  // or null: no momentum
  index_t n;
  // slope = sign * g + decay * w; buffer = kept * buffer + added * slope; w -= rate * step, where the step is
  // the buffer or, by Nesterov, slope + momentum * buffer.
  T sign, decay, kept, added, momentum, rate;
  bool nesterov;
};
template <class T>
struct AdamArgs {
  T* w;
  const T* g;
  T *mean, *square;
  T* largest;  // or null: not AMSGrad
  index_t n;
  // slope = sign * g + decay * w; mean += new_mean * (slope - mean); square = kept_square * square +
  // new_square * slope^2; w = shrink * w - rate * mean / (sqrt(square or its largest so far) + eps).
  T sign, decay, shrink, new_mean, kept_square, new_square, rate, eps;
};

template <class T>
struct OptimKernels {
  void (*sgd)(const SgdArgs<T>& a);
  void (*adam)(const AdamArgs<T>& a);
};
template <class T>
const OptimKernels<T>& optim_kernels(Isa isa);

}  // namespace ndnn
