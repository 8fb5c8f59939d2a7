// SPDX-License-Identifier: MIT
// Compiled once per instruction set.
#include "ops/softmax/softmax_kernels.hpp"

#include <utility>

#include "core/isa_begin.hpp"
#include "core/vec.hpp"
#include "core/vec_math.hpp"

// Sums of more vectors than this are sums of sums: 50 000 terms round no more than a few hundred.
constexpr index_t kBlock = 64;

template <class T>
NDNN_INLINE Vec<T> minus_infinity() {
  return broadcast(T(-__builtin_inf()));
}

// The first n lanes of v, then those of `other`.
template <class T, int... J>
NDNN_INLINE Vec<T> first_or(Vec<T> v, index_t n, Vec<T> other, std::integer_sequence<int, J...>) {
  using Word = typename RealBits<T>::Word;
  const Words<T> lane = {J...};
  return lane < Word(n) ? v : other;
}
// scale * x of the last n < kLanes<T> elements; -inf in lanes beyond, which a scale below 0 must not raise.
template <class T>
NDNN_INLINE Vec<T> scaled_rest(const T* x, index_t n, Vec<T> scale) {
  return first_or<T>(load_part(x, n) * scale, n, minus_infinity<T>(),
                     std::make_integer_sequence<int, kLanes<T>>{});
}

// The sum of term(i, count) over the vectors of n elements, in blocks; the last one has fewer elements.
template <class T, class Term>
NDNN_INLINE Vec<T> block_sum(index_t n, Term&& term) {
  constexpr index_t kL = kLanes<T>;
  Vec<T> total{};
  index_t i = 0;
  while (i + kL <= n) {
    const index_t end = n - i < kBlock * kL ? n - n % kL : i + kBlock * kL;
    Vec<T> sum{};
    for (; i < end; i += kL) sum += term(i, kL);
    total += sum;
  }
  if (i < n) total += term(i, n - i);
  return sum_across<T>(total);
}

// The three passes over a row. Its last elements, which do not fill a vector, are loaded once and stay in
// `rest`: read back, a masked store is waited for, and sets without masks go through memory.

// The largest of scale * x, in every lane. A nan may be lost; it comes back with the first e^(nan - peak).
template <class T>
NDNN_INLINE Vec<T> row_peak(const T* x, index_t n, Vec<T> scale, Vec<T>& rest) {
  constexpr index_t kL = kLanes<T>;
  const Vec<T> low = minus_infinity<T>();
  Vec<T> peak = low, peak2 = low;
  index_t i = 0;
  for (; i + 2 * kL <= n; i += 2 * kL) {
    peak = larger<T>(load(x + i) * scale, peak);
    peak2 = larger<T>(load(x + i + kL) * scale, peak2);
  }
  for (; i + kL <= n; i += kL) peak = larger<T>(load(x + i) * scale, peak);
  if (i < n) {
    rest = scaled_rest<T>(x + i, n - i, scale);
    peak2 = larger<T>(rest, peak2);
  }
  return across<T>(larger<T>(peak, peak2), [](Vec<T> a, Vec<T> b) { return larger<T>(a, b); });
}

// The sum of e^(scale * x - peak), in every lane; the terms go to `out`, unless logarithms are wanted.
// Exponentials take longer than memory: what lies `ahead` comes into the caches meanwhile.
template <class T, bool kLog>
NDNN_INLINE Vec<T> row_sum(const T* x, T* out, index_t n, Vec<T> scale, Vec<T> peak, index_t ahead,
                           Vec<T>& rest) {
  return block_sum<T>(n, [&](index_t at, index_t count) {
    const bool whole = count == kLanes<T>;
    if (whole) {
      __builtin_prefetch(x + at + ahead);
      __builtin_prefetch(out + at + (kLog ? 0 : ahead));
    }
    const Vec<T> e = exp_up_to_1<T>(whole ? load(x + at) * scale - peak : rest - peak);
    if constexpr (!kLog) {
      if (whole) store(out + at, e);
      else rest = e;
    }
    return e;
  });
}

