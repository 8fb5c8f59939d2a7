// SPDX-License-Identifier: MIT
// Compiled once per instruction set.
#include "ops/resize/resize_kernels.hpp"

#include <utility>

#include "core/isa_begin.hpp"
#include "core/vec.hpp"

// -- rows

constexpr int kRowGroup = 16;  // rows summed at a time; more add to y

template <class T>
struct RowGroup {
  const T* row[kRowGroup];
  const T* weight;  // or null
  int count;
  bool more;  // y holds a sum already
};

template <class T, int kTaps, bool kWeighted>
NDNN_INLINE void sum_few(const RowGroup<T>& g, T scale, index_t n, T* y) {
  constexpr index_t kL = kLanes<T>;
  const T* row[kTaps];
  Vec<T> w[kTaps];
  for (int k = 0; k < kTaps; ++k) {
    row[k] = g.row[k];
    if (kWeighted) w[k] = broadcast<T>(g.weight[k] * scale);
  }
  const Vec<T> factor = broadcast(scale);
  const auto combine = [&](auto&& at) {
    Vec<T> sum = kWeighted ? at(row[0]) * w[0] : at(row[0]);
#pragma GCC unroll 4
    for (int k = 1; k < kTaps; ++k) {
      if (kWeighted) sum = sum + at(row[k]) * w[k];
      else sum = sum + at(row[k]);
    }
    return kWeighted ? sum : sum * factor;
  };
  const auto whole = [&](index_t i) { return combine([&](const T* p) { return load(p + i); }); };
  index_t i = 0;
  for (; i + 2 * kL <= n; i += 2 * kL) {
    const Vec<T> a = whole(i), b = whole(i + kL);
    store(y + i, a);
    store(y + i + kL, b);
  }
  if (i + kL <= n) {
    store(y + i, whole(i));
    i += kL;
  }
  if (i == n) return;
  if (!kMaskedLanes && n >= kL) return store(y + n - kL, whole(n - kL));
  store_part(y + i, combine([&](const T* p) { return load_part(p + i, n - i); }), n - i);
}

template <class T, int kVectors>
NDNN_INLINE void sum_vectors(const RowGroup<T>& g, index_t i, T scale, T* y) {
  constexpr index_t kL = kLanes<T>;
  Vec<T> sum[kVectors];
  for (int v = 0; v < kVectors; ++v) sum[v] = g.more ? load(y + i + v * kL) : Vec<T>{};
  for (int k = 0; k < g.count; ++k) {
    const T* const p = g.row[k] + i;
    if (g.weight) {
      const Vec<T> w = broadcast(g.weight[k]);
      for (int v = 0; v < kVectors; ++v) sum[v] += load(p + v * kL) * w;
    } else {
      for (int v = 0; v < kVectors; ++v) sum[v] += load(p + v * kL);
    }
  }
  for (int v = 0; v < kVectors; ++v) store(y + i + v * kL, sum[v] * scale);
}

template <class T>
void sum_many(const RowGroup<T>& g, T scale, index_t n, T* y) {
  constexpr index_t kL = kLanes<T>;
  index_t i = 0;
  for (; i + 4 * kL <= n; i += 4 * kL) sum_vectors<T, 4>(g, i, scale, y);
  for (; i + kL <= n; i += kL) sum_vectors<T, 1>(g, i, scale, y);
  if (i == n) return;
  Vec<T> sum = g.more ? load_part(y + i, n - i) : Vec<T>{};
  for (int k = 0; k < g.count; ++k) {
    const Vec<T> x = load_part(g.row[k] + i, n - i);
    sum += g.weight ? x * g.weight[k] : x;
  }
  store_part(y + i, sum * scale, n - i);
}

template <class T>
NDNN_INLINE void sum_rows(const RowGroup<T>& g, T scale, index_t n, T* y) {
  if (g.more || g.count > 4) return sum_many(g, scale, n, y);
  if (g.weight) {
    if (g.count == 1) return sum_few<T, 1, true>(g, scale, n, y);
    if (g.count == 2) return sum_few<T, 2, true>(g, scale, n, y);
    if (g.count == 3) return sum_few<T, 3, true>(g, scale, n, y);
    return sum_few<T, 4, true>(g, scale, n, y);
  }
  if (g.count == 1) return sum_few<T, 1, false>(g, scale, n, y);
  if (g.count == 2) return sum_few<T, 2, false>(g, scale, n, y);
  if (g.count == 3) return sum_few<T, 3, false>(g, scale, n, y);
  return sum_few<T, 4, false>(g, scale, n, y);
}

