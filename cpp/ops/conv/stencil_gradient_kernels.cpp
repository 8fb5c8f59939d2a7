// SPDX-License-Identifier: MIT
// Compiled once per instruction set. The stencil with sums and weights exchanged: kR rows of dy, one vector
// each, stay in registers while the columns of taps pass; a column's sums do so while the rows of x pass by.
// So a load of x serves as many FMAs as the column has taps, one of dy as many as the kernel has.
#include "ops/conv/stencil_kernels.hpp"

#include <type_traits>
#include <utility>

#include "core/isa_begin.hpp"
#include "core/vec.hpp"
#include "ops/conv/stencil_sources.hpp"

// Staged, but lanes that do not count may hold anything: an inf there must not meet the zeros of dy.
template <class T>
struct CountedStaged : Staged<T> {
  using Word = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  using J = std::make_integer_sequence<int, kLanes<T>>;
  using Staged<T>::Staged;
  NDNN_INLINE void at_lane(index_t, index_t n) { counts = first(n, J{}); }
  NDNN_INLINE void read(const T* x, Vec<T>* v) const { v[0] = (Vec<T>)((Vec<Word>)load(x) & counts); }
  static NDNN_INLINE Vec<T> operand(Vec<T> y) { return y; }
  template <int... I>
  static NDNN_INLINE Vec<Word> first(index_t n, std::integer_sequence<int, I...>) {
    const Vec<Word> lane = {I...};
    return (Vec<Word>)(lane < broadcast(static_cast<Word>(n < kLanes<T> ? n : kLanes<T>)));
  }
  Vec<Word> counts;
};
template <class T>
struct CountedColumns {
  using One = CountedStaged<T>;
  using Two = One;
  using Three = One;
  static constexpr int kMost = 1;
};

// Adds what the columns that pass contribute to their sums. The sums of a block are formed apart: two chains
// less to wait for.
template <class T, int kR>
struct AddToSums {
  const StencilGradientArgs<T>& a;
  const Vec<T> (&dy)[kR];

  template <int kTaps, class Source>
  NDNN_INLINE void operator()(Source& source, const T* x, index_t first) {
    constexpr int kAcross = Source::kAcross;
    const index_t x_row = a.x_row;
    Vec<T> acc[kAcross][kTaps] = {};
#pragma GCC unroll 32
    for (int ih = 0; ih < kR + kTaps - 1; ++ih, x += x_row) {
      load_barrier();
      keep_in_register(x);
      if (!source.has_row(ih)) continue;
      Vec<T> xv[kAcross];
      source.read(x, xv);
#pragma GCC unroll 4
      for (int j = 0; j < kAcross; ++j) {
        keep_in_register(xv[j]);
#pragma GCC unroll 8
        for (int k = 0; k < kTaps; ++k)
          if (ih >= k && ih - k < kR) acc[j][k] = source.add(acc[j][k], dy[ih - k], xv[j], j);
      }
    }
    T* to = a.sums + first * a.sum;
    const index_t step = a.w_step * a.sum, across = a.w_across * a.sum;
#pragma GCC unroll 8
    for (int k = 0; k < kTaps; ++k, to += step)
#pragma GCC unroll 4
      for (int j = 0; j < kAcross; ++j) {
        T* const sum = to + j * across;
        store(sum, load(sum) + Source::result(acc[j][k]));
      }
  }
};

// kR rows of dy from (r, i), of which n lanes count.
template <class Sources, int kR, class T>
NDNN_INLINE void block(const StencilGradientArgs<T>& a, index_t r, index_t i) {
  const index_t n = a.width - i, y_row = a.y_row;
  const T* y = a.y + r * y_row + i;
  Vec<T> dy[kR];
#pragma GCC unroll 16
  for (int j = 0; j < kR; ++j, y += y_row) {
    keep_in_register(y);
    if (a.ahead_rows) __builtin_prefetch(y + kR * y_row);
    dy[j] = Sources::One::operand(n >= kLanes<T> ? load(y) : load_part(y, n));
  }
  AddToSums<T, kR> add{a, dy};
  visit_block<Sources, kR>(a, r, i, n, add);
}

// All rows from r on, kR at a time, then fewer: none is counted twice. Every source has the same blocks, so
// that the sums do not depend on how x is read.
template <class Sources, int kR, class T>
NDNN_INLINE void rows(const StencilGradientArgs<T>& a, index_t r) {
  for (; r + kR <= a.rows; r += kR)
    for (index_t i = 0; i < a.width; i += kLanes<T>) block<Sources, kR>(a, r, i);
  if constexpr (kR > 1) rows<Sources, (kR > 7 ? 7 : kR > 3 ? 3 : 1)>(a, r);
}

constexpr int kBlockRows = kRegisters == 32 ? 14 : 7;

template <class T, class Sources>
void stencil_gradient(const StencilGradientArgs<T>& a) {
  rows<Sources, kBlockRows>(a, a.first);
}

// Lane j: the sum of the lanes of vector j; 2*kD vectors.
template <class T, int kD>
NDNN_INLINE Vec<T> lane_sums(const T* v) {
  if constexpr (kD == 0) {
    return load(v);
  } else {
    using J = std::make_integer_sequence<int, kLanes<T>>;
    const Vec<T> a = lane_sums<T, kD / 2>(v), b = lane_sums<T, kD / 2>(v + kD * kLanes<T>);
    return butterfly<T, kD, 0>(a, b, J{}) + butterfly<T, kD, 1>(a, b, J{});
  }
}
template <class T>
void add_lanes(const T* sums, index_t n, T* to) {
  constexpr index_t kL = kLanes<T>;
  for (index_t i = 0; i < n; i += kL, sums += kL * kL) {
    const Vec<T> all = lane_sums<T, kL / 2>(sums);
    if (n - i >= kL) store(to + i, all);
    else store_part(to + i, all, n - i);
  }
}

template <class T>
constexpr StencilGradientKernels<T> make_table() {
  StencilGradientKernels<T> k{{kLanes<T>, kBlockRows, &stencil_gradient<T, CountedColumns<T>>, {}},
                              &add_lanes<T>};
#if NDNN_VEC_BYTES == 64
  k.in_place[0][0] = &stencil_gradient<T, ColumnsInPlace<T, 1, false>>;
  k.in_place[0][1] = &stencil_gradient<T, ColumnsInPlace<T, 1, true>>;
  k.in_place[1][0] = &stencil_gradient<T, ColumnsInPlace<T, 2, false>>;
  k.in_place[1][1] = &stencil_gradient<T, ColumnsInPlace<T, 2, true>>;
#endif
  return k;
}

extern const StencilGradientKernels<float> stencil_gradient_kernels_f32;
extern const StencilGradientKernels<double> stencil_gradient_kernels_f64;
constexpr StencilGradientKernels<float> stencil_gradient_kernels_f32 = make_table<float>();
constexpr StencilGradientKernels<double> stencil_gradient_kernels_f64 = make_table<double>();

#include "core/isa_end.hpp"
