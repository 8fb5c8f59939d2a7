// SPDX-License-Identifier: MIT
#pragma once
#include "core/isa.hpp"
#include "core/shape.hpp"

namespace ndnn {

// `bags` sums of rows: y[b*width + j] = sum of weight[k] * table[rows[k]*ld + j] over offset[b] <= k <
// offset[b+1], j < width. weight may be null: 1.
template <class T>
struct RowSumArgs {
  const T* table;
  index_t ld, width;
  const index_t *rows, *offset;
  const T* weight;
  index_t bags;
  T* y;
};
template <class T>
struct EmbeddingKernels {
  void (*row_sums)(const RowSumArgs<T>&);
};
template <class T>
const EmbeddingKernels<T>& embedding_kernels(Isa isa);

}  // namespace ndnn
