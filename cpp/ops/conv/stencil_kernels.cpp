// SPDX-License-Identifier: MIT
// Compiled once per instruction set. Sums of kR rows of one vector stay in registers through all taps; the
// weights of a column of taps do so while the rows of x pass by. So a load of x, which costs two where it is
// off the line, serves up to four FMAs, and weights cost nothing. (Columns of up to 7 taps were no faster,
// and took a minute to compile.) Slower: 7 rows of 2 vectors (3x3 by 19 %).
#include "ops/conv/stencil_kernels.hpp"

#include <type_traits>
#include <utility>

#include "core/isa_begin.hpp"
#include "core/vec.hpp"

// Staged: every row of x that passes is input, and so is every lane that counts.
template <class T>
struct Staged {
  static constexpr int kStride = 1, kAcross = 1;
  Staged(const StencilArgs<T>&, const TapColumns&, index_t) {}
  NDNN_INLINE void at_lane(index_t) {}
  NDNN_INLINE bool has_row(int) { return true; }
  NDNN_INLINE void read(const T* x, Vec<T>* v) const { v[0] = load(x); }
  NDNN_INLINE Vec<T> add(Vec<T> acc, Vec<T> w, Vec<T> x, int) const { return acc + w * x; }
  static NDNN_INLINE Vec<T> result(Vec<T> acc) { return acc; }
};

#if NDNN_VEC_BYTES == 64
// In place, with stride 1 or 2 along the row, and up to three columns side by side, which share loads. Rows
// and lanes that are padding are added to no sum. Such lanes are read (masked loads of 3x3 cost 20 % more),
// but not where they may lie outside the array: there the loads are guarded.
template <class T, int kStep, int kColumns, bool kGuarded>
struct InPlace {
  static constexpr int kStride = kStep, kAcross = kColumns, kLoads = kColumns == 3 ? 3 : kStep;
  using J = std::make_integer_sequence<int, kLanes<T>>;
  InPlace(const StencilArgs<T>& a, const TapColumns& c, index_t r) : width(a.x_width) {
    const auto first = [](index_t n) { return n <= 0 ? 0u : n >= 32 ? ~0u : (1u << n) - 1; };
    rows = first(c.row_end - r) & ~first(c.row_begin - r);
  }
  NDNN_INLINE void at_lane(index_t lane) {  // of x, for the first lane of the sums
    if constexpr (kStep == 1) lanes[0] = lanes_between<T>(-lane, width - lane);
    else
      for (int j = 0; j < kAcross; ++j)
        lanes[j] = lanes_between_in_pieces<T>((1 - lane - j) >> 1, (1 + width - lane - j) >> 1, J{});
    for (int s = 0; kGuarded && s < kLoads; ++s)
      loads[s] = lanes_between<T>(-lane - s * kLanes<T>, width - lane - s * kLanes<T>);
  }
  NDNN_INLINE bool has_row(int ih) {
    keep_in_register(rows);  // else each bit gets a byte on the stack first
    return rows >> ih & 1;
  }
  NDNN_INLINE void read(const T* x, Vec<T>* v) const {
    Vec<T> part[kStep];
    for (int s = 0; s < kStep; ++s, x += kLanes<T>) {
      part[s] = kGuarded ? load_masked(x, loads[s]) : load(x);
      keep_in_register(part[s]);
    }
    v[0] = part[0];
    if constexpr (kStep == 2) v[0] = every_second_in_pieces<T, 0>(part[0], part[1], J{});
    if constexpr (kColumns >= 2) v[1] = every_second_in_pieces<T, 1>(part[0], part[1], J{});
    if constexpr (kColumns == 3) {
      const Vec<T> after = kGuarded ? load_masked(x, loads[2]) : broadcast(*x);
      v[2] = next_in_pieces<T>(v[0], after, J{});
    }
  }
  static NDNN_INLINE Vec<T> result(Vec<T> acc) { return kStep == 1 ? acc : in_order<T>(acc, J{}); }
  NDNN_INLINE Vec<T> add(Vec<T> acc, Vec<T> w, Vec<T> x, int j) const {
    return fma_masked<T>(acc, w, x, lanes[j]);
  }

