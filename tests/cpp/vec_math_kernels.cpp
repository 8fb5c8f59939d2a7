// SPDX-License-Identifier: MIT
// Compiled once per instruction set.
#include "vec_math_kernels.hpp"

#include <utility>

#include "core/isa_begin.hpp"
#include "core/vec.hpp"
#include "core/vec_math.hpp"

template <class T, Vec<T> (*kFunction)(Vec<T>)>
void apply(T* v, index_t n) {
  for (index_t i = 0; i < n; i += kLanes<T>) store(v + i, kFunction(load(v + i)));
}

template <class T>
constexpr VecMath<T> make_vec_math() {
  return {&apply<T, exp<T>>,   &apply<T, expm1<T>>,    &apply<T, log<T>>,
          &apply<T, log1p<T>>, &apply<T, softplus<T>>, &apply<T, log_sigmoid<T>>,
          &apply<T, erf<T>>,   &apply<T, tanh<T>>,     &apply<T, sigmoid<T>>};
}

extern const VecMath<float> vec_math_f32;
extern const VecMath<double> vec_math_f64;
constexpr VecMath<float> vec_math_f32 = make_vec_math<float>();
constexpr VecMath<double> vec_math_f64 = make_vec_math<double>();

#include "core/isa_end.hpp"
