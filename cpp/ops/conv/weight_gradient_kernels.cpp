// SPDX-License-Identifier: MIT
// Compiled once per instruction set. A load of x is two where it crosses a line, as 15 of 16 do: so rows of
// dy share it.
#include "ops/conv/weight_gradient_kernels.hpp"

#include <type_traits>
#include <utility>

#include "core/isa_begin.hpp"
#include "core/vec.hpp"

template <class T>
using Bits = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;

// All ones in the first n lanes.
template <class T>
NDNN_INLINE Vec<Bits<T>> first_lanes_set(index_t n) {
  Bits<T> lanes[kLanes<T>];
  for (int i = 0; i < kLanes<T>; ++i) lanes[i] = i < n ? Bits<T>(-1) : Bits<T>(0);
  return load(lanes);
}

template <class T, int kD>
NDNN_INLINE Vec<T> fold(Vec<T> v) {
  if constexpr (kD == 0) {
    return v;
  } else {
    return fold<T, kD / 2>(v + butterfly<T, kD, 1>(v, v, std::make_integer_sequence<int, kLanes<T>>{}));
  }
}

// Planes are too short for the hardware to see what comes next.
template <class T>
NDNN_INLINE void fetch_soon(const T* p, index_t n) {
  for (index_t i = 0; i < n; i += 64 / index_t(sizeof(T))) __builtin_prefetch(p + i, 0, 2);
}

template <class T, int kRows, int kOffsets>
void dot(const DotArgs<T>& a) {
  constexpr int kL = kLanes<T>;
  Vec<T> acc[kRows][kOffsets] = {};
  const index_t rest = a.width % kL, full = a.width - rest;
  const Vec<Bits<T>> counts = first_lanes_set<T>(rest);
  index_t offset[kOffsets];
#pragma GCC unroll 16
  for (int c = 0; c < kOffsets; ++c) offset[c] = a.offset[c];
  const index_t soon = a.width * a.soon_x_rows;
  for (index_t s = 0; s < a.slices; ++s) {
    const T* x = a.x + s * a.x_slice;
    const T* dy = a.dy + s * a.dy_slice;
    for (index_t h = 0; h < a.rows; ++h, x += a.x_row, dy += a.dy_row) {
      if (a.soon_dy) {
        fetch_soon(dy + a.soon_dy, a.width);
        fetch_soon(a.soon_x + s * a.soon_x_slice + h * soon, soon);
      }
      for (index_t i = 0; i < full; i += kL) {
        Vec<T> g[kRows];
#pragma GCC unroll 4
        for (int r = 0; r < kRows; ++r) g[r] = load(dy + r * a.dy_plane + i);
#pragma GCC unroll 16
        for (int c = 0; c < kOffsets; ++c) {
          const Vec<T> xv = load(x + offset[c] + i);
#pragma GCC unroll 4
          for (int r = 0; r < kRows; ++r) acc[r][c] += g[r] * xv;
        }
      }
      if (rest == 0) continue;
      // An inf beyond the row must not meet the zeros that stand for dy there.
      Vec<T> g[kRows];
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) g[r] = load_part(dy + r * a.dy_plane + full, rest);
#pragma GCC unroll 16
      for (int c = 0; c < kOffsets; ++c) {
        const Vec<T> xv = (Vec<T>)((Vec<Bits<T>>)load(x + offset[c] + full) & counts);
#pragma GCC unroll 4
        for (int r = 0; r < kRows; ++r) acc[r][c] += g[r] * xv;
      }
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
    T* const sums = a.sums + r * a.ld;
#pragma GCC unroll 16
    for (int c = 0; c < kOffsets; ++c) {
      const T sum = fold<T, kL / 2>(acc[r][c])[0];
      T& to = sums[a.where[c]];
      to = a.add ? to + sum : sum;
    }
  }
}

template <class T>
double sum_of(const T* x, index_t n) {
  constexpr int kD = kLanes<double>, kChains = 4;
  typedef T Few __attribute__((vector_size(kD * sizeof(T))));
  Vec<double> acc[kChains] = {};
  index_t i = 0;
  for (; i + kChains * kD <= n; i += kChains * kD)
#pragma GCC unroll 4
    for (int c = 0; c < kChains; ++c) {
      Few v;
      __builtin_memcpy(&v, x + i + c * kD, sizeof(v));
      acc[c] += __builtin_convertvector(v, Vec<double>);
    }
  double rest = 0;
  for (; i < n; ++i) rest += double(x[i]);
  return fold<double, kD / 2>((acc[0] + acc[1]) + (acc[2] + acc[3]))[0] + rest;
}

// 32 registers hold 1x14, 2x10, 3x7 or 4x6 sums and their operands.
constexpr int most_offsets(int rows) {
  constexpr int many[] = {14, 10, 7, 6}, few[] = {10, 6, 4, 3};
  return kRegisters == 32 ? many[rows - 1] : few[rows - 1];
}

template <class T, int kRows, int kOffsets>
constexpr void add_dots(WeightGradientKernels<T>& k) {
  if constexpr (kOffsets > 0) {
    k.dot[kRows - 1][kOffsets - 1] = &dot<T, kRows, kOffsets>;
    add_dots<T, kRows, kOffsets - 1>(k);
  }
}

template <class T>
constexpr WeightGradientKernels<T> make_table() {
  WeightGradientKernels<T> k{};
  k.lanes = kLanes<T>;
  for (int r = 1; r <= kDotRows; ++r) k.dot_offsets[r - 1] = most_offsets(r);
  add_dots<T, 1, most_offsets(1)>(k);
  add_dots<T, 2, most_offsets(2)>(k);
  add_dots<T, 3, most_offsets(3)>(k);
  add_dots<T, 4, most_offsets(4)>(k);
  k.sum = &sum_of<T>;
  return k;
}

extern const WeightGradientKernels<float> weight_gradient_kernels_f32;
extern const WeightGradientKernels<double> weight_gradient_kernels_f64;
constexpr WeightGradientKernels<float> weight_gradient_kernels_f32 = make_table<float>();
constexpr WeightGradientKernels<double> weight_gradient_kernels_f64 = make_table<double>();

#include "core/isa_end.hpp"