  index_t width;
  unsigned rows;  // bit ih: row ih of the block is input
  LaneMask<T> lanes[kColumns], loads[kLoads];
};
#endif

// Sources of columns of which one, two, three stand side by side. Rows of a block: images of networks are
// multiples of 7 high; guarded blocks are few.
template <class T>
struct StagedColumns {
  using One = Staged<T>;
  using Two = One;
  using Three = One;
  static constexpr int kMost = 1, kRows = kRegisters == 32 ? 14 : 7;
};
#if NDNN_VEC_BYTES == 64
template <class T, int kStride, bool kGuarded>
struct ColumnsInPlace {
  static constexpr int kMost = kStride == 2 ? 3 : 1, kRows = kGuarded ? 7 : 14;
  using One = InPlace<T, kStride, 1, kGuarded>;
  using Two = InPlace<T, 2, 2, kGuarded>;
  using Three = InPlace<T, 2, 3, kGuarded>;
};
#endif

template <int kTaps, class T, class Source, int kR>
NDNN_INLINE void add_column(Vec<T> (&acc)[kR], Source& source, const T* x, index_t x_row, const T* w,
                            index_t w_step) {
  constexpr int kAcross = Source::kAcross;
  Vec<T> wv[kAcross][kTaps];
#pragma GCC unroll 8
  for (int k = 0; k < kTaps; ++k)
    for (int j = 0; j < kAcross; ++j) wv[j][k] = broadcast(w[k * w_step + j]);
#pragma GCC unroll 32
  for (int ih = 0; ih < kR + kTaps - 1; ++ih, x += x_row) {
    load_barrier();
    keep_in_register(x);  // else the addresses of all rows are formed first, and spilled
    if (!source.has_row(ih)) continue;
    Vec<T> xv[kAcross];
    source.read(x, xv);
#pragma GCC unroll 4
    for (int j = 0; j < kAcross; ++j) {
      keep_in_register(xv[j]);
#pragma GCC unroll 8
      for (int k = 0; k < kTaps; ++k)
        if (ih >= k && ih - k < kR) acc[ih - k] = source.add(acc[ih - k], wv[j][k], xv[j], j);
    }
  }
}

// The columns c of the block at output (r, i), whose first element of x is at `x`.
template <class Source, int kTaps, class T, int kR>
NDNN_INLINE void add_columns(Vec<T> (&acc)[kR], const StencilArgs<T>& a, const TapColumns& c, const T* x,
                             index_t r, index_t i) {
  const index_t x_row = a.x_row, w_step = a.w_step;
  const index_t x_next = c.x_next, w_next = c.w_next;
  const T* w = a.w + c.w;
  x += c.x;
  Source source(a, c, r);
  index_t lane = c.lane + i * Source::kStride;
  for (index_t j = c.count; j > 0; --j, x += x_next, w += w_next, lane += c.lane_next) {
    source.at_lane(lane);
    add_column<kTaps>(acc, source, x, x_row, w, w_step);
  }
}

template <class Source, class T, int kR>
NDNN_INLINE void add_any_columns(Vec<T> (&acc)[kR], const StencilArgs<T>& a, const TapColumns& c, const T* x,
                                 index_t r, index_t i) {
  if constexpr (Source::kAcross == 1)
    if (c.taps >= 4)
      return c.taps == 4 ? add_columns<Source, 4>(acc, a, c, x, r, i)
                         : add_columns<Source, 5>(acc, a, c, x, r, i);
  switch (c.taps) {
    case 1: return add_columns<Source, 1>(acc, a, c, x, r, i);
    case 2: return add_columns<Source, 2>(acc, a, c, x, r, i);
    default: return add_columns<Source, 3>(acc, a, c, x, r, i);
  }
}

