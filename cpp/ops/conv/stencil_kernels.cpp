// SPDX-License-Identifier: MIT
// Compiled once per instruction set. Sums of kR rows of one vector stay in registers through all taps; the
// weights of a column of taps do so while the rows of x pass by. So a load of x, which costs two where it is
// off the line, serves up to seven FMAs, and weights cost nothing. Slower: 7 rows of 2 vectors (3x3 by 19 %).
#include "ops/conv/stencil_kernels.hpp"

#include <type_traits>
#include <utility>

#include "core/isa_begin.hpp"
#include "core/vec.hpp"

template <class T, int kTaps, int kR>
NDNN_INLINE void add_column(Vec<T> (&acc)[kR], const T* x, index_t x_row, const T* w, index_t w_step) {
  Vec<T> wv[kTaps];
#pragma GCC unroll 8
  for (int k = 0; k < kTaps; ++k) wv[k] = broadcast(w[k * w_step]);
#pragma GCC unroll 32
  for (int ih = 0; ih < kR + kTaps - 1; ++ih, x += x_row) {
    load_barrier();
    keep_in_register(x);  // else the addresses of all rows are formed first, and spilled
    Vec<T> xv = load(x);
    keep_in_register(xv);
#pragma GCC unroll 8
    for (int k = 0; k < kTaps; ++k)
      if (ih >= k && ih - k < kR) acc[ih - k] += wv[k] * xv;
  }
}

template <class T, int kTaps, int kR>
NDNN_INLINE void add_columns(Vec<T> (&acc)[kR], const TapColumns& c, const T* x, index_t x_row, const T* w,
                             index_t w_step) {
  x += c.x;
  w += c.w;
  const index_t x_next = c.x_next, w_next = c.w_next;
  for (index_t j = c.count; j > 0; --j, x += x_next, w += w_next)
    add_column<T, kTaps, kR>(acc, x, x_row, w, w_step);
}

// kR rows of one vector, of which `width` lanes are stored.
template <class T, int kR>
NDNN_INLINE void block(const StencilArgs<T>& a, const T* x, T* y, index_t width) {
  const index_t x_row = a.x_row, w_step = a.w_step, y_row = a.y_row;
  const T* const w = a.w;
  const TapColumns* const end = a.end;
  Vec<T> acc[kR];
#pragma GCC unroll 16
  for (int r = 0; r < kR; ++r) acc[r] = broadcast(a.start);
  for (const TapColumns* c = a.columns; c != end; ++c) switch (c->taps) {
      case 1: add_columns<T, 1, kR>(acc, *c, x, x_row, w, w_step); break;
      case 2: add_columns<T, 2, kR>(acc, *c, x, x_row, w, w_step); break;
      case 3: add_columns<T, 3, kR>(acc, *c, x, x_row, w, w_step); break;
      case 4: add_columns<T, 4, kR>(acc, *c, x, x_row, w, w_step); break;
      case 5: add_columns<T, 5, kR>(acc, *c, x, x_row, w, w_step); break;
      case 6: add_columns<T, 6, kR>(acc, *c, x, x_row, w, w_step); break;
      default: add_columns<T, 7, kR>(acc, *c, x, x_row, w, w_step); break;
    }
#pragma GCC unroll 16
  for (int r = 0; r < kR; ++r, y += y_row) {
    keep_in_register(y);
    if (width >= kLanes<T>) store(y, acc[r]);
    else store_part(y, acc[r], width);
  }
}

// kR rows from row r, vector by vector; the last one overlaps the one before.
template <class T, int kR>
NDNN_INLINE void row_of_blocks(const StencilArgs<T>& a, index_t r) {
  constexpr index_t kL = kLanes<T>;
  const T* x = a.x + r * a.x_row;
  T* y = a.y + r * a.y_row;
  const index_t last = a.width < kL ? 0 : a.width - kL;
  for (index_t i = 0;; i += kL) {
    if (i > last) i = last;
    block<T, kR>(a, x + i, y + i, a.width);
    if (i == last) return;
  }
}

// All rows from r on, kR at a time; the last block may overlap the one before.
template <class T, int kR>
NDNN_INLINE void rows(const StencilArgs<T>& a, index_t r) {
  for (; r + kR <= a.rows; r += kR) row_of_blocks<T, kR>(a, r);
  if constexpr (kR > 1) {
    if (a.rows >= kR && a.rows - r > kR / 2) row_of_blocks<T, kR>(a, a.rows - kR);
    else rows<T, kR / 2>(a, r);
  }
}

constexpr int kRows = kRegisters == 32 ? 14 : 7;  // images of networks are multiples of 7 high

template <class T>
void stencil(const StencilArgs<T>& a) {
  rows<T, kRows>(a, 0);
}

extern const StencilKernels<float> stencil_kernels_f32;
extern const StencilKernels<double> stencil_kernels_f64;
constexpr StencilKernels<float> stencil_kernels_f32{kLanes<float>, kRows, &stencil<float>};
constexpr StencilKernels<double> stencil_kernels_f64{kLanes<double>, kRows, &stencil<double>};

#include "core/isa_end.hpp"
