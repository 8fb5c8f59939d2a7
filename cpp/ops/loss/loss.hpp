// SPDX-License-Identifier: MIT
// Losses of one element each: a value and derivatives, in one pass over the operands whatever their strides,
// reduced on the way. Cross entropy: cross_entropy.hpp.
#pragma once
#include <string>
#include <vector>

#include "core/isa.hpp"
#include "core/shape.hpp"

namespace ndnn {

enum class Reduction { none, mean, sum };

enum class Loss : int {
  squared,
  absolute,
  huber,
  smooth_l1,
  bce,
  bce_weighted,
  bce_logits,
  bce_logits_weighted,
  kl_div,
  kl_div_log_target,
  poisson,
  poisson_log_input,
  gaussian,
  hinge_embedding,
  margin_ranking,
  soft_margin,
  hinge,
  perceptron,
  zero_one,
  sigmoid_focal,
};
constexpr int kLosses = 20;
constexpr int kMaxLossOperands = 4, kMaxLossParameters = 3;

struct LossInfo {
  Loss loss;
  const char* name;
  int operands, same;  // the first `same` have the input's shape, the others broadcast to it
  const char* operand[kMaxLossOperands];
  bool labels;  // the second operand must be -1 or 1
  int parameters;
  const char* parameter[kMaxLossParameters];
  double cycles;  // a float's value, about
};
const LossInfo& loss_info(Loss loss);
const LossInfo* find_loss(const std::string& name);

// An array that was broadcast to the shape of a call.
template <class T>
struct Operand {
  const T* data = nullptr;
  std::vector<index_t> stride;  // one per axis of the call
};

template <class T>
struct LossCall {
  Loss loss;
  Isa isa;
  int threads;
  std::vector<index_t> shape;
  index_t size;  // its product
  Operand<T> operand[kMaxLossOperands];
  T parameter[kMaxLossParameters];
};

// Elements of one kernel call: operands and result stay in L1.
constexpr index_t kLossTile = 2048;

// The first element whose label is neither -1 nor 1, or -1.
template <class T>
index_t find_bad_label(const LossCall<T>& call);
// y[i] = value i
template <class T>
void run_loss(const LossCall<T>& call, T* y);
// The sum of all values: terms in T, added in double, tile by tile.
template <class T>
double run_loss_sum(const LossCall<T>& call);
// y[i] = derivative i for operand `of`, times scale, times grad unless that has no data.
template <class T>
void run_loss_gradient(const LossCall<T>& call, int of, const Operand<T>& grad, T scale, T* y);

}  // namespace ndnn
