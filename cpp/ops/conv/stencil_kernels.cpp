// SPDX-License-Identifier: MIT
// Compiled once per instruction set. Sums of kR rows of kV vectors stay in registers through all taps; the
// weights of a column of taps do so while the rows of x pass by. So a load of x, which costs two where it is
// off the line, serves up to seven FMAs, and weights cost nothing.
#include "ops/conv/stencil_kernels.hpp"

#include <type_traits>
#include <utility>

#include "core/isa_begin.hpp"
#include "core/vec.hpp"

template <class T, int kR, int kV>
using Sums = Vec<T>[kR][kV];

template <class T, int kTaps, int kR, int kV>
NDNN_INLINE void add_column(Sums<T, kR, kV>& acc, const T* x, index_t x_row, const T* w, index_t w_step) {
  Vec<T> wv[kTaps];
#pragma GCC unroll 8
  for (int k = 0; k < kTaps; ++k) wv[k] = broadcast(w[k * w_step]);
#pragma GCC unroll 32
  for (int ih = 0; ih < kR + kTaps - 1; ++ih, x += x_row) {
    load_barrier();
    keep_in_register(x);  // else the addresses of all rows are formed first, and spilled
    Vec<T> xv[kV];
#pragma GCC unroll 2
    for (int v = 0; v < kV; ++v) {
      xv[v] = load(x + v * kLanes<T>);
      keep_in_register(xv[v]);
    }
#pragma GCC unroll 8
    for (int k = 0; k < kTaps; ++k) {
      if (ih < k || ih - k >= kR) continue;
#pragma GCC unroll 2
      for (int v = 0; v < kV; ++v) acc[ih - k][v] += wv[k] * xv[v];
    }
  }
}

template <class T, int kTaps, int kR, int kV>
NDNN_INLINE void add_columns(Sums<T, kR, kV>& acc, const TapColumns& c, const T* x, index_t x_row, const T* w,
                             index_t w_step) {
  x += c.x;
  w += c.w;
  const index_t x_next = c.x_next, w_next = c.w_next;
  for (index_t j = c.count; j > 0; --j, x += x_next, w += w_next)
    add_column<T, kTaps, kR, kV>(acc, x, x_row, w, w_step);
}

template <class T, int kR, int kV>
NDNN_INLINE void block(const StencilArgs<T>& a, const T* x, T* y, index_t count) {
  const index_t x_row = a.x_row, w_step = a.w_step, y_row = a.y_row;
  const T* const w = a.w;
  const TapColumns* const end = a.end;
  Sums<T, kR, kV> acc;
#pragma GCC unroll 16
  for (int r = 0; r < kR; ++r)
#pragma GCC unroll 2
    for (int v = 0; v < kV; ++v) acc[r][v] = broadcast(a.start);
  for (const TapColumns* c = a.columns; c != end; ++c) switch (c->taps) {
      case 1: add_columns<T, 1, kR, kV>(acc, *c, x, x_row, w, w_step); break;
      case 2: add_columns<T, 2, kR, kV>(acc, *c, x, x_row, w, w_step); break;
      case 3: add_columns<T, 3, kR, kV>(acc, *c, x, x_row, w, w_step); break;
      case 4: add_columns<T, 4, kR, kV>(acc, *c, x, x_row, w, w_step); break;
      case 5: add_columns<T, 5, kR, kV>(acc, *c, x, x_row, w, w_step); break;
      case 6: add_columns<T, 6, kR, kV>(acc, *c, x, x_row, w, w_step); break;
      default: add_columns<T, 7, kR, kV>(acc, *c, x, x_row, w, w_step); break;
    }
#pragma GCC unroll 16
  for (int r = 0; r < kR; ++r)
#pragma GCC unroll 2
    for (int v = 0; v < kV; ++v) {
      T* const to = y + r * y_row + v * kLanes<T>;
      if (count >= kV * kLanes<T>) store(to, acc[r][v]);
      else store_part(to, acc[r][v], count);
    }
}

// kR rows from row r: kV vectors at a time; the last ones overlap those before.
template <class T, int kR, int kV>
NDNN_INLINE void row_of_blocks(const StencilArgs<T>& a, index_t r) {
  constexpr index_t kL = kLanes<T>;
  const T* x = a.x + r * a.x_row;
  T* y = a.y + r * a.y_row;
  if constexpr (kV == 1) {
    if (a.width < kL) return block<T, kR, 1>(a, x, y, a.width);
  }
  index_t i = 0;
  for (; i + kV * kL <= a.width; i += kV * kL) block<T, kR, kV>(a, x + i, y + i, kV * kL);
  if (i == a.width) return;
  if constexpr (kV == 2) {
    if (a.width - i > kL && i > 0) {
      i = a.width - 2 * kL;
      return block<T, kR, 2>(a, x + i, y + i, 2 * kL);
    }
  }
  for (; i + kL <= a.width; i += kL) block<T, kR, 1>(a, x + i, y + i, kL);
  i = a.width - kL;
  block<T, kR, 1>(a, x + i, y + i, kL);
}

template <class T, int kR, int kV>
NDNN_INLINE void rows(const StencilArgs<T>& a, index_t r) {
  for (; r + kR <= a.rows; r += kR) row_of_blocks<T, kR, kV>(a, r);
  if constexpr (kR > 1) rows<T, kR / 2, kV>(a, r);
}

template <class T>
void stencil(const StencilArgs<T>& a) {
  if constexpr (kRegisters == 32) {
    if (a.width > kLanes<T>) return rows<T, 7, 2>(a, 0);
    rows<T, 14, 1>(a, 0);
  } else {
    rows<T, 7, 1>(a, 0);
  }
}

extern const StencilKernels<float> stencil_kernels_f32;
extern const StencilKernels<double> stencil_kernels_f64;
constexpr StencilKernels<float> stencil_kernels_f32{kLanes<float>, &stencil<float>};
constexpr StencilKernels<double> stencil_kernels_f64{kLanes<double>, &stencil<double>};

#include "core/isa_end.hpp"
