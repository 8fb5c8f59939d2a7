// SPDX-License-Identifier: MIT
// Compiled once per instruction set. Bound by loads: an x vector off the line costs two, so rows share them.
#include "ops/conv/stencil_kernels.hpp"

#include <utility>

#include "core/isa_begin.hpp"
#include "core/vec.hpp"

// Calls block(first column, vectors as a constant) over a row, kV vectors at a time; the last call overlaps
// the one before. Rows shorter than a vector go through `narrow`.
template <class T, int kV, class Block, class Narrow>
NDNN_INLINE void over_row(index_t width, Block&& block, Narrow&& narrow) {
  constexpr index_t kL = kLanes<T>;
  if (width < kL) return narrow();
  index_t i = 0;
  for (; i + kV * kL <= width; i += kV * kL) block(i, std::integral_constant<int, kV>{});
  if (i == width) return;
  if (width - i > kL && width >= kV * kL) return block(width - kV * kL, std::integral_constant<int, kV>{});
  for (; i + kL <= width; i += kL) block(i, std::integral_constant<int, 1>{});
  if (i < width) block(width - kL, std::integral_constant<int, 1>{});
}

template <class T, int kR, int kV>
NDNN_INLINE void any_block(const StencilArgs<T>& a, const T* x, T* y, index_t y_row) {
  Vec<T> acc[kR][kV];
#pragma GCC unroll 8
  for (int r = 0; r < kR; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < kV; ++v) acc[r][v] = broadcast(a.start);
  for (index_t t = 0; t < a.taps; ++t) {
    const Vec<T> w = broadcast(a.w[t]);
    const T* from = x + a.col[t];
#pragma GCC unroll 8
    for (int r = 0; r < kR; ++r)
#pragma GCC unroll 8
      for (int v = 0; v < kV; ++v) acc[r][v] += w * load(from + r * a.x_row + v * kLanes<T>);
  }
#pragma GCC unroll 8
  for (int r = 0; r < kR; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < kV; ++v) store(y + r * y_row + v * kLanes<T>, acc[r][v]);
}

// Rows [r, r + kR), and on from there while there are so many; returns the first row left.
template <class T, int kR, int kV>
NDNN_INLINE index_t any_rows(const StencilArgs<T>& a, index_t r) {
  for (; r + kR <= a.rows; r += kR) {
    const T* x = a.x + r * a.x_row;
    T* y = a.y + r * a.y_row;
    over_row<T, kV>(
        a.width, [&](index_t i, auto v) { any_block<T, kR, decltype(v)::value>(a, x + i, y + i, a.y_row); },
        [&] {
          T rows[kR][kLanes<T>];
          any_block<T, kR, 1>(a, x, rows[0], kLanes<T>);
          for (int m = 0; m < kR; ++m)
            for (index_t i = 0; i < a.width; ++i) y[m * a.y_row + i] = rows[m][i];
        });
  }
  return r;
}

// Eight sums hide the latency of the FMA: along the row where it is long, else over several rows.
template <class T>
void stencil_any(const StencilArgs<T>& a) {
  index_t r = 0;
  if (a.width <= kLanes<T>) r = any_rows<T, 8, 1>(a, r);
  else if (a.width < 8 * kLanes<T>) r = any_rows<T, 4, 2>(a, r);
  any_rows<T, 1, 8>(a, r);
}

// kR rows of kV vectors: input row ih serves output rows ih - K + 1 .. ih.
template <class T, int K, int kR, int kV>
NDNN_INLINE void square_block(const StencilArgs<T>& a, const T* x, T* y, index_t y_row) {
  const index_t x_row = a.x_row;
  const T* const weights = a.w;
  Vec<T> acc[kR][kV];
#pragma GCC unroll 8
  for (int r = 0; r < kR; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kV; ++v) acc[r][v] = broadcast(a.start);
#pragma GCC unroll 16
  for (int ih = 0; ih < kR + K - 1; ++ih) {
    load_barrier();
#pragma GCC unroll 8
    for (int kw = 0; kw < K; ++kw) {
      Vec<T> xv[kV];
#pragma GCC unroll 4
      for (int v = 0; v < kV; ++v) {
        xv[v] = load(x + ih * x_row + kw + v * kLanes<T>);
        keep_in_register(xv[v]);
      }
#pragma GCC unroll 8
      for (int r = 0; r < kR; ++r) {
        if (ih < r || ih - r >= K) continue;
        const Vec<T> w = broadcast(weights[(ih - r) * K + kw]);
#pragma GCC unroll 4
        for (int v = 0; v < kV; ++v) acc[r][v] += w * xv[v];
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kR; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kV; ++v) store(y + r * y_row + v * kLanes<T>, acc[r][v]);
}

template <class T, int K, int kR, int kV>
NDNN_INLINE void square_rows(const StencilArgs<T>& a, index_t r) {
  const T* x = a.x + r * a.x_row;
  T* y = a.y + r * a.y_row;
  over_row<T, kV>(
      a.width,
      [&](index_t i, auto v) { square_block<T, K, kR, decltype(v)::value>(a, x + i, y + i, a.y_row); },
      [&] {
        T rows[kR][kLanes<T>];
        square_block<T, K, kR, 1>(a, x, rows[0], kLanes<T>);
        for (int m = 0; m < kR; ++m)
          for (index_t i = 0; i < a.width; ++i) y[m * a.y_row + i] = rows[m][i];
      });
}

template <class T, int K>
void stencil_square(const StencilArgs<T>& a) {
  // At least eight sums, to hide the latency of the FMA; narrow planes have one vector a row.
  constexpr int kR = kRegisters == 32 ? 4 : 2, kV = 2;
  index_t r = 0;
  if (a.width <= kLanes<T>)
    for (; r + 2 * kR <= a.rows; r += 2 * kR) square_rows<T, K, 2 * kR, 1>(a, r);
  for (; r + kR <= a.rows; r += kR) square_rows<T, K, kR, kV>(a, r);
  for (; r < a.rows; ++r) square_rows<T, K, 1, 4>(a, r);
}

template <class T>
constexpr StencilKernels<T> make_stencils() {
  return {&stencil_any<T>, {&stencil_square<T, 3>, &stencil_square<T, 5>, &stencil_square<T, 7>}};
}

extern const StencilKernels<float> stencil_kernels_f32;
extern const StencilKernels<double> stencil_kernels_f64;
constexpr StencilKernels<float> stencil_kernels_f32 = make_stencils<float>();
constexpr StencilKernels<double> stencil_kernels_f64 = make_stencils<double>();

#include "core/isa_end.hpp"
