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

// Output row o of a tile, of kTaps rows.
template <class T, int kTaps, bool kWeighted>
void combine_few(const RowTile<T>& tile, index_t o) {
  constexpr index_t kL = kLanes<T>;
  const RowTile<T> t = tile;  // a copy, which no store can change: its members stay in registers
  T* const y = t.y + (o - t.begin) * t.ld_y;
  const T* const x = t.x + (t.map.first[o] - t.origin) * t.ld_x;
  const T scale = t.map.scale ? t.map.scale[o] : T(1);
  Vec<T> w[kTaps];
  for (int k = 0; k < kTaps; ++k)
    w[k] = broadcast<T>(kWeighted ? t.map.weight[o * t.map.taps + k] * scale : scale);
  const auto combine = [&](auto&& at) {
    Vec<T> sum = at(x);
    if (kWeighted) sum *= w[0];
#pragma GCC unroll 8
    for (int k = 1; k < kTaps; ++k) {
      if (kWeighted) sum += at(x + k * t.ld_x) * w[k];
      else sum += at(x + k * t.ld_x);
    }
    return kWeighted ? sum : sum * w[0];
  };
  const auto whole = [&](index_t i) { return combine([&](const T* p) { return load(p + i); }); };
  index_t i = 0;
  for (; i + 2 * kL <= t.n; i += 2 * kL) {
    const Vec<T> a = whole(i), b = whole(i + kL);
    store(y + i, a);
    store(y + i + kL, b);
  }
  if (i + kL <= t.n) {
    store(y + i, whole(i));
    i += kL;
  }
  if (i == t.n) return;
  if (!kMaskedLanes && t.n >= kL) store(y + t.n - kL, whole(t.n - kL));
  else store_part(y + i, combine([&](const T* p) { return load_part(p + i, t.n - i); }), t.n - i);
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
void combine_row(const RowTile<T>& t, index_t o) {
  const RowMap<T>& m = t.map;
  T* const y = t.y + (o - t.begin) * t.ld_y;
  const index_t count = m.count[o];
  if (count == 0) {
    __builtin_memset(y, 0, t.n * sizeof(T));
    return;
  }
  const T* const x = t.x + (m.first[o] - t.origin) * t.ld_x;
  for (index_t k = 0; k < count; k += kRowGroup) {
    RowGroup<T> g;
    g.count = static_cast<int>(count - k < kRowGroup ? count - k : kRowGroup);
    for (int j = 0; j < g.count; ++j) g.row[j] = x + (k + j) * t.ld_x;
    g.weight = m.weight ? m.weight + o * m.taps + k : nullptr;
    g.more = k > 0;
    sum_many(g, m.scale && k + g.count == count ? m.scale[o] : T(1), t.n, y);
  }
}

template <class T, bool kWeighted>
NDNN_INLINE void combine_tile(const RowTile<T>& t) {
  for (index_t o = t.begin; o < t.end; ++o) switch (t.map.count[o]) {
      case 1: combine_few<T, 1, kWeighted>(t, o); break;
      case 2: combine_few<T, 2, kWeighted>(t, o); break;
      case 3: combine_few<T, 3, kWeighted>(t, o); break;
      case 4: combine_few<T, 4, kWeighted>(t, o); break;
      case 5: combine_few<T, 5, kWeighted>(t, o); break;
      case 6: combine_few<T, 6, kWeighted>(t, o); break;
      case 7: combine_few<T, 7, kWeighted>(t, o); break;
      default: combine_row(t, o);
    }
}
template <class T>
void combine_rows(const RowTile<T>& t) {
  if (t.map.weight) combine_tile<T, true>(t);
  else combine_tile<T, false>(t);
}

// -- columns

// Where the last block of n outputs begins: masks write a part of it; else it ends with the row, and overlaps
// the one before it. (Overlapping stores are slow: nearest 1x256x52x52 to twice the size 230 us, masked 176.)
template <class T>
constexpr index_t last_block(index_t n) {
  if (kMaskedLanes) return (n - 1) / kLanes<T> * kLanes<T>;
  return n < kLanes<T> ? 0 : n - kLanes<T>;
}
template <class T>
NDNN_INLINE void store_last(T* y, index_t o, index_t n, Vec<T> v) {
  if (kMaskedLanes || n < kLanes<T>) store_part(y + o, v, n - o);
  else store(y + o, v);
}

enum class Blocks {
  by_row,
  repeated,  // by row, and written to all rows with one source
  held       // one block for all rows: what it needs stays in registers
};

// block(b, o) is called for every block of outputs, from o on; what it returns maps a row of x to the block's
// vector. By rows, y is written in the order of memory. Held, 8x64x56x56 becomes twice as large, bilinear, in
// 6 cycles a vector instead of 14.
// The tile is a copy, which no store can change: its members stay in registers.
template <Blocks kBlocks, class T, class Block>
NDNN_INLINE void for_blocks(const ColumnTile<T> t, Block&& block) {
  constexpr index_t kL = kLanes<T>;
  const index_t n = t.map.out, last = last_block<T>(n), end = t.map.blocks - 1;
  if (kBlocks == Blocks::held && t.rows > 1) {
    for (index_t b = 0; b <= end; ++b) {
      const index_t o = b < end ? b * kL : last;
      const auto map = block(b, o);
      const T* x = t.x;
      T* y = t.y;
      if (b < end)
        for (index_t r = 0; r < t.rows; ++r, x += t.ld_x, y += t.ld_y) store(y + o, map(x));
      else
        for (index_t r = 0; r < t.rows; ++r, x += t.ld_x, y += t.ld_y) store_last(y, o, n, map(x));
    }
    return;
  }
  for (index_t r = 0, next; r < t.rows; r = next) {
    const T* const x = t.row(r);
    next = kBlocks == Blocks::repeated ? t.next_source(r) : r + 1;
    T* const y = t.y + r * t.ld_y;
    for (index_t b = 0; b < end; ++b) {
      const Vec<T> v = block(b, b * kL)(x);
      for (index_t i = 0; i < next - r; ++i) store(y + i * t.ld_y + b * kL, v);
    }
    const Vec<T> v = block(end, last)(x);
    for (index_t i = 0; i < next - r; ++i) store_last(y + i * t.ld_y, last, n, v);
  }
}

template <class T, int kStride, int kTaps>
NDNN_INLINE void sum_windows_of(const ColumnTile<T>& t) {
  constexpr index_t kL [[maybe_unused]] = kLanes<T>;
  const index_t taps = kTaps ? kTaps : t.map.taps;
  const T* const scales = t.map.scale;
  for_blocks<Blocks::by_row>(t, [=](index_t, index_t o) {
    return [=](const T* x) {
      const T* const p = x + o * kStride;
      Vec<T> sum{};
      index_t k = 0;
      if constexpr (kStride == 1) {
        sum = load(p);
        for (k = 1; k < taps; ++k) sum += load(p + k);
      } else {
        for (; k + 1 < taps; k += 2) {
          const Vec<T> low = load(p + k), high = load(p + k + kL);
          sum += every_second<T, 0>(low, high) + every_second<T, 1>(low, high);
        }
        if (k < taps) sum += every_second<T, 0>(load(p + k), load(p + k + kL));
      }
      return scales ? sum * load(scales + o) : sum;
    };
  });
}
template <class T, int kStride>
void sum_windows(const ColumnTile<T>& t) {
  if (t.map.taps == 2) return sum_windows_of<T, kStride, 2>(t);
  if (t.map.taps == 3) return sum_windows_of<T, kStride, 3>(t);
  sum_windows_of<T, kStride, 0>(t);
}

template <class T>
using Words = Vec<typename ColumnMap<T>::Word>;

template <class T>
struct Tap {
  Words<T> index;
  Vec<T> weight;
  index_t base;
};

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

// Ones where a block's outputs have taps.
template <class T>
NDNN_INLINE Words<T> kept_lanes(const ColumnMap<T>& m, index_t b) {
  return m.kept ? load(m.kept + b * kLanes<T>) : Words<T>{} - 1;
}
template <class T>
NDNN_INLINE Vec<T> keep(Words<T> kept, Vec<T> v) {
  return (Vec<T>)((Words<T>)v & kept);
}

// The taps of one block, in registers where they are few.
template <class T, int kTaps, bool kWeighted>
struct BlockTaps {
  Words<T> index[kTaps];
  Vec<T> weight[kTaps];
  index_t base[kTaps];
  NDNN_INLINE BlockTaps(const ColumnMap<T>& m, index_t b) {
    for (int k = 0; k < kTaps; ++k) {
      index[k] = load(m.index + (b * kTaps + k) * kLanes<T>);
      if (kWeighted) weight[k] = load(m.weight + (b * kTaps + k) * kLanes<T>);
      base[k] = m.base[b * kTaps + k];
    }
  }
  NDNN_INLINE Tap<T> operator[](index_t k) const { return {index[k], weight[k], base[k]}; }
};
template <class T>
struct BlockTaps<T, 0, true> {
  const ColumnMap<T> m;
  index_t first;
  NDNN_INLINE BlockTaps(const ColumnMap<T>& map, index_t b) : m(map), first(b * map.taps) {}
  NDNN_INLINE Tap<T> operator[](index_t k) const {
    const index_t at = first + k;
    return {load(m.index + at * kLanes<T>), load(m.weight + at * kLanes<T>), m.base[at]};
  }
};

template <class T, int kPieces, int kTaps, bool kWeighted, bool kWhole>
NDNN_INLINE void permute_rows(const ColumnTile<T>& t) {
  for_blocks<kWeighted ? Blocks::held : Blocks::repeated>(t, [m = t.map](index_t b, index_t) {
    return [in = m.in, taps = kTaps ? kTaps : m.taps, kept = kept_lanes<T>(m, b),
            block = BlockTaps<T, kTaps, kWeighted>(m, b)](const T* x) {
      const RowPieces<T, kPieces, true> row(x, kWhole ? in : 0);
      Vec<T> sum{};
      for (index_t k = 0; k < taps; ++k) {
        const Tap<T> tap = block[k];
        const Vec<T> v =
            kWhole ? row.at(tap.index) : RowPieces<T, kPieces, false>(x + tap.base, 0).at(tap.index);
        sum = kWeighted ? sum + v * tap.weight : v;
      }
      return keep<T>(kept, sum);
    };
  });
}
template <class T, int kPieces, int kTaps, bool kWeighted>
NDNN_INLINE void permute_few(const ColumnTile<T>& t) {
  if (t.map.in < kPieces * kLanes<T>) permute_rows<T, kPieces, kTaps, kWeighted, true>(t);
  else permute_rows<T, kPieces, kTaps, kWeighted, false>(t);
}

template <class T, int kPieces>
void permute_columns(const ColumnTile<T>& t) {
  if constexpr (kPermutes) {
    const ColumnMap<T>& m = t.map;
    if (!m.weight) return permute_few<T, kPieces, 1, false>(t);
    if (m.taps == 1) return permute_few<T, kPieces, 1, true>(t);
    if (m.taps == 2) return permute_few<T, kPieces, 2, true>(t);
    if (m.taps == 4) return permute_few<T, kPieces, 4, true>(t);
    return permute_few<T, kPieces, 0, true>(t);
  }
}

template <class T>
void gather_columns(const ColumnTile<T>& t) {
  for_blocks<Blocks::repeated>(t, [m = t.map](index_t b, index_t) {
    return [=](const T* row) {
      constexpr index_t kL = kLanes<T>;
      Vec<T> sum{};
      for (index_t k = 0; k < m.taps; ++k) {
        const index_t at = b * m.taps + k;
        const T* const x = row + m.base[at];
        Vec<T> v;
#pragma GCC unroll 16
        for (index_t l = 0; l < kL; ++l) v[l] = x[m.index[at * kL + l]];
        sum = m.weight ? sum + v * load(m.weight + at * kL) : v;
      }
      return keep<T>(kept_lanes<T>(m, b), sum);
    };
  });
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
  return sum_across<T>((sum[0] + sum[1]) + (sum[2] + sum[3]))[0];
}

template <class T>
void dot_columns(const ColumnTile<T>& tile) {
  const ColumnTile<T> t = tile;
  const ColumnMap<T> m = t.map;
  for (index_t r = 0; r < t.rows; ++r)
    for (index_t o = 0; o < m.out; ++o) {
      const T* const x = t.row(r) + m.first[o];
      const T sum = m.weight ? dot(x, m.weight + o * m.taps, m.count[o])
                             : dot(x, static_cast<const T*>(nullptr), m.count[o]);
      t.y[r * t.ld_y + o] = m.scale ? sum * m.scale[o] : sum;
    }
}

template <class T>
constexpr ResizeKernels<T> make_resize_kernels() {
  return {kLanes<T>,
          kPermutes,
          &last_block<T>,
          &combine_rows<T>,
          {nullptr, &sum_windows<T, 1>, &sum_windows<T, 2>, &permute_columns<T, 1>, &permute_columns<T, 2>,
           &permute_columns<T, 4>, &gather_columns<T>, &dot_columns<T>}};
}

extern const ResizeKernels<float> resize_kernels_f32;
extern const ResizeKernels<double> resize_kernels_f64;
constexpr ResizeKernels<float> resize_kernels_f32 = make_resize_kernels<float>();
constexpr ResizeKernels<double> resize_kernels_f64 = make_resize_kernels<double>();

#include "core/isa_end.hpp"
