// SPDX-License-Identifier: MIT
// Compiled once per instruction set.
#include "ops/pool/max_pool_kernels.hpp"

#include <limits>
#include <utility>

#include "core/isa_begin.hpp"
#include "core/vec.hpp"
#include "core/vec_compare.hpp"
#include "ops/pool/max_pool_argmax.hpp"

// ---- the maximum of rows

// kVectors of neighbouring columns, so that the loop over rows is paid once for them.
template <class T, int kVectors>
NDNN_INLINE void max_of_rows(const MaxRowsArgs<T>& a, const T* x, index_t count, T* out) {
  Vec<T> acc[kVectors];
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) acc[v] = load(x + v * kLanes<T>);
  const index_t step = a.row_step * a.row;
  const T* p = x + step;
  index_t h = 1;
  for (index_t d = 0; d < a.depth_count; ++d, p = x + d * a.depth, h = 0)
    for (; h < count; ++h, p += step)
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) acc[v] = larger_or_nan<T>(acc[v], load(p + v * kLanes<T>));
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) store(out + v * kLanes<T>, acc[v]);
}
// Any stride, or fewer elements than a vector.
template <class T>
NDNN_INLINE void max_of_few(const MaxRowsArgs<T>& a, const T* x, index_t count, index_t n, T* out) {
  const auto at = [&](const T* p) {
    return a.element == 1 ? load_part(p, n) : load_every<T, 0>(p, a.element, n);
  };
  Vec<T> acc = at(x);
  for (index_t d = 0; d < a.depth_count; ++d)
    for (index_t h = 0; h < count; ++h)
      acc = larger_or_nan<T>(acc, at(x + d * a.depth + h * a.row_step * a.row));
  store_part(out, acc, n);
}
template <class T>
NDNN_INLINE void max_of_row(const MaxRowsArgs<T>& a, const T* x, index_t count, T* out) {
  constexpr index_t kL = kLanes<T>;
  const index_t n = a.n;
  if (a.element != 1) {
    for (index_t i = 0; i < n; i += kL)
      if (n - i >= kL) {
        Vec<T> acc = load_every<T, 0>(x + i * a.element, a.element, kL);
        for (index_t d = 0; d < a.depth_count; ++d)
          for (index_t h = 0; h < count; ++h)
            acc = larger_or_nan<T>(
                acc,
                load_every<T, 0>(x + i * a.element + d * a.depth + h * a.row_step * a.row, a.element, kL));
        store(out + i, acc);
      } else {
        max_of_few(a, x + i * a.element, count, n - i, out + i);
      }
    return;
  }
  index_t i = 0;
  for (; i + 4 * kL <= n; i += 4 * kL) max_of_rows<T, 4>(a, x + i, count, out + i);
  for (; i + kL <= n; i += kL) max_of_rows<T, 1>(a, x + i, count, out + i);
  if (i < n && n >= kL) max_of_rows<T, 1>(a, x + n - kL, count, out + n - kL);
  else if (i < n) max_of_few(a, x, count, n, out);
}

template <class T>
void max_rows(const MaxRowsArgs<T>& args) {
  const MaxRowsArgs<T> a = args;
  for (index_t p = 0; p < a.planes; ++p)
    for (index_t r = 0; r < a.count; ++r) {
      T* const out = a.out + p * a.out_plane + r * a.out_row;
      fill_least(out + a.n, a.right);
      fill_least(out - a.left, a.left);
      max_of_row(a, a.x + p * a.plane + a.rows[r].begin * a.row, a.rows[r].count, out);
    }
}

// ---- the maximum along a row

template <class T, class Body>
NDNN_INLINE void for_rows(const MaxAlongArgs<T>& a, Body&& body) {
  for (index_t p = 0; p < a.planes; ++p)
    for (index_t r = 0; r < a.rows; ++r)
      body(a.buffer + p * a.buffer_plane + r * a.buffer_row, a.y + p * a.y_plane + r * a.y_row);
}

// The first `count` lanes are elements `stride` apart, picked from the vectors in which they lie.
template <class T>
struct Picks {
  static constexpr index_t kMostStride = 8;
  index_t stride;
  LaneIndex<T> lane[kMostStride];

  explicit NDNN_INLINE Picks(index_t apart) : stride(apart) {
    using I = IntOf<T>;
    constexpr I kL = kLanes<T>;
    const LaneIndex<T> own = lane_numbers<I>(), at = own * static_cast<I>(apart);
    for (I v = 0; v < static_cast<I>(apart); ++v) lane[v] = at < v * kL ? own : at - (v - 1) * kL;
  }
  NDNN_INLINE Vec<T> at(const T* p, index_t count) const {
    const index_t vectors = (count - 1) * stride / kLanes<T> + 1;
    Vec<T> picked = permute<T>(load(p), lane[0]);
    for (index_t v = 1; v < vectors; ++v) picked = permute<T>(picked, load(p + v * kLanes<T>), lane[v]);
    return picked;
  }
};
template <class T, int kStride>
struct Every {
  index_t stride;
  NDNN_INLINE Vec<T> at(const T* p, index_t count) const { return load_every<T, kStride>(p, stride, count); }
};

