// SPDX-License-Identifier: MIT
// Sums of chosen rows of a table: bags of embeddings, and with tables and places exchanged, gradients.
#pragma once
#include <vector>

#include "core/isa.hpp"
#include "core/shape.hpp"

namespace ndnn {

// y[b] = sum over offset[b] <= j < offset[b+1] of weight[j] * table[rows[j]], in the order of j.
template <class T>
struct RowSums {
  Isa isa;
  int threads;
  const T* table;  // rows of `width`, `ld` apart
  index_t ld, width;
  std::vector<index_t> rows;
  std::vector<T> weight;  // or empty: 1
  std::vector<index_t> offset;

  index_t bags() const { return static_cast<index_t>(offset.size()) - 1; }
  double cycles() const {
    return (double(rows.size()) + double(bags())) * (double(width) * double(sizeof(T)) / 16 + 10);
  }
};
template <class T>
void run_row_sums(const RowSums<T>& call, T* y);

// The sums with the roles of rows and bags exchanged: out.rows are the bags that held row r, for every
// r < count, in order. Table, ld and width stay.
template <class T>
RowSums<T> transposed(RowSums<T> call, index_t count);

}  // namespace ndnn
