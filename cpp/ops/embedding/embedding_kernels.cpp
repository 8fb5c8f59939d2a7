// SPDX-License-Identifier: MIT
// Compiled once per instruction set.
#include "ops/embedding/embedding_kernels.hpp"

#include <utility>

#include "core/isa_begin.hpp"
#include "core/vec.hpp"

// kV vectors from column j on, or the first n < kLanes columns: sums stay in registers.
template <class T, int kV>
NDNN_INLINE void sum_columns(const RowSumArgs<T>& a, index_t b, index_t j, index_t n) {
  constexpr index_t kL = kLanes<T>;
  Vec<T> sum[kV] = {};
  for (index_t k = a.offset[b]; k < a.offset[b + 1]; ++k) {
    const T* const row = a.table + a.rows[k] * a.ld + j;
#pragma GCC unroll 4
    for (int v = 0; v < kV; ++v) {
      const Vec<T> x = n < kL ? load_part(row, n) : load(row + v * kL);
      sum[v] = a.weight ? sum[v] + a.weight[k] * x : sum[v] + x;
    }
  }
  T* const y = a.y + b * a.width + j;
#pragma GCC unroll 4
  for (int v = 0; v < kV; ++v) {
    if (n < kL) store_part(y, sum[v], n);
    else store(y + v * kL, sum[v]);
  }
}

template <class T>
void row_sums(const RowSumArgs<T>& a) {
  constexpr index_t kL = kLanes<T>;
  for (index_t b = 0; b < a.bags; ++b) {
    index_t j = 0;
    for (; j + 4 * kL <= a.width; j += 4 * kL) sum_columns<T, 4>(a, b, j, kL);
    for (; j + kL <= a.width; j += kL) sum_columns<T, 1>(a, b, j, kL);
    if (j < a.width) sum_columns<T, 1>(a, b, j, a.width - j);
  }
}

extern const EmbeddingKernels<float> embedding_kernels_f32;
extern const EmbeddingKernels<double> embedding_kernels_f64;
constexpr EmbeddingKernels<float> embedding_kernels_f32{&row_sums<float>};
constexpr EmbeddingKernels<double> embedding_kernels_f64{&row_sums<double>};

#include "core/isa_end.hpp"
