// SPDX-License-Identifier: MIT
// Compiled once per instruction set. Runs outside, rows inside: how a run is copied is decided once a tile,
// and the tile stays in L1 between its runs.
#include "ops/fold/fold_kernels.hpp"

#include <type_traits>
#include <utility>

#include "core/isa_begin.hpp"
#include "core/vec.hpp"
#include "core/vec_compare.hpp"
#include "core/vec_lanes.hpp"

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

template <class T>
NDNN_INLINE void copy_run(const RowArgs<T>& a, const Run& r, const T* from, T* to) {
  if (r.fill) fill_row(to + r.first, r.count, a.fill);
  else copy_steps(from + r.from * a.stride, r.step * a.stride, to + r.first, r.count);
}

#if NDNN_VEC_BYTES == 64
// A run of less than a vector, such as the border of a padded row: lanes of one vector of inputs.
template <class T>
struct ShortRun {
  using Word = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  index_t to = 0, count = 0, from = 0;
  LaneMask<T> inputs{}, outputs{};
  LaneIndex<T> lane{};
  Vec<T> fill{};
  // False where its inputs lie farther apart.
  bool set(const RowArgs<T>& a, const Run& r) {
    constexpr index_t kL = kLanes<T>;
    const index_t last = r.from + (r.count - 1) * r.step, low = r.from < last ? r.from : last;
    const index_t span = r.fill ? 0 : (r.from < last ? last : r.from) - low + 1;
    if (r.count > kL || span > kL || (!r.fill && a.stride != 1)) return false;
    to = r.first;
    count = r.count;
    from = r.fill ? 0 : low;
    inputs = lanes_between<T>(0, span);
    outputs = lanes_between<T>(0, count);
    lane = lane_numbers<Word>() * static_cast<Word>(r.step) + static_cast<Word>(r.from - low);
    fill = broadcast(r.fill ? a.fill : T(0));
    return true;
  }
  NDNN_INLINE void copy(const T* row, T* y) const {
    const Vec<T> v = inputs ? permute<T>(load_masked<T>(row + from, inputs), lane) : fill;
    store_masked<T>(y + to, v, outputs);
  }
};

// Rows of a long run of neighbours between two short ones: 4.0 ns for 58 floats, run by run 7.2.
template <class T>
NDNN_INLINE bool copy_bordered(const RowArgs<T>& a) {
  const AxisRuns& m = *a.columns;
  int k = 0;
  while (k < m.runs && (m.run[k].fill || m.run[k].step != 1 || m.run[k].count < kLanes<T>)) ++k;
  if (k == m.runs || k > 1 || m.runs > k + 2 || a.stride != 1) return false;
  ShortRun<T> before, after;
  if (k == 1 && !before.set(a, m.run[0])) return false;
  if (m.runs == k + 2 && !after.set(a, m.run[k + 1])) return false;
  const Run r = m.run[k];
  const auto copy_rows = [&](auto&& copy_inner) {
    const T* from = a.input;
    T* to = a.gathered;
    for (index_t i = 0; i < a.count; ++i, from += a.input_row, to += a.gathered_row) {
      if (before.count) before.copy(from, to);
      copy_inner(from + r.from, to + r.first);
      if (after.count) after.copy(from, to);
    }
  };
  // The C library need not read what it overwrites: 1920 floats a row in 0.88 of the time.
  if (r.count * index_t(sizeof(T)) >= 4096)
    copy_rows([&](const T* from, T* to) { __builtin_memcpy(to, from, r.count * sizeof(T)); });
  else copy_rows([&](const T* from, T* to) { copy_row(from, to, r.count); });
  return true;
}
#else
template <class T>
NDNN_INLINE bool copy_bordered(const RowArgs<T>&) {
  return false;
}
#endif

// Row by row, so that each line of the result is finished while it is near: all first runs before all second
// ones took 1.5 times as long.
template <class T>
void copy(const RowArgs<T>& a) {
  const AxisRuns& m = *a.columns;
  if (!a.input) {
    for (index_t i = 0; i < a.count; ++i) fill_row(a.gathered + i * a.gathered_row, m.out, a.fill);
    return;
  }
  if (copy_bordered(a)) return;
  const T* from = a.input;
  T* to = a.gathered;
  for (index_t i = 0; i < a.count; ++i, from += a.input_row, to += a.gathered_row)
    for (int k = 0; k < m.runs; ++k) copy_run(a, m.run[k], from, to);
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
void set(const RowArgs<T>& a) {
  const AxisRuns& m = *a.columns;
  const int longest = m.longest();
  const Run r = longest < 0 ? Run{} : m.run[longest];
  const T* from = a.gathered + r.first;
  T* to = a.input;
  for (index_t i = 0; i < a.count; ++i, from += a.gathered_row, to += a.input_row) {
    fill_row(to, r.from, T(0));
    if (r.count) copy_row(from, to + r.from, r.count);
    fill_row(to + r.from + r.count, m.in - r.from - r.count, T(0));
  }
}

template <class T>
void add(const RowArgs<T>& a) {
  const AxisRuns& m = *a.columns;
  const int longest = a.rest ? m.longest() : -1;
  for (int k = 0; k < m.runs; ++k) {
    const Run r = m.run[k];
    if (r.fill || k == longest) continue;
    const index_t step = r.step * a.stride;
    const T* from = a.gathered + r.first;
    T* to = a.input + r.from * a.stride;
    for (index_t i = 0; i < a.count; ++i, from += a.gathered_row, to += a.input_row) {
      if (step == 1 && r.count > 1) add_row(from, to, r.count);
      else
        for (index_t o = 0; o < r.count; ++o) to[o * step] += from[o];
    }
  }
}

extern const FoldKernels<float> fold_kernels_f32;
extern const FoldKernels<double> fold_kernels_f64;
constexpr FoldKernels<float> fold_kernels_f32{&copy<float>, &set<float>, &add<float>};
constexpr FoldKernels<double> fold_kernels_f64{&copy<double>, &set<double>, &add<double>};

#include "core/isa_end.hpp"
