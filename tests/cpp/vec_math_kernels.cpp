// SPDX-License-Identifier: MIT
// Compiled once per instruction set.
#include "vec_math_kernels.hpp"

#include <utility>

#include "core/isa_begin.hpp"
#include "core/vec.hpp"
#include "core/vec_math.hpp"

template <class T>
void exp_all(T* v, index_t n) {
  for (index_t i = 0; i < n; i += kLanes<T>) store(v + i, exp<T>(load(v + i)));
}

extern const VecMath vec_math;
constexpr VecMath vec_math{&exp_all<float>, &exp_all<double>};

#include "core/isa_end.hpp"