template <class T, class Taps>
void max_along_taps(const MaxAlongArgs<T>& args, const Taps taps) {
  const MaxAlongArgs<T> a = args;
  constexpr index_t kL = kLanes<T>;
  for_rows(a, [&](const T* from, T* y) NDNN_LAMBDA {
    for (index_t o = 0; o < a.n; o += kL) {
      const index_t count = a.n - o < kL ? a.n - o : kL;
      const T* const first = from + o * a.stride;
      Vec<T> acc = taps.at(first, count);
      for (index_t k = 1; k < a.taps; ++k) acc = larger_or_nan<T>(acc, taps.at(first + k * a.gap, count));
      store_few(y + o, acc, count);
    }
  });
}

// Windows of an even number of taps an even number apart are windows of pairs; the pairs take the buffer's
// place.
template <class T>
NDNN_INLINE Vec<T> larger_of_pairs(const T* p) {
  const Vec<T> low = load(p), high = load(p + kLanes<T>);
  return larger_or_nan<T>(every_second<T, 0>(low, high), every_second<T, 1>(low, high));
}
template <class T>
MaxAlongArgs<T> with_pairs(const MaxAlongArgs<T>& a) {
  MaxAlongArgs<T> b = a;
  b.taps /= 2;
  b.stride /= 2;
  for_rows(a, [&](T* row, T*) NDNN_LAMBDA {
    for (index_t i = 0; i < (b.n - 1) * b.stride + b.taps; i += kLanes<T>)
      store(row + i, larger_of_pairs(row + 2 * i));
  });
  return b;
}
template <class T>
void max_of_pairs(const MaxAlongArgs<T>& args) {
  const MaxAlongArgs<T> a = args;
  for_rows(a, [&](const T* row, T* y) NDNN_LAMBDA {
    for (index_t o = 0; o < a.n; o += kLanes<T>) store_few(y + o, larger_of_pairs(row + 2 * o), a.n - o);
  });
}

// Windows of many taps: each round doubles what every element is the maximum of, until two taps are left.
// Kernels of 13 take 4 passes over the row, not 12 loads an output.
template <class T>
MaxAlongArgs<T> with_two_taps(const MaxAlongArgs<T>& a) {
  const index_t n = (a.n - 1) * a.stride + (a.taps - 1) * a.gap + 1;
  index_t have = 1;
  for (; 2 * have < a.taps; have *= 2)
    for_rows(a, [&](T* row, T*) NDNN_LAMBDA {
      for (index_t i = 0; i < n - have * a.gap; i += kLanes<T>)
        store(row + i, larger_or_nan<T>(load(row + i), load(row + i + have * a.gap)));
    });
  MaxAlongArgs<T> b = a;
  b.gap = (a.taps - have) * a.gap;
  b.taps = 2;
  return b;
}

constexpr index_t kManyTaps = 5;
template <class T>
void max_along(const MaxAlongArgs<T>& args) {
  MaxAlongArgs<T> a = args;
  const auto even = [&] { return a.taps % 2 == 0 && a.stride % 2 == 0 && a.gap == 1; };
  while (even() && a.stride > 2) a = with_pairs(a);
  if (a.taps == 2 && even()) return max_of_pairs(a);
  if (a.taps >= kManyTaps) a = with_two_taps(a);
  if (a.stride == 1) return max_along_taps<T>(a, Every<T, 1>{1});
  if (a.stride == 2) return max_along_taps<T>(a, Every<T, 2>{2});
  if constexpr (kPermutes)
    if (a.stride <= Picks<T>::kMostStride) return max_along_taps<T>(a, Picks<T>(a.stride));
  max_along_taps<T>(a, Every<T, 0>{a.stride});
}

// ---- with the index

template <class T, int kStride>
void argmax_strided(const MaxWindowArgs<T>& a) {
  const Argmax<T, kStride, 0> windows{a};
  for (index_t p = 0; p < a.planes; ++p)
    for (index_t r = 0; r < a.count; ++r)
      for (index_t o = 0; o < a.n; o += kLanes<T>) windows.run(WholeTaps<T, kStride>(windows.a, o), p, r, o);
}
template <class T>
void argmax(const MaxWindowArgs<T>& a) {
  if (a.stride == 1) return argmax_strided<T, 1>(a);
  if (a.stride == 2) return argmax_strided<T, 2>(a);
  argmax_strided<T, 0>(a);
}

template <class T>
constexpr MaxPoolKernels<T> make_kernels() {
  return {&max_rows<T>, &max_along<T>, &argmax<T>};
}
extern const MaxPoolKernels<float> max_pool_kernels_f32;
extern const MaxPoolKernels<double> max_pool_kernels_f64;
constexpr MaxPoolKernels<float> max_pool_kernels_f32 = make_kernels<float>();
constexpr MaxPoolKernels<double> max_pool_kernels_f64 = make_kernels<double>();

#include "core/isa_end.hpp"
