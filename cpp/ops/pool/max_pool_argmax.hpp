// SPDX-License-Identifier: MIT
// What both kernel files of maximum pooling share: taps of a chunk of outputs, and the maximum with its
// index. Included inside the region and namespace of an instruction set, after vec_compare.hpp; includes
// nothing.
#pragma once

#define NDNN_LAMBDA __attribute__((always_inline))  // else a call a vector

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

// What lies where the lanes of a chunk of outputs read: anything (whole vectors may be read) ...
template <class T, int kStride>
struct WholeTaps {
  index_t gap, stride, count;
  NDNN_INLINE WholeTaps(const MaxWindowArgs<T>& a, index_t o)
      : gap(a.gap), stride(a.stride), count(a.n - o < kLanes<T> ? a.n - o : kLanes<T>) {}
  template <class Tap>
  NDNN_INLINE void each(const T* p, index_t taps, Tap&& tap) const {
#pragma GCC unroll 3
    for (index_t k = 0; k < taps; ++k) tap(load_every<T, kStride>(p + k * gap, stride, count));
  }
};

#if NDNN_VEC_BYTES == 64
// ... or something outside [0, in), which is -inf.
template <class T, int kStride>
struct MaskedTaps {
  LaneMask<T> mask[kMostTapsInPlace][kStride];
  NDNN_INLINE MaskedTaps(const MaxWindowArgs<T>& a, index_t o) {
    for (int k = 0; k < a.taps; ++k)
      for (int v = 0; v < kStride; ++v) {
        const index_t at = a.first + o * kStride + k + v * kLanes<T>;
        mask[k][v] = lanes_between<T>(-at, a.in - at);
      }
  }
  NDNN_INLINE Vec<T> vector(const T* p, index_t k, int v) const {
    return load_masked_or<T>(p + k + v * kLanes<T>, mask[k][v], broadcast(kLeast<T>));
  }
  // With stride 2, one pair of vectors holds two taps.
  template <class Tap>
  NDNN_INLINE void each(const T* p, index_t taps, Tap&& tap) const {
#pragma GCC unroll 3
    for (index_t k = 0; k < taps; k += kStride) {
      if constexpr (kStride == 1) {
        tap(vector(p, k, 0));
      } else {
        const Vec<T> low = vector(p, k, 0), high = vector(p, k, 1);
        tap(every_second<T, 0>(low, high));
        if (k + 1 < taps) tap(every_second<T, 1>(low, high));
      }
    }
  }
};
#endif

template <class E>
NDNN_INLINE void store_few(E* p, Vec<E> v, index_t count) {
  using Real = std::conditional_t<sizeof(E) == 4, float, double>;
  if (count >= kLanes<E>) store(p, v);
  else store_part(reinterpret_cast<Real*>(p), (Vec<Real>)v, count);
}
template <class I>
NDNN_INLINE void store_wide(std::int64_t* p, Vec<I> v, index_t count) {
  using Wide = Vec<std::int64_t>;
  if constexpr (sizeof(I) == 8) {
    store_few(p, (Wide)v, count);
  } else {
    constexpr int kHalf = kLanes<I> / 2;
    typedef I Half __attribute__((vector_size(kVecBytes / 2)));
    struct Halves {
      Half low, high;
    } halves;
    __builtin_memcpy(&halves, &v, sizeof(v));
    store_few(p, __builtin_convertvector(halves.low, Wide), count);
    if (count > kHalf) store_few(p + kHalf, __builtin_convertvector(halves.high, Wide), count - kHalf);
  }
}

// kTaps of 0: any number.
template <class T, int kStride, int kTaps>
struct Argmax {
  using I = PoolIndex<T>;
  const MaxWindowArgs<T> a;  // a copy that no store can change: else each row loads all of it again

  template <class Taps>
  NDNN_INLINE void run(const Taps& taps, index_t plane, index_t r, index_t o) const {
    const Span& rows = a.rows[r];
    const T* from = a.x + plane * a.plane + rows.begin * a.row + a.first + o * a.stride;
    const index_t row0 = a.first_index + a.first + o * a.stride + rows.begin * a.index_row;
    const Vec<I> lanes = lane_numbers<I>() * static_cast<I>(a.stride) + static_cast<I>(row0);
    const Vec<I> gap = broadcast(static_cast<I>(a.gap));
    Vec<T> acc = broadcast(kLeast<T>);
    Vec<I> at = lanes;
    if (a.begin + o < a.lead_count) at += load(a.lead + a.begin + o);
    for (index_t d = 0; d < a.depth_count; ++d)
      for (index_t h = 0; h < rows.count; ++h) {
        Vec<I> own = lanes + static_cast<I>(d * a.index_depth + h * a.row_step * a.index_row);
        taps.each(from + d * a.depth + h * a.row_step * a.row, kTaps ? kTaps : a.taps,
                  [&](Vec<T> v) NDNN_LAMBDA {
                    const Lanes<T> m = takes_over<T>(v, acc);
                    acc = choose<T>(m, v, acc);
                    at = choose<T>(m, own, at);
                    own += gap;
                  });
      }
    const index_t to = plane * a.y_plane + r * a.y_row + o, count = a.n - o;
    if (a.saved) store_few(a.saved + to, at, count);
    if (a.indices) store_wide<I>(a.indices + to, at, count);
    store_few(a.y + to, acc, count);
  }
};
