// SPDX-License-Identifier: MIT
// Compiled once per instruction set. Steps of 1, 2, 4 and 8 shuffle vectors; others copy element by element,
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
  } else {
    constexpr int kHalf = kStep / 2;
    Vec<T> first[kHalf], second[kHalf], even[kHalf], odd[kHalf];
#pragma GCC unroll 4
    for (int i = 0; i < kHalf; ++i) {
      first[i] = v[2 * i];
      second[i] = v[2 * i + 1];
    }
    zip_all<T, kHalf>(first, even);
    zip_all<T, kHalf>(second, odd);
#pragma GCC unroll 4
    for (int i = 0; i < kHalf; ++i) zip<T>(even[i], odd[i], out + 2 * i);
  }
}

// Rows of one call are apart, so that the hardware does not see which comes next. Gradient of 64 channels of
// 112x112, stride 2, for its input: 14 -> 17 GFLOP/s.
constexpr index_t kRowsAhead = 4;

template <class T, int kStep>
NDNN_INLINE void interleave_row(const T* const (&x)[kStep], Vec<T> fill, T* y, index_t n, index_t ahead) {
  constexpr int kL = kLanes<T>;
  Vec<T> v[kStep], out[kStep];
  index_t j = 0;
  for (; (j + kL) * kStep <= n; j += kL) {
#pragma GCC unroll 8
    for (int f = 0; f < kStep; ++f) v[f] = x[f] ? load(x[f] + j) : fill;
    zip_all<T, kStep>(v, out);
#pragma GCC unroll 8
    for (int f = 0; f < kStep; ++f) {
      __builtin_prefetch(y + j * kStep + f * kL + ahead, 1);
      store(y + j * kStep + f * kL, out[f]);
    }
  }
  const index_t rest = n - j * kStep;
  if (rest == 0) return;
#pragma GCC unroll 8
  for (int f = 0; f < kStep; ++f) {
    const index_t lanes = (rest - f + kStep - 1) / kStep;
    v[f] = !x[f] ? fill : lanes == kL ? load(x[f] + j) : load_part(x[f] + j, lanes);
  }
  zip_all<T, kStep>(v, out);
#pragma GCC unroll 8
  for (int f = 0; f < kStep; ++f) {
    const index_t left = rest - f * kL;
    if (left >= kL) store(y + j * kStep + f * kL, out[f]);
    else if (left > 0) store_part(y + j * kStep + f * kL, out[f], left);
  }
}

template <class T, int kStep>
void interleave_planes(const InterleaveArgs<T>& a) {
  for (index_t p = 0; p < a.planes; ++p) {
    const T* x[kStep] = {};
    index_t row[kStep] = {};
    for (index_t i = 0; i < a.phases; ++i) {
      x[a.x[i].phase] = a.x[i].x + p * a.x[i].plane;
      row[a.x[i].phase] = a.x[i].row;
    }
    const Vec<T> fill = broadcast(a.fill ? a.fill[p] : T(0));
    T* y = a.y + p * a.y_plane;
    for (index_t r = 0; r < a.rows; ++r, y += a.y_row) {
      interleave_row<T, kStep>(x, fill, y, a.n, kRowsAhead * a.y_row);
      for (int f = 0; f < kStep; ++f)
        if (x[f]) x[f] += row[f];
    }
  }
}

template <class T>
void interleave(const InterleaveArgs<T>& a) {
  switch (a.step) {
    case 1: return interleave_planes<T, 1>(a);
    case 2: return interleave_planes<T, 2>(a);
    case 4: return interleave_planes<T, 4>(a);
    case 8: return interleave_planes<T, 8>(a);
    default: break;
  }
  for (index_t p = 0; p < a.planes; ++p)
    for (index_t r = 0; r < a.rows; ++r)
      for (index_t i = 0; i < a.phases; ++i) {
        const T* x = a.x[i].x + p * a.x[i].plane + r * a.x[i].row;
        T* const y = a.y + p * a.y_plane + r * a.y_row;
        for (index_t o = a.x[i].phase; o < a.n; o += a.step) y[o] = *x++;
      }
}

extern const InterleaveKernels<float> interleave_kernels_f32;
extern const InterleaveKernels<double> interleave_kernels_f64;
constexpr InterleaveKernels<float> interleave_kernels_f32{&interleave<float>};
constexpr InterleaveKernels<double> interleave_kernels_f64{&interleave<double>};

#include "core/isa_end.hpp"
