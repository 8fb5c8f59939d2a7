// SPDX-License-Identifier: MIT
// Compiled once per instruction set. Steps of 1, 2 and 4 shuffle vectors; others copy element by element,
// which costs little beside the many sums that such a step goes with.
#include "ops/conv_transpose/interleave_kernels.hpp"

#include <type_traits>
#include <utility>

#include "core/isa_begin.hpp"
#include "core/vec.hpp"

// Lane j of the interleaved vectors a and b, or of their second half.
template <class T, int kHalf, int... J>
NDNN_INLINE Vec<T> zip_half(Vec<T> a, Vec<T> b, std::integer_sequence<int, J...>) {
  constexpr int kL = kLanes<T>;
  return __builtin_shufflevector(a, b, (J % 2 * kL + J / 2 + kHalf * kL / 2)...);
}
template <class T>
NDNN_INLINE void zip(Vec<T> a, Vec<T> b, Vec<T>* out) {
  using J = std::make_integer_sequence<int, kLanes<T>>;
  out[0] = zip_half<T, 0>(a, b, J{});
  out[1] = zip_half<T, 1>(a, b, J{});
}
// The kStep vectors v, lane by lane.
template <class T, int kStep>
NDNN_INLINE void zip_all(const Vec<T> (&v)[kStep], Vec<T> (&out)[kStep]) {
  if constexpr (kStep == 1) {
    out[0] = v[0];
  } else if constexpr (kStep == 2) {
    zip<T>(v[0], v[1], out);
  } else {
    Vec<T> even[2], odd[2];
    zip<T>(v[0], v[2], even);
    zip<T>(v[1], v[3], odd);
    zip<T>(even[0], odd[0], out);
    zip<T>(even[1], odd[1], out + 2);
  }
}

template <class T, int kStep>
NDNN_INLINE void interleave_row(const T* const (&x)[kStep], Vec<T> fill, T* y, index_t n) {
  constexpr int kL = kLanes<T>;
  Vec<T> v[kStep], out[kStep];
  index_t j = 0;
  for (; (j + kL) * kStep <= n; j += kL) {
#pragma GCC unroll 4
    for (int f = 0; f < kStep; ++f) v[f] = x[f] ? load(x[f] + j) : fill;
    zip_all<T, kStep>(v, out);
#pragma GCC unroll 4
    for (int f = 0; f < kStep; ++f) store(y + j * kStep + f * kL, out[f]);
  }
  const index_t rest = n - j * kStep;
  if (rest == 0) return;
#pragma GCC unroll 4
  for (int f = 0; f < kStep; ++f) {
    const index_t lanes = (rest - f + kStep - 1) / kStep;
    v[f] = !x[f] ? fill : lanes == kL ? load(x[f] + j) : load_part(x[f] + j, lanes);
  }
  zip_all<T, kStep>(v, out);
#pragma GCC unroll 4
  for (int f = 0; f < kStep; ++f) {
    const index_t left = rest - f * kL;
    if (left >= kL) store(y + j * kStep + f * kL, out[f]);
    else if (left > 0) store_part(y + j * kStep + f * kL, out[f], left);
  }
}

template <class T, int kStep>
void interleave_rows(const InterleaveArgs<T>& a) {
  const T* x[kStep] = {};
  index_t x_row[kStep] = {};
  for (index_t i = 0; i < a.phases; ++i) {
    x[a.phase[i]] = a.x[i];
    x_row[a.phase[i]] = a.x_row[i];
  }
  const Vec<T> fill = broadcast(a.fill);
  T* y = a.y;
  for (index_t r = 0; r < a.rows; ++r, y += a.y_row) {
    interleave_row<T, kStep>(x, fill, y, a.n);
    for (int f = 0; f < kStep; ++f)
      if (x[f]) x[f] += x_row[f];
  }
}

template <class T>
void interleave(const InterleaveArgs<T>& a) {
  if (a.step == 1) return interleave_rows<T, 1>(a);
  if (a.step == 2) return interleave_rows<T, 2>(a);
  if (a.step == 4) return interleave_rows<T, 4>(a);
  for (index_t r = 0; r < a.rows; ++r) {
    T* const y = a.y + r * a.y_row;
    for (index_t i = 0; i < a.phases; ++i) {
      const T* x = a.x[i] + r * a.x_row[i];
      for (index_t o = a.phase[i]; o < a.n; o += a.step) y[o] = *x++;
    }
  }
}

extern const InterleaveKernels<float> interleave_kernels_f32;
extern const InterleaveKernels<double> interleave_kernels_f64;
constexpr InterleaveKernels<float> interleave_kernels_f32{&interleave<float>};
constexpr InterleaveKernels<double> interleave_kernels_f64{&interleave<double>};

#include "core/isa_end.hpp"
