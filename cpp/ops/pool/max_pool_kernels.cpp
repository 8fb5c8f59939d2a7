// SPDX-License-Identifier: MIT
// Compiled once per instruction set.
#include "ops/pool/max_pool_kernels.hpp"

#include <limits>
#include <utility>

#include "core/isa_begin.hpp"
#include "core/vec.hpp"
#include "core/vec_compare.hpp"

template <class T>
constexpr T kLeast = -std::numeric_limits<T>::infinity();

// Elements `step` apart, the first `count` lanes of them; with kStep known, whole vectors may be read.
template <class T, int kStep>
NDNN_INLINE Vec<T> load_every(const T* p, index_t step, index_t count) {
  if constexpr (kStep == 1) return load(p);
  if constexpr (kStep == 2) return every_second<T, 0>(load(p), load(p + kLanes<T>));
  T lanes[kLanes<T>] = {};
  for (index_t l = 0; l < count; ++l) lanes[l] = p[l * step];
  return load(lanes);
}

template <class T>
NDNN_INLINE void fill_least(T* p, index_t n) {
  for (index_t i = 0; i < n; i += kLanes<T>) store(p + i, broadcast(kLeast<T>));
}

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
      for (int v = 0; v < kVectors; ++v) acc[v] = larger<T>(acc[v], load(p + v * kLanes<T>));
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) store(out + v * kLanes<T>, acc[v]);
}
// Any stride, or fewer elements than a vector.
template <class T>
void max_of_few(const MaxRowsArgs<T>& a, const T* x, index_t count, index_t n, T* out) {
  const auto at = [&](const T* p) {
    return a.element == 1 ? load_part(p, n) : load_every<T, 0>(p, a.element, n);
  };
  Vec<T> acc = at(x);
  for (index_t d = 0; d < a.depth_count; ++d)
    for (index_t h = 0; h < count; ++h) acc = larger<T>(acc, at(x + d * a.depth + h * a.row_step * a.row));
  store_part(out, acc, n);
}
template <class T>
void max_of_row(const MaxRowsArgs<T>& a, const T* x, index_t count, T* out) {
  constexpr index_t kL = kLanes<T>;
  const index_t n = a.n;
  if (a.element != 1) {
    for (index_t i = 0; i < n; i += kL)
      if (n - i >= kL) {
        Vec<T> acc = load_every<T, 0>(x + i * a.element, a.element, kL);
        for (index_t d = 0; d < a.depth_count; ++d)
          for (index_t h = 0; h < count; ++h)
            acc = larger<T>(acc, load_every<T, 0>(x + i * a.element + d * a.depth + h * a.row_step * a.row,
                                                  a.element, kL));
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
void max_rows(const MaxRowsArgs<T>& a) {
  for (index_t p = 0; p < a.planes; ++p)
    for (index_t r = 0; r < a.count; ++r) {
      T* const out = a.out + p * a.out_plane + r * a.out_row;
      fill_least(out + a.n, a.right);
      fill_least(out - a.left, a.left);
      max_of_row(a, a.x + p * a.plane + a.rows[r].begin * a.row, a.rows[r].count, out);
    }
}

// ---- the maximum along a row

template <class T, int kStride>
void max_along_strided(const MaxAlongArgs<T>& a) {
  constexpr index_t kL = kLanes<T>;
  for (index_t p = 0; p < a.planes; ++p)
    for (index_t r = 0; r < a.rows; ++r) {
      const T* const from = a.buffer + p * a.buffer_plane + r * a.buffer_row;
      T* const y = a.y + p * a.y_plane + r * a.y_row;
      for (index_t o = 0; o < a.n; o += kL) {
        const index_t count = a.n - o < kL ? a.n - o : kL;
        const T* const first = from + o * a.stride;
        Vec<T> acc = load_every<T, kStride>(first, a.stride, count);
        for (index_t k = 1; k < a.taps; ++k)
          acc = larger<T>(acc, load_every<T, kStride>(first + k * a.gap, a.stride, count));
        if (count == kL) store(y + o, acc);
        else store_part(y + o, acc, count);
      }
    }
}

// Windows of many taps: each round doubles what every element is the maximum of, until two taps are left.
// Kernels of 13 take 4 passes over the row, not 12 loads an output.
template <class T>
MaxAlongArgs<T> with_two_taps(const MaxAlongArgs<T>& a) {
  const index_t n = (a.n - 1) * a.stride + (a.taps - 1) * a.gap + 1;
  index_t have = 1;
  for (; 2 * have < a.taps; have *= 2)
    for (index_t p = 0; p < a.planes; ++p)
      for (index_t r = 0; r < a.rows; ++r) {
        T* const row = a.buffer + p * a.buffer_plane + r * a.buffer_row;
        for (index_t i = 0; i < n - have * a.gap; i += kLanes<T>)
          store(row + i, larger<T>(load(row + i), load(row + i + have * a.gap)));
      }
  MaxAlongArgs<T> b = a;
  b.gap = (a.taps - have) * a.gap;
  b.taps = 2;
  return b;
}

constexpr index_t kManyTaps = 5;
template <class T>
void max_along(const MaxAlongArgs<T>& a) {
  const MaxAlongArgs<T> b = a.taps >= kManyTaps ? with_two_taps(a) : a;
  if (b.stride == 1) return max_along_strided<T, 1>(b);
  if (b.stride == 2) return max_along_strided<T, 2>(b);
  max_along_strided<T, 0>(b);
}

// ---- the maximum and its index

template <class T, int kStride>
struct Argmax {
  using I = PoolIndex<T>;
  const ArgmaxArgs<T>& a;

  NDNN_INLINE void tap(Vec<T> v, index_t index, Vec<T>& acc, Vec<I>& at) const {
    const Lanes<T> m = takes_over<T>(v, acc);
    acc = choose<T>(m, v, acc);
    at = choose<T>(m, broadcast(static_cast<I>(index)), at);
  }

  // Outputs o .. o + kLanes of a row; `from` is their first tap.
  NDNN_INLINE void run(const T* from, const Span& rows, index_t o, index_t count, Vec<T>& acc,
                       Vec<I>& at) const {
    acc = load_every<T, kStride>(from, a.stride, count);
    const index_t row0 = a.first_index + rows.begin * a.index_row;
    at = broadcast(static_cast<I>(row0));
    if (a.begin + o < a.lead_count) at += load(a.lead + a.begin + o);
    index_t k = 1, h = 0;
    for (index_t d = 0; d < a.depth_count; ++d, h = 0)
      for (; h < rows.count; ++h, k = 0) {
        const T* p = from + d * a.buffer_depth + h * a.row_step * a.buffer_row;
        const index_t index = row0 + d * a.index_depth + h * a.row_step * a.index_row;
        for (; k < a.taps; ++k)
          tap(load_every<T, kStride>(p + k * a.gap, a.stride, count), index + k * a.gap, acc, at);
      }
    at += lane_numbers<I>() * static_cast<I>(a.stride) + static_cast<I>(o * a.stride);
  }

  void all() const {
    constexpr index_t kL = kLanes<T>;
    for (index_t p = 0; p < a.planes; ++p)
      for (index_t r = 0; r < a.count; ++r) {
        const T* const from = a.buffer + p * a.buffer_plane + a.rows[r].begin * a.buffer_row;
        const index_t to = p * a.y_plane + r * a.y_row;
        for (index_t o = 0; o < a.n; o += kL) {
          const index_t count = a.n - o < kL ? a.n - o : kL;
          Vec<T> acc;
          Vec<I> at;
          run(from + o * a.stride, a.rows[r], o, count, acc, at);
          if (a.saved) store_few(a.saved + to + o, at, count);
          if (a.indices) store_wide(a.indices + to + o, at, count);
          store_few(a.y + to + o, acc, count);
        }
      }
  }

  template <class E>
  static NDNN_INLINE void store_few(E* p, Vec<E> v, index_t count) {
    if (count == kLanes<E>) return store(p, v);
    if constexpr (std::is_integral_v<E>) store_part(reinterpret_cast<T*>(p), (Vec<T>)v, count);
    else store_part(p, v, count);
  }
  static NDNN_INLINE void store_wide(std::int64_t* p, Vec<I> v, index_t count) {
    if constexpr (sizeof(I) == 8) {
      store_few(reinterpret_cast<I*>(p), v, count);
    } else {
      constexpr int kHalf = kLanes<I> / 2;
      typedef I Half __attribute__((vector_size(kVecBytes / 2)));
      struct Halves {
        Half low, high;
      } halves;
      __builtin_memcpy(&halves, &v, sizeof(v));
      const Vec<std::int64_t> low = __builtin_convertvector(halves.low, Vec<std::int64_t>);
      const Vec<std::int64_t> high = __builtin_convertvector(halves.high, Vec<std::int64_t>);
      if (count == kLanes<I>) {
        store(p, low);
        store(p + kHalf, high);
        return;
      }
      std::int64_t lanes[kLanes<I>];
      store(lanes, low);
      store(lanes + kHalf, high);
      for (index_t l = 0; l < count; ++l) p[l] = lanes[l];
    }
  }
};

template <class T>
void argmax(const ArgmaxArgs<T>& a) {
  if (a.stride == 1) return Argmax<T, 1>{a}.all();
  if (a.stride == 2) return Argmax<T, 2>{a}.all();
  Argmax<T, 0>{a}.all();
}

// ---- the gradient

// Elements j * kStride + phase of a row of dx, lanes along j.
template <class T, int kStride>
struct MaxGradient {
  using I = PoolIndex<T>;
  const MaxGradientArgs<T>& a;

  NDNN_INLINE void run(index_t plane, index_t row, index_t j, Vec<T>* acc) const {
    Vec<I> own[kStride];
    for (int f = 0; f < kStride; ++f) {
      acc[f] = Vec<T>{};
      own[f] = lane_numbers<I>() * kStride +
               broadcast(static_cast<I>(a.first_index + row * a.index_row + j * kStride + f));
    }
    for (index_t d = 0; d < a.depth_count; ++d)
      for (index_t h = 0; h < a.rows[row].count; ++h) {
        const index_t from =
            plane * a.buffer_plane + d * a.buffer_depth + (a.rows[row].begin + h) * a.buffer_row + j;
        for (index_t e = 0; e < a.reach; ++e) {
          const Vec<T> dy = load(a.dy + from + e);
          const Vec<I> index = load(a.index + from + e);
          for (int f = 0; f < kStride; ++f)
            acc[f] = choose<T>(equal_lanes<T>(index, own[f]), acc[f] + dy, acc[f]);
        }
      }
  }

  void all() const {
    constexpr index_t kL = kLanes<T>;
    for (index_t p = 0; p < a.planes; ++p)
      for (index_t r = 0; r < a.count; ++r) {
        T* const dx = a.dx + p * a.dx_plane + r * a.dx_row;
        for (index_t i = 0; i < a.n; i += kL * kStride) {
          Vec<T> acc[kStride];
          run(p, r, i / kStride, acc);
          if constexpr (kStride == 2) {
            const Vec<T> low = interleaved<T, 0>(acc[0], acc[1]);
            acc[1] = interleaved<T, 1>(acc[0], acc[1]);
            acc[0] = low;
          }
          for (int f = 0; f < kStride; ++f) {
            const index_t at = i + f * kL;
            if (at + kL <= a.n) store(dx + at, acc[f]);
            else if (at < a.n) store_part(dx + at, acc[f], a.n - at);
          }
        }
      }
  }
};

template <class T>
void max_gradient(const MaxGradientArgs<T>& a) {
  if (a.stride == 1) return MaxGradient<T, 1>{a}.all();
  MaxGradient<T, 2>{a}.all();
}

template <class T>
constexpr MaxPoolKernels<T> make_kernels() {
  return {&max_rows<T>, &max_along<T>, &argmax<T>, &max_gradient<T>};
}
extern const MaxPoolKernels<float> max_pool_kernels_f32;
extern const MaxPoolKernels<double> max_pool_kernels_f64;
constexpr MaxPoolKernels<float> max_pool_kernels_f32 = make_kernels<float>();
constexpr MaxPoolKernels<double> max_pool_kernels_f64 = make_kernels<double>();

#include "core/isa_end.hpp"
