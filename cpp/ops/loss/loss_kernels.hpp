// SPDX-License-Identifier: MIT
#pragma once
#include "core/isa.hpp"
#include "ops/loss/loss.hpp"

namespace ndnn {

// n elements, n >= 1, of as many operands as the loss has; none is read or written beyond.
template <class T>
struct LossArgs {
  const T* operand[kMaxLossOperands];
  T parameter[kMaxLossParameters];
  index_t n;
  T* y;           // for values and gradients
  const T* grad;  // or null: 1
  T scale;
};
template <class T>
using LossFn = void (*)(const LossArgs<T>&);
template <class T>
using LossSumFn = double (*)(const LossArgs<T>&);

template <class T>
struct LossKernels {
  LossFn<T> value[kLosses];
  LossSumFn<T> sum[kLosses];
  LossFn<T> gradient[kLosses][kMaxLossOperands];  // null where the loss is constant in an operand
};
template <class T>
const LossKernels<T>& loss_kernels(Isa isa);

}  // namespace ndnn