// kR rows of one vector, of which a.width lanes are stored.
template <class Sources, int kR, class T>
NDNN_INLINE void block(const StencilArgs<T>& a, index_t r, index_t i) {
  using Source = typename Sources::One;
  const T* const x = a.x + r * a.x_row + i * Source::kStride;
  const TapColumns* const end = a.end;
  Vec<T> acc[kR];
#pragma GCC unroll 16
  for (int j = 0; j < kR; ++j) acc[j] = broadcast(a.start);
  for (const TapColumns* c = a.columns; c != end; ++c) {
    if (c->ahead) {
      const T* ahead = x + c->x + kR * a.x_row;
      for (index_t q = a.ahead_rows * kR; q > 0; --q, ahead += a.ahead_row)
        for (int s = 0; s < Source::kStride; ++s) __builtin_prefetch(ahead + s * kLanes<T>);
    }
    if (Sources::kMost >= 3 && c->across == 3) add_any_columns<typename Sources::Three>(acc, a, *c, x, r, i);
    else if (Sources::kMost >= 2 && c->across == 2)
      add_any_columns<typename Sources::Two>(acc, a, *c, x, r, i);
    else add_any_columns<Source>(acc, a, *c, x, r, i);
  }
  T* y = a.y + r * a.y_row + i;
  const index_t y_row = a.y_row, width = a.width;
#pragma GCC unroll 16
  for (int j = 0; j < kR; ++j, y += y_row) {
    keep_in_register(y);
    const Vec<T> sum = Source::result(acc[j]);
    if (width >= kLanes<T>) store(y, sum);
    else store_part(y, sum, width);
  }
}

// kR rows from row r, vector by vector; the last one overlaps the one before.
template <class Sources, int kR, class T>
NDNN_INLINE void row_of_blocks(const StencilArgs<T>& a, index_t r) {
  constexpr index_t kL = kLanes<T>;
  const index_t last = a.width < kL ? 0 : a.width - kL;
  for (index_t i = 0;; i += kL) {
    if (i > last) i = last;
    block<Sources, kR>(a, r, i);
    if (i == last) return;
  }
}

// All rows from r on, kR at a time; the last block may overlap the one before.
template <class Sources, int kR, class T>
NDNN_INLINE void rows(const StencilArgs<T>& a, index_t r) {
  for (; r + kR <= a.rows; r += kR) row_of_blocks<Sources, kR>(a, r);
  if constexpr (kR > 1) {
    if (a.rows - a.first >= kR && a.rows - r > kR / 4) row_of_blocks<Sources, kR>(a, a.rows - kR);
    else rows<Sources, (kR > 7 ? 7 : 1)>(a, r);
  }
}

template <class T, class Sources>
void stencil(const StencilArgs<T>& a) {
  rows<Sources, Sources::kRows>(a, a.first);
}

template <class T>
constexpr StencilKernels<T> make_stencils() {
  StencilKernels<T> k{kLanes<T>, StagedColumns<T>::kRows, &stencil<T, StagedColumns<T>>, {}};
#if NDNN_VEC_BYTES == 64
  k.in_place[0][0] = &stencil<T, ColumnsInPlace<T, 1, false>>;
  k.in_place[0][1] = &stencil<T, ColumnsInPlace<T, 1, true>>;
  k.in_place[1][0] = &stencil<T, ColumnsInPlace<T, 2, false>>;
  k.in_place[1][1] = &stencil<T, ColumnsInPlace<T, 2, true>>;
#endif
  return k;
}

extern const StencilKernels<float> stencil_kernels_f32;
extern const StencilKernels<double> stencil_kernels_f64;
constexpr StencilKernels<float> stencil_kernels_f32 = make_stencils<float>();
constexpr StencilKernels<double> stencil_kernels_f64 = make_stencils<double>();

#include "core/isa_end.hpp"