template <class T>
void combine_rows(const RowTile<T>& t) {
  const RowMap<T>& m = t.map;
  for (index_t o = t.begin; o < t.end; ++o) {
    T* const y = t.y + (o - t.begin) * t.ld_y;
    const index_t count = m.count[o];
    if (count == 0) {
      __builtin_memset(y, 0, t.n * sizeof(T));
      continue;
    }
    const T* const x = t.x + (m.first[o] - t.origin) * t.ld_x;
    for (index_t k = 0; k < count; k += kRowGroup) {
      RowGroup<T> g;
      g.count = static_cast<int>(count - k < kRowGroup ? count - k : kRowGroup);
      for (int j = 0; j < g.count; ++j) g.row[j] = x + (k + j) * t.ld_x;
      g.weight = m.weight ? m.weight + o * m.taps + k : nullptr;
      g.more = k > 0;
      sum_rows(g, m.scale && k + g.count == count ? m.scale[o] : T(1), t.n, y);
    }
  }
}

// -- columns

template <class T>
NDNN_INLINE void store_outputs(const ColumnMap<T>& m, T* y, index_t o, Vec<T> v) {
  if (m.out >= kLanes<T>) store(y + o, v);
  else store_part(y, v, m.out);
}
template <class T>
NDNN_INLINE index_t first_of_block(const ColumnMap<T>& m, index_t b) {
  const index_t o = b * kLanes<T>, last = m.out - kLanes<T>;
  return o <= last ? o : last > 0 ? last : 0;
}

template <class T, int kStride>
void sum_windows(const ColumnTile<T>& t) {
  constexpr index_t kL = kLanes<T>;
  const ColumnMap<T>& m = t.map;
  for (index_t r = 0; r < t.rows; ++r) {
    const T* const x = t.x + r * t.ld_x;
    T* const y = t.y + r * t.ld_y;
    for (index_t b = 0; b < m.blocks; ++b) {
      const index_t o = first_of_block(m, b);
      const T* const p = x + o * kStride;
      Vec<T> sum{};
      index_t k = 0;
      if constexpr (kStride == 1) {
        sum = load(p);
        for (k = 1; k < m.taps; ++k) sum += load(p + k);
      } else {
        for (; k + 1 < m.taps; k += 2) {
          const Vec<T> low = load(p + k), high = load(p + k + kL);
          sum += every_second<T, 0>(low, high) + every_second<T, 1>(low, high);
        }
        if (k < m.taps) sum += every_second<T, 0>(load(p + k), load(p + k + kL));
      }
      store_outputs(m, y, o, m.scale ? sum * load(m.scale + o) : sum);
    }
  }
}

template <class T>
using Words = Vec<typename ColumnMap<T>::Word>;

// kPieces vectors of a row; what lies beyond the row is zero and not read.
template <class T, int kPieces, bool kShort>
struct RowPieces {
  Vec<T> v[kPieces];
  NDNN_INLINE RowPieces(const T* x, index_t n) {
    for (int j = 0; j < kPieces; ++j) {
      const index_t at = j * kLanes<T>;
      if (!kShort || at + kLanes<T> <= n) v[j] = load(x + at);
      else v[j] = at < n ? load_part(x + at, n - at) : Vec<T>{};
    }
  }
  NDNN_INLINE Vec<T> at(Words<T> index) const {
    if constexpr (kPieces == 1) return permute<T>(v[0], index);
    else if constexpr (kPieces == 2) return permute<T>(v[0], v[1], index);
    else
      return (index & (2 * kLanes<T>)) != 0 ? permute<T>(v[2], v[3], index) : permute<T>(v[0], v[1], index);
  }
};

template <class T>
NDNN_INLINE Vec<T> keep(const ColumnMap<T>& m, index_t b, Vec<T> v) {
  return m.kept ? (Vec<T>)((Words<T>)v & load(m.kept + b * kLanes<T>)) : v;
}

