// SPDX-License-Identifier: MIT
// Compiled once per instruction set. Runs outside, rows inside: how a run is copied is decided once a tile,
// and the tile stays in L1 between its runs.
#include "ops/fold/fold_kernels.hpp"

#include <type_traits>
#include <utility>

#include "core/isa_begin.hpp"
#include "core/vec.hpp"

template <class T>
NDNN_INLINE void fill_row(T* to, index_t n, T value) {
  constexpr index_t kL = kLanes<T>;
  const Vec<T> v = broadcast(value);
  index_t i = 0;
  for (; i + kL <= n; i += kL) store(to + i, v);
  for (; i < n; ++i) to[i] = value;
}

// n >= 1 elements; the last vector overlaps the one before.
template <class T>
NDNN_INLINE void copy_row(const T* from, T* to, index_t n) {
  constexpr index_t kL = kLanes<T>;
  if (n < kL) return copy_few(from, to, n);
  const Vec<T> last = load(from + n - kL);
  for (index_t i = 0; i + kL < n; i += kL) store(to + i, load(from + i));
  store(to + n - kL, last);
}

// Vector j of every kStep-th of the elements p[0 ... kStep*kLanes), of which `there` exist.
template <class T, int kStep>
NDNN_INLINE Vec<T> every(const T* p, index_t there) {
  constexpr index_t kL = kLanes<T>;
  if constexpr (kStep == 1) {
    return there >= kL ? load(p) : there > 0 ? load_part(p, there) : Vec<T>{};
  } else {
    constexpr index_t kHalf = kStep / 2 * kL;
    return every_second<T, 0>(every<T, kStep / 2>(p, there), every<T, kStep / 2>(p + kHalf, there - kHalf));
  }
}
template <class T, int kStep>
NDNN_INLINE void copy_every(const T* from, T* to, index_t n) {
  constexpr index_t kL = kLanes<T>, kAll = kStep * kL;
  index_t i = 0;
  for (; i + kL < n; i += kL) store(to + i, every<T, kStep>(from + i * kStep, kAll));
  if constexpr (kMaskedLanes) {
    const index_t rest = n - i;
    const Vec<T> last = every<T, kStep>(from + i * kStep, (rest - 1) * kStep + 1);
    if (rest == kL) store(to + i, last);
    else store_part(to + i, last, rest);
  } else {
    for (; i < n; ++i) to[i] = from[i * kStep];
  }
}

template <class T>
NDNN_INLINE void copy_steps(const T* from, index_t step, T* to, index_t n) {
  switch (step) {
    case 0: return fill_row(to, n, *from);
    case 1: return copy_row(from, to, n);
    case 2: return copy_every<T, 2>(from, to, n);
    case 4: return copy_every<T, 4>(from, to, n);
    case 8: return copy_every<T, 8>(from, to, n);
    default:
      for (index_t i = 0; i < n; ++i) to[i] = from[i * step];
  }
}

template <class T, class Body>
NDNN_INLINE void for_rows(const RowArgs<T>& a, const Run& r, Body&& body) {
  for (index_t i = 0; i < a.count; ++i)
    if (a.rows[i].input) body(a.rows[i].input + r.from * a.stride, a.rows[i].gathered + r.first);
}

template <class T>
void copy(const RowArgs<T>& a) {
  const AxisMap& m = *a.columns;
  for (index_t i = 0; i < a.count; ++i)
    if (!a.rows[i].input) fill_row(a.rows[i].gathered, m.out, a.fill);
  for (int k = 0; k < m.runs; ++k) {
    const Run r = m.run[k];
    const index_t step = r.step * a.stride, n = r.count;
    if (r.fill) {
      for_rows(a, r, [&](const T*, T* to) { fill_row(to, n, a.fill); });
    } else if (step == 1 && n >= kLanes<T>) {
      for_rows(a, r, [&](const T* from, T* to) { copy_row(from, to, n); });
    } else if (n == 1) {
      for_rows(a, r, [&](const T* from, T* to) { *to = *from; });
    } else {
      for_rows(a, r, [&](const T* from, T* to) { copy_steps(from, step, to, n); });
    }
  }
}

template <class T>
NDNN_INLINE void add_row(const T* from, T* to, index_t n) {
  constexpr index_t kL = kLanes<T>;
  if (n < kL) return store_part(to, load_part(to, n) + load_part(from, n), n);
  const Vec<T> last = load(to + n - kL) + load(from + n - kL);  // overlaps the one before
  for (index_t i = 0; i + kL < n; i += kL) store(to + i, load(to + i) + load(from + i));
  store(to + n - kL, last);
}

template <class T>
void add(const RowArgs<T>& a) {
  const AxisMap& m = *a.columns;
  for (int k = 0; k < m.runs; ++k) {
    const Run r = m.run[k];
    const index_t step = r.step * a.stride, n = r.count;
    if (r.fill) continue;
    if (step == 1 && n > 1) {
      for_rows(a, r, [&](T* to, const T* from) { add_row(from, to, n); });
    } else {
      for_rows(a, r, [&](T* to, const T* from) {
        for (index_t i = 0; i < n; ++i) to[i * step] += from[i];
      });
    }
  }
}

extern const FoldKernels<float> fold_kernels_f32;
extern const FoldKernels<double> fold_kernels_f64;
constexpr FoldKernels<float> fold_kernels_f32{&copy<float>, &add<float>};
constexpr FoldKernels<double> fold_kernels_f64{&copy<double>, &add<double>};

#include "core/isa_end.hpp"
