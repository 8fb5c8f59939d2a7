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
#include "ops/conv/stencil_sources.hpp"

// Adds the columns that pass to kR rows of one vector.
template <class T, int kR>
struct AddColumn {
  const StencilArgs<T>& a;
  Vec<T> (&acc)[kR];

  template <int kTaps, class Source>
  NDNN_INLINE void operator()(Source& source, const T* x, index_t first) {
    constexpr int kAcross = Source::kAcross;
    const index_t x_row = a.x_row, w_step = a.w_step, w_across = kAcross > 1 ? a.w_across : 0;
    const T* const w = a.w + first;
    Vec<T> wv[kAcross][kTaps];
#pragma GCC unroll 8
    for (int k = 0; k < kTaps; ++k)
      for (int j = 0; j < kAcross; ++j) wv[j][k] = broadcast(w[k * w_step + j * w_across]);
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
};

// kR rows of one vector, of which a.width lanes are stored.
template <class Sources, int kR, class T>
NDNN_INLINE void block(const StencilArgs<T>& a, index_t r, index_t i) {
  Vec<T> acc[kR];
#pragma GCC unroll 16
  for (int j = 0; j < kR; ++j) acc[j] = broadcast(a.start);
  AddColumn<T, kR> add{a, acc};
  visit_block<Sources, kR>(a, r, i, kLanes<T>, add);
  T* y = a.y + r * a.y_row + i;
  const index_t y_row = a.y_row, width = a.width;
#pragma GCC unroll 16
  for (int j = 0; j < kR; ++j, y += y_row) {
    keep_in_register(y);
    const Vec<T> sum = Sources::One::result(acc[j]);
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

// Images of networks are multiples of 7 high; guarded blocks are few.
template <class Sources>
constexpr int kBlockRows = kRegisters == 32 && !Sources::kFew ? 14 : 7;

template <class T, class Sources>
void stencil(const StencilArgs<T>& a) {
  rows<Sources, kBlockRows<Sources>>(a, a.first);
}

template <class T>
constexpr StencilKernels<T> make_stencils() {
  StencilKernels<T> k{kLanes<T>, kBlockRows<StagedColumns<T>>, &stencil<T, StagedColumns<T>>, {}};
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