template <class T, int kPieces, int kTaps, bool kWeighted>
NDNN_INLINE void permute_rows(const ColumnTile<T>& t) {
  constexpr index_t kL = kLanes<T>;
  const ColumnMap<T>& m = t.map;
  const index_t taps = kTaps ? kTaps : m.taps;
  if (m.in < kPieces * kL) {  // the whole row is in the pieces
    for (index_t r = 0; r < t.rows; ++r) {
      const RowPieces<T, kPieces, true> row(t.x + r * t.ld_x, m.in);
      for (index_t b = 0; b < m.blocks; ++b) {
        Vec<T> sum{};
        for (index_t k = 0; k < taps; ++k) {
          const index_t at = (b * taps + k) * kL;
          const Vec<T> v = row.at(load(m.index + at));
          sum = kWeighted ? sum + v * load(m.weight + at) : v;
        }
        store_outputs(m, t.y + r * t.ld_y, first_of_block(m, b), keep(m, b, sum));
      }
    }
    return;
  }
  for (index_t r = 0; r < t.rows; ++r) {
    const T* const x = t.x + r * t.ld_x;
    for (index_t b = 0; b < m.blocks; ++b) {
      Vec<T> sum{};
      for (index_t k = 0; k < taps; ++k) {
        const index_t at = b * taps + k;
        const RowPieces<T, kPieces, false> row(x + m.base[at], 0);
        const Vec<T> v = row.at(load(m.index + at * kL));
        sum = kWeighted ? sum + v * load(m.weight + at * kL) : v;
      }
      store_outputs(m, t.y + r * t.ld_y, first_of_block(m, b), keep(m, b, sum));
    }
  }
}

template <class T, int kPieces>
void permute_columns(const ColumnTile<T>& t) {
  if constexpr (kPermutes) {
    const ColumnMap<T>& m = t.map;
    if (!m.weight) return permute_rows<T, kPieces, 1, false>(t);
    if (m.taps == 1) return permute_rows<T, kPieces, 1, true>(t);
    if (m.taps == 2) return permute_rows<T, kPieces, 2, true>(t);
    if (m.taps == 4) return permute_rows<T, kPieces, 4, true>(t);
    return permute_rows<T, kPieces, 0, true>(t);
  }
}

template <class T>
void gather_columns(const ColumnTile<T>& t) {
  constexpr index_t kL = kLanes<T>;
  const ColumnMap<T>& m = t.map;
  for (index_t r = 0; r < t.rows; ++r)
    for (index_t b = 0; b < m.blocks; ++b) {
      Vec<T> sum{};
      for (index_t k = 0; k < m.taps; ++k) {
        const index_t at = b * m.taps + k;
        const T* const x = t.x + r * t.ld_x + m.base[at];
        Vec<T> v;
#pragma GCC unroll 16
        for (index_t l = 0; l < kL; ++l) v[l] = x[m.index[at * kL + l]];
        sum = m.weight ? sum + v * load(m.weight + at * kL) : v;
      }
      store_outputs(m, t.y + r * t.ld_y, first_of_block(m, b), keep(m, b, sum));
    }
}

template <class T>
NDNN_INLINE T dot(const T* x, const T* w, index_t n) {
  constexpr index_t kL = kLanes<T>;
  Vec<T> sum[4]{};
  index_t i = 0;
  for (; i + 4 * kL <= n; i += 4 * kL)
    for (int v = 0; v < 4; ++v)
      sum[v] += w ? load(x + i + v * kL) * load(w + i + v * kL) : load(x + i + v * kL);
  for (; i + kL <= n; i += kL) sum[0] += w ? load(x + i) * load(w + i) : load(x + i);
  if (i < n) sum[1] += w ? load_part(x + i, n - i) * load_part(w + i, n - i) : load_part(x + i, n - i);
  return sum_of_lanes<T>((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

template <class T>
void dot_columns(const ColumnTile<T>& t) {
  const ColumnMap<T>& m = t.map;
  for (index_t r = 0; r < t.rows; ++r)
    for (index_t o = 0; o < m.out; ++o) {
      const T* const x = t.x + r * t.ld_x + m.first[o];
      const T sum = m.weight ? dot(x, m.weight + o * m.taps, m.count[o])
                             : dot(x, static_cast<const T*>(nullptr), m.count[o]);
      t.y[r * t.ld_y + o] = m.scale ? sum * m.scale[o] : sum;
    }
}

template <class T>
constexpr ResizeKernels<T> make_resize_kernels() {
  return {kLanes<T>,
          kPermutes,
          &combine_rows<T>,
          {nullptr, &sum_windows<T, 1>, &sum_windows<T, 2>, &permute_columns<T, 1>, &permute_columns<T, 2>,
           &permute_columns<T, 4>, &gather_columns<T>, &dot_columns<T>}};
}

extern const ResizeKernels<float> resize_kernels_f32;
extern const ResizeKernels<double> resize_kernels_f64;
constexpr ResizeKernels<float> resize_kernels_f32 = make_resize_kernels<float>();
constexpr ResizeKernels<double> resize_kernels_f64 = make_resize_kernels<double>();

#include "core/isa_end.hpp"
