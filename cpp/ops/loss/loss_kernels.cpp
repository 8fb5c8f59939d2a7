// SPDX-License-Identifier: MIT
// Compiled once per instruction set.
#include "ops/loss/loss_kernels.hpp"

#include <utility>

#include "core/isa_begin.hpp"
#include "core/vec.hpp"
#include "core/vec_math.hpp"
#include "ops/loss/loss_functions.hpp"
#include "ops/loss/wide_sum.hpp"

template <class T, class F>
NDNN_INLINE void load_operands(const LossArgs<T>& a, index_t i, Vec<T>* v) {
#pragma GCC unroll 4
  for (int k = 0; k < F::kOperands; ++k) v[k] = load(a.operand[k] + i);
}
template <class T, class F>
NDNN_INLINE void load_last_operands(const LossArgs<T>& a, index_t i, Vec<T>* v) {
#pragma GCC unroll 4
  for (int k = 0; k < F::kOperands; ++k) v[k] = load_part(a.operand[k] + i, a.n - i);
}

template <class T, class F>
void loss_values(const LossArgs<T>& a) {
  constexpr index_t kL = kLanes<T>;
  Vec<T> v[kMaxLossOperands];
  index_t i = 0;
  for (; i + kL <= a.n; i += kL) {
    load_operands<T, F>(a, i, v);
    store(a.y + i, F::value(v, a.parameter));
  }
  if (i == a.n) return;
  load_last_operands<T, F>(a, i, v);
  store_part(a.y + i, F::value(v, a.parameter), a.n - i);
}

template <class T, class F>
double loss_sum(const LossArgs<T>& a) {
  constexpr index_t kL = kLanes<T>;
  WideSum<T> sum[2];
  Vec<T> v[kMaxLossOperands];
  index_t i = 0;
  for (; i + 2 * kL <= a.n; i += 2 * kL) {
#pragma GCC unroll 2
    for (int k = 0; k < 2; ++k) {
      load_operands<T, F>(a, i + k * kL, v);
      sum[k].add(F::value(v, a.parameter));
    }
  }
  for (; i < a.n; i += kL) {
    const index_t n = a.n - i < kL ? a.n - i : kL;
    if (n == kL) load_operands<T, F>(a, i, v);
    else load_last_operands<T, F>(a, i, v);
    sum[0].add(keep_first<T>(F::value(v, a.parameter), n));
  }
  return sum[0].total() + sum[1].total();
}

template <class T, class F, int kOf>
void loss_gradient(const LossArgs<T>& a) {
  constexpr index_t kL = kLanes<T>;
  Vec<T> v[kMaxLossOperands];
  index_t i = 0;
  for (; i + kL <= a.n; i += kL) {
    load_operands<T, F>(a, i, v);
    const Vec<T> d = F::template gradient<kOf>(v, a.parameter) * a.scale;
    store(a.y + i, a.grad ? d * load(a.grad + i) : d);
  }
  if (i == a.n) return;
  load_last_operands<T, F>(a, i, v);
  const Vec<T> d = F::template gradient<kOf>(v, a.parameter) * a.scale;
  store_part(a.y + i, a.grad ? d * load_part(a.grad + i, a.n - i) : d, a.n - i);
}

template <class T, class F, int kOf>
constexpr LossFn<T> gradient_of() {
  if constexpr (kOf < F::kGradients) return &loss_gradient<T, F, kOf>;
  else return nullptr;
}

template <class T, class... F>
constexpr LossKernels<T> make_loss_kernels() {
  static_assert(sizeof...(F) == kLosses);
  return {{&loss_values<T, F>...},
          {&loss_sum<T, F>...},
          {{gradient_of<T, F, 0>(), gradient_of<T, F, 1>(), gradient_of<T, F, 2>(), nullptr}...}};
}
// In the order of `enum class Loss`.
template <class T>
constexpr LossKernels<T> all_losses() {
  return make_loss_kernels<T, SquaredLoss<T>, AbsoluteLoss<T>, HuberLoss<T>, SmoothL1Loss<T>,
                           BceLoss<T, false>, BceLoss<T, true>, BceLogitsLoss<T, false>,
                           BceLogitsLoss<T, true>, KlDivLoss<T>, KlDivLogTargetLoss<T>, PoissonLoss<T, false>,
                           PoissonLoss<T, true>, GaussianLoss<T>, HingeEmbeddingLoss<T>, MarginRankingLoss<T>,
                           SoftMarginLoss<T>, MarginLoss<T, 1>, MarginLoss<T, 0>, ZeroOneLoss<T>,
                           SigmoidFocalLoss<T>>();
}

extern const LossKernels<float> loss_kernels_f32;
extern const LossKernels<double> loss_kernels_f64;
constexpr LossKernels<float> loss_kernels_f32 = all_losses<float>();
constexpr LossKernels<double> loss_kernels_f64 = all_losses<double>();

#include "core/isa_end.hpp"