template <class T, bool kLog>
NDNN_INLINE void finish_row(const T* x, T* out, index_t n, Vec<T> scale, Vec<T> peak, Vec<T> factor,
                            const Vec<T>& rest) {
  constexpr index_t kL = kLanes<T>;
  index_t i = 0;
  for (; i + kL <= n; i += kL)
    store(out + i, kLog ? load(x + i) * scale - peak - factor : load(out + i) * factor);
  if (i < n) store_part(out + i, kLog ? rest - peak - factor : rest * factor, n - i);
}

// Rows go together, as many as stay in L1: others hide what a row waits for, its maximum and its sum across
// the lanes, and one vector takes all their logarithms. With what is fetched ahead 1.2 times as fast for 1000
// columns, 1.4 times where rows come from memory. The last row is finished first: a load of elements that a
// masked store might have touched, had its mask been another, waits for it.
template <class T, bool kLog>
void softmax_rows(const SoftmaxArgs<T>& a) {
  constexpr index_t kL = kLanes<T>, kTogether = 4096, kFarthest = (1 << 18) / sizeof(T);
  const index_t fit = kTogether / a.n, most = fit < 1 ? 1 : fit < kL ? fit : kL;
  const index_t ahead = most * a.n < kFarthest ? most * a.n : kFarthest;
  const Vec<T> scale = broadcast(a.scale);
  for (index_t first = 0; first < a.rows; first += most) {
    const index_t rows = a.rows - first < most ? a.rows - first : most;
    const T* const x = a.x + first * a.n;
    T* const out = a.out + first * a.n;
    T peak[kL], sum[kL] = {};
    Vec<T> rest[kL];
    for (index_t r = 0; r < rows; ++r) peak[r] = row_peak<T>(x + r * a.n, a.n, scale, rest[r])[0];
    for (index_t r = 0; r < rows; ++r)
      sum[r] =
          row_sum<T, kLog>(x + r * a.n, out + r * a.n, a.n, scale, broadcast(peak[r]), ahead, rest[r])[0];
    store(sum, kLog ? log<T>(load(sum)) : 1 / load(sum));
    for (index_t r = rows - 1; r >= 0; --r)
      finish_row<T, kLog>(x + r * a.n, out + r * a.n, a.n, scale, broadcast(peak[r]), broadcast(sum[r]),
                          rest[r]);
  }
}

// The gradient: scale * y * (g - sum of g * y), of logarithms scale * (g - e^y * sum of g).
template <class T, bool kLog>
NDNN_INLINE Vec<T> gradient_of(Vec<T> g, Vec<T> y, Vec<T> sum, T scale) {
  return scale * (kLog ? g - exp_up_to_1<T>(y) * sum : y * (g - sum));
}

template <class T, bool kLog>
void softmax_rows_gradient(const SoftmaxArgs<T>& a) {
  constexpr index_t kL = kLanes<T>;
  for (index_t r = 0; r < a.rows; ++r) {
    const T *const g = a.x + r * a.n, *const y = a.y + r * a.n;
    T* const out = a.out + r * a.n;
    const Vec<T> sum = block_sum<T>(a.n, [&](index_t at, index_t count) {
      const Vec<T> v = count == kL ? load(g + at) : load_part(g + at, count);
      return kLog ? v : v * (count == kL ? load(y + at) : load_part(y + at, count));
    });
    index_t i = 0;
    for (; i + kL <= a.n; i += kL)
      store(out + i, gradient_of<T, kLog>(load(g + i), load(y + i), sum, a.scale));
    if (const index_t rest = a.n - i)
      store_part(out + i, gradient_of<T, kLog>(load_part(g + i, rest), load_part(y + i, rest), sum, a.scale),
                 rest);
  }
}

// By columns: `each(c, count)` for the vectors of a row, the last one with fewer columns.
template <class T, class Each>
NDNN_INLINE void for_columns(index_t width, Each&& each) {
  constexpr index_t kL = kLanes<T>;
  index_t c = 0;
  for (; c + kL <= width; c += kL) each(c, kL);
  if (c < width) each(c, width - c);
}
template <class T>
NDNN_INLINE Vec<T> load_columns(const T* p, index_t count) {
  return count == kLanes<T> ? load(p) : load_part(p, count);
}
template <class T>
NDNN_INLINE void store_columns(T* p, Vec<T> v, index_t count) {
  if (count == kLanes<T>) store(p, v);
  else store_part(p, v, count);
}

