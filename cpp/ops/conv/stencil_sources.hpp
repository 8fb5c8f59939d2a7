// SPDX-License-Identifier: MIT
// How the kernels that sweep x, the stencil and its gradient, read it, and their way through the columns.
// Included after vec.hpp, inside its region; includes nothing itself.
#pragma once

// Staged: every row of x that passes is input, and so is every lane that counts.
template <class T>
struct Staged {
  static constexpr int kStride = 1, kAcross = 1;
  Staged(const SweepArgs<T>&, const TapColumns&, index_t) {}
  NDNN_INLINE void at_lane(index_t, index_t) {}
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
  InPlace(const SweepArgs<T>& a, const TapColumns& c, index_t r) : width(a.x_width) {
    const auto first = [](index_t n) { return n <= 0 ? 0u : n >= 32 ? ~0u : (1u << n) - 1; };
    rows = first(c.row_end - r) & ~first(c.row_begin - r);
  }
  // lane: of x, for the first lane of the outputs, of which n count.
  NDNN_INLINE void at_lane(index_t lane, index_t n) {
    const auto most = [n](index_t end) { return end < n ? end : n; };
    if constexpr (kStep == 1) lanes[0] = lanes_between<T>(-lane, most(width - lane));
    else
      for (int j = 0; j < kAcross; ++j)
        lanes[j] = lanes_between_in_pieces<T>((1 - lane - j) >> 1, most((1 + width - lane - j) >> 1), J{});
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
  static NDNN_INLINE Vec<T> operand(Vec<T> y) { return kStep == 1 ? y : in_pieces<T>(y, J{}); }
  NDNN_INLINE Vec<T> add(Vec<T> acc, Vec<T> w, Vec<T> x, int j) const {
    return fma_masked<T>(acc, w, x, lanes[j]);
  }

  index_t width;
  unsigned rows;  // bit ih: row ih of the block is input
  LaneMask<T> lanes[kColumns], loads[kLoads];
};
#endif

// Sources of columns of which one, two, three stand side by side.
template <class T>
struct StagedColumns {
  using One = Staged<T>;
  using Two = One;
  using Three = One;
  static constexpr int kMost = 1;
  static constexpr bool kFew = false;  // blocks
};
#if NDNN_VEC_BYTES == 64
template <class T, int kStride, bool kGuarded>
struct ColumnsInPlace {
  static constexpr int kMost = kStride == 2 ? 3 : 1;
  static constexpr bool kFew = kGuarded;
  using One = InPlace<T, kStride, 1, kGuarded>;
  using Two = InPlace<T, 2, 2, kGuarded>;
  using Three = InPlace<T, 2, 3, kGuarded>;
};
#endif

// Calls visit(source, taps, x, w) for the columns c (or columns side by side) of the block whose outputs
// begin at (r, i) and whose input at `x`; n lanes of it count.
template <class Source, int kTaps, class T, class Visit>
NDNN_INLINE void visit_columns(const SweepArgs<T>& a, const TapColumns& c, const T* x, index_t r, index_t i,
                               index_t n, Visit& visit) {
  const index_t x_next = c.x_next, w_next = c.w_next;
  index_t w = c.w;
  x += c.x;
  Source source(a, c, r);
  index_t lane = c.lane + i * Source::kStride;
  for (index_t j = c.count; j > 0; --j, x += x_next, w += w_next, lane += c.lane_next) {
    source.at_lane(lane, n);
    visit.template operator()<kTaps>(source, x, w);
  }
}

template <class Source, class T, class Visit>
NDNN_INLINE void visit_any_columns(const SweepArgs<T>& a, const TapColumns& c, const T* x, index_t r,
                                   index_t i, index_t n, Visit& visit) {
  if constexpr (Source::kAcross == 1)
    if (c.taps >= 4)
      return c.taps == 4 ? visit_columns<Source, 4>(a, c, x, r, i, n, visit)
                         : visit_columns<Source, 5>(a, c, x, r, i, n, visit);
  switch (c.taps) {
    case 1: return visit_columns<Source, 1>(a, c, x, r, i, n, visit);
    case 2: return visit_columns<Source, 2>(a, c, x, r, i, n, visit);
    default: return visit_columns<Source, 3>(a, c, x, r, i, n, visit);
  }
}

// All columns of a block of kR rows.
template <class Sources, int kR, class T, class Visit>
NDNN_INLINE void visit_block(const SweepArgs<T>& a, index_t r, index_t i, index_t n, Visit& visit) {
  using Source = typename Sources::One;
  const T* const x = a.x + r * a.x_row + i * Source::kStride;
  const TapColumns* const end = a.end;
  for (const TapColumns* c = a.columns; c != end; ++c) {
    if (c->ahead) {
      const T* ahead = x + c->x + kR * a.x_row;
      for (index_t q = a.ahead_rows * kR; q > 0; --q, ahead += a.ahead_row)
        for (int s = 0; s < Source::kStride; ++s) __builtin_prefetch(ahead + s * kLanes<T>);
    }
    if (Sources::kMost >= 3 && c->across == 3)
      visit_any_columns<typename Sources::Three>(a, *c, x, r, i, n, visit);
    else if (Sources::kMost >= 2 && c->across == 2)
      visit_any_columns<typename Sources::Two>(a, *c, x, r, i, n, visit);
    else visit_any_columns<Source>(a, *c, x, r, i, n, visit);
  }
}
