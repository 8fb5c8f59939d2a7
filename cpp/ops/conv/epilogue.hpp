// SPDX-License-Identifier: MIT
// What is done to each sum of a convolution before it counts as the result:
//   y = activation(sum + bias + residual)
#pragma once
#include "core/shape.hpp"

namespace ndnn {

enum class Activation {
  none,
  relu,
  relu6,
  leaky_relu,
  sigmoid,
  tanh,
  silu,
  hardswish,
  hardsigmoid,
  elu,
};
constexpr int kActivations = 10;
// In the order of Activation; as users write them, but for the first.
constexpr const char* kActivationNames[kActivations] = {"none", "relu", "relu6",     "leaky_relu",  "sigmoid",
                                                        "tanh", "silu", "hardswish", "hardsigmoid", "elu"};

template <class T>
struct Epilogue {
  const T* bias = nullptr;      // one per output channel, or null; the sums start from it
  const T* residual = nullptr;  // laid out as y, or null
  Activation activation = Activation::none;
  T slope = 0;  // of leaky_relu, below zero
  bool trivial() const { return !residual && activation == Activation::none; }
};

}  // namespace ndnn
