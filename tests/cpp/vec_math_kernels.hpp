// SPDX-License-Identifier: MIT
#pragma once
#include "core/isa.hpp"
#include "core/shape.hpp"

namespace ndnn {

// exp of core/vec_math.hpp in place, for which no operator uses the whole range; n is a multiple of 16.
struct VecMath {
  void (*exp_f32)(float* v, index_t n);
  void (*exp_f64)(double* v, index_t n);
};

}  // namespace ndnn
