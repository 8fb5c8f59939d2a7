// SPDX-License-Identifier: MIT
#pragma once
#include "core/isa.hpp"
#include "core/shape.hpp"

namespace ndnn {

// The functions of core/vec_math.hpp in place, over ranges that no operator gives them; n is a multiple
// of 16.
template <class T>
using VecFn = void (*)(T* v, index_t n);
template <class T>
struct VecMath {
  VecFn<T> exp, expm1, log, log1p, softplus, log_sigmoid, erf, tanh, sigmoid;
};

}  // namespace ndnn