// Sums down the columns, in blocks of rows; add(k, c, count) is the term of row k.
template <class T, class Term>
NDNN_INLINE void column_sums(const SoftmaxArgs<T>& a, T* total, T* block, Term&& term) {
  for_columns<T>(a.width, [&](index_t c, index_t) { store(total + c, Vec<T>{}); });
  for (index_t first = 0; first < a.n; first += kBlock) {
    const index_t end = a.n - first < kBlock ? a.n : first + kBlock;
    for_columns<T>(a.width, [&](index_t c, index_t) { store(block + c, Vec<T>{}); });
    for (index_t k = first; k < end; ++k)
      for_columns<T>(a.width, [&](index_t c, index_t count) {
        store(block + c, load(block + c) + term(k * a.ld + c, c, count));
      });
    for_columns<T>(a.width, [&](index_t c, index_t) { store(total + c, load(total + c) + load(block + c)); });
  }
}

template <class T, bool kLog>
void softmax_columns(const SoftmaxArgs<T>& a) {
  alignas(64) T peak[kMostColumns], sum[kMostColumns], block[kMostColumns];
  const Vec<T> scale = broadcast(a.scale);
  for_columns<T>(a.width, [&](index_t c, index_t) { store(peak + c, minus_infinity<T>()); });
  for (index_t k = 0; k < a.n; ++k)
    for_columns<T>(a.width, [&](index_t c, index_t count) {
      store(peak + c, larger<T>(load_columns(a.x + k * a.ld + c, count) * scale, load(peak + c)));
    });
  column_sums<T>(a, sum, block, [&](index_t at, index_t c, index_t count) {
    const Vec<T> e = exp_up_to_1<T>(load_columns(a.x + at, count) * scale - load(peak + c));
    if (!kLog) store_columns(a.out + at, e, count);
    return e;
  });
  for_columns<T>(a.width, [&](index_t c, index_t) {
    const Vec<T> s = load(sum + c);
    store(sum + c, kLog ? log<T>(s) : 1 / s);
  });
  const T* const from = kLog ? a.x : a.out;
  for (index_t k = 0; k < a.n; ++k)
    for_columns<T>(a.width, [&](index_t c, index_t count) {
      const Vec<T> v = load_columns(from + k * a.ld + c, count), s = load(sum + c);
      store_columns(a.out + k * a.ld + c, kLog ? v * scale - load(peak + c) - s : v * s, count);
    });
}

template <class T, bool kLog>
void softmax_columns_gradient(const SoftmaxArgs<T>& a) {
  alignas(64) T sum[kMostColumns], block[kMostColumns];
  column_sums<T>(a, sum, block, [&](index_t at, index_t, index_t count) {
    const Vec<T> g = load_columns(a.x + at, count);
    return kLog ? g : g * load_columns(a.y + at, count);
  });
  for (index_t k = 0; k < a.n; ++k)
    for_columns<T>(a.width, [&](index_t c, index_t count) {
      const index_t at = k * a.ld + c;
      const Vec<T> g = load_columns(a.x + at, count), y = load_columns(a.y + at, count);
      store_columns(a.out + at, gradient_of<T, kLog>(g, y, load(sum + c), a.scale), count);
    });
}

template <class T>
constexpr SoftmaxKernels<T> make_softmax() {
  return {{&softmax_rows<T, false>, &softmax_rows<T, true>},
          {&softmax_columns<T, false>, &softmax_columns<T, true>},
          {&softmax_rows_gradient<T, false>, &softmax_rows_gradient<T, true>},
          {&softmax_columns_gradient<T, false>, &softmax_columns_gradient<T, true>}};
}

extern const SoftmaxKernels<float> softmax_kernels_f32;
extern const SoftmaxKernels<double> softmax_kernels_f64;
constexpr SoftmaxKernels<float> softmax_kernels_f32 = make_softmax<float>();
constexpr SoftmaxKernels<double> softmax_kernels_f64 = make_softmax<double>();

#include "core/isa_end.hpp"
