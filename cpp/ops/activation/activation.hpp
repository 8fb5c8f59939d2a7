// SPDX-License-Identifier: MIT
// Elementwise operators: one table of them, and their run over arrays of any strides.
#pragma once
#include <string_view>

#include "core/isa.hpp"
#include "core/walk.hpp"

namespace ndnn {

// Functions of one operand, each with a gradient: name, functor of functions.hpp, what the gradient is
// computed from, cycles for a float, the user's function and the names of its parameters.
#define NDNN_FUNCTIONS(X)                                                \
  X(relu, Relu, result, 0.2, "relu")                                     \
  X(relu6, Hardtanh, input, 0.2, "relu6")                                \
  X(leaky_relu, LeakyRelu, input, 0.2, "leaky_relu", "negative_slope")   \
  X(rrelu, LeakyRelu, input, 0.2, "rrelu", "lower + upper")              \
  X(hardtanh, Hardtanh, input, 0.2, "hardtanh", "min_val", "max_val")    \
  X(threshold, Threshold, input, 0.2, "threshold", "threshold", "value") \
  X(elu, Elu, input, 0.8, "elu", "alpha")                                \
  X(selu, Elu, input, 0.8, "selu")                                       \
  X(celu, Elu, input, 0.8, "celu", "alpha")                              \
  X(sigmoid, Sigmoid, result, 1, "sigmoid")                              \
  X(tanh, Tanh, result, 1, "tanh")                                       \
  X(tanhshrink, Tanhshrink, input, 1, "tanhshrink")                      \
  X(logsigmoid, LogSigmoid, input, 2, "logsigmoid")                      \
  X(softplus, Softplus, input, 2, "softplus", "beta", "threshold")       \
  X(softsign, Softsign, input, 0.5, "softsign")                          \
  X(hardshrink, Hardshrink, input, 0.2, "hardshrink", "lambd")           \
  X(softshrink, Softshrink, input, 0.2, "softshrink", "lambd")           \
  X(hardsigmoid, Hardsigmoid, input, 0.2, "hardsigmoid")                 \
  X(hardswish, Hardswish, input, 0.2, "hardswish")                       \
  X(silu, Silu, input, 1, "silu")                                        \
  X(gelu, Gelu, input, 1.5, "gelu")                                      \
  X(gelu_tanh, GeluTanh, input, 1, "gelu")                               \
  X(mish, Mish, input, 1, "mish")

// Elementwise operators of other kinds: name, functor of activation_kernels.cpp, operands, cycles, function.
#define NDNN_MAPS(X)                                             \
  X(prelu, Prelu, 2, 0.3, "prelu")                               \
  X(prelu_gradient, PreluGradient, 3, 0.4, "prelu")              \
  X(prelu_weight_gradient, PreluWeightGradient, 2, 0.3, "prelu") \
  X(glu, Glu, 2, 1, "glu")                                       \
  X(glu_gate_gradient, GluGateGradient, 3, 1.2, "glu")           \
  X(scale_shift, ScaleShift, 3, 0.4, "dropout")                  \
  X(product, Product, 2, 0.3, "dropout")                         \
  X(dropout, Dropout, 1, 1, "dropout")                           \
  X(alpha_dropout, Dropout, 1, 1, "alpha_dropout")               \
  X(random_rrelu, RandomRrelu, 1, 1, "rrelu", "lower", "upper")  \
  X(random_rrelu_gradient, RandomRreluGradient, 2, 1, "rrelu", "lower", "upper")

#define NDNN_ONE(...) +1
constexpr int kFunctions = NDNN_FUNCTIONS(NDNN_ONE);
// One number for each of: values of functions, gradients of functions, other maps.
constexpr int kMaps = 2 * kFunctions NDNN_MAPS(NDNN_ONE);
#undef NDNN_ONE

constexpr int kMaxOperands = 3, kMaxParameters = 4;

struct MapInfo {
  const char *name, *function;  // the user's
  int operands;                 // a function's gradient: the gradient of its result, and its input or result
  double cycles;
  const char* parameter[kMaxParameters];
};
const MapInfo& map_info(int map);
// The map of this name, or -1. `gradient`: that of a function.
int find_map(std::string_view name, bool gradient);
// Functions whose gradient takes their result.
bool gradient_takes_output(int map);

// Elements of random maps draw number `place` of the stream `key`, whatever thread and piece they are in.
template <class T>
struct MapCall {
  int map;
  const Walk<const T>* in[kMaxOperands];
  const Walk<T>* out;  // may be the memory of an operand, element for element
  index_t n;
  T parameter[kMaxParameters];
  std::uint64_t key;
};
inline double map_cycles(int map, index_t n, std::size_t item) {
  return map_info(map).cycles * double(item / 4) * double(n);
}
template <class T>
void run_map(const MapCall<T>& call, Isa isa, int threads);

template <class T>
struct PreluWeightCall {
  index_t n, channels, inner;  // of g and x, both without gaps
  const T *g, *x;
  T* out;  // one for each channel
};
template <class T>
void run_prelu_weight_gradient(const PreluWeightCall<T>& call, Isa isa, int threads);

}  // namespace ndnn
