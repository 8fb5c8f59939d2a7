// SPDX-License-Identifier: MIT
#pragma once
#include <type_traits>

#include "core/isa.hpp"
#include "core/shape.hpp"

namespace ndnn {

// A map along an axis other than the last: every output row is a sum of whole input rows.
template <class T>
struct RowMap {
  const index_t *first, *count;
  const T* weight;  // [out][taps], or null: all are 1
  const T* scale;   // [out], or null
  index_t taps;
};
// Output rows [begin, end) of n elements; input row r lies at x + (r - origin)*ld_x.
template <class T>
struct RowTile {
  RowMap<T> map;
  const T* x;
  index_t ld_x, origin;
  T* y;
  index_t ld_y, begin, end, n;
};

// The ways to map along the last axis.
enum class ColumnPass {
  none,      // the identity
  windows1,  // sums over windows one apart, of a row with zeros around it
  windows2,  // two apart
  permute1,  // a vector of outputs takes each tap from one vector of inputs,
  permute2,  // from two,
  permute4,  // from four
  gather,    // from anywhere
  dots       // lanes along the taps of one output
};
constexpr int kColumns = 8;

template <class T>
struct ColumnMap {
  using Word = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  ColumnPass kind = ColumnPass::none;
  index_t in = 1, out = 1, taps = 1;
  // permute*, gather. Outputs lie in blocks of a vector, the last of which begins at last_block(out).
  // [block][tap][lane]: the tap's place, from base[block][tap] on; its weight, or null: one
  // tap, of weight 1. Taps that an output lacks share the weight of its last tap, so that no inf turns into a
  // nan.
  index_t blocks = 0;
  const Word* index = nullptr;
  const index_t* base = nullptr;
  const T* weight = nullptr;
  const Word* kept = nullptr;  // [block][lane]: zeros where an output has no tap; or null: all have
  // windows*: a row begins with `pad` zeros, and zeros follow it. dots: weight is [out][taps] or null.
  index_t pad = 0;
  const index_t *first = nullptr, *count = nullptr;
  const T* scale = nullptr;  // [out], or null
};
template <class T>
struct ColumnTile {
  ColumnMap<T> map;
  const T* x;
  index_t ld_x;
  T* y;
  index_t ld_y, rows;
  // Output row r reads row source[r] - origin of x, or without a source row r. Of maps without weights.
  const index_t* source = nullptr;
  index_t origin = 0;
  bool repeats = false;  // rows with one source are written together
  index_t next_source(index_t r) const {
    for (++r; repeats && r < rows && source[r] == source[r - 1];) ++r;
    return r;
  }
  const T* row(index_t r) const { return x + (source ? source[r] - origin : r) * ld_x; }
};

template <class T>
struct ResizeKernels {
  index_t lanes;
  bool permutes;                   // there are permute*
  index_t (*last_block)(index_t);  // where the last block of n outputs begins
  void (*combine_rows)(const RowTile<T>&);
  void (*map_columns[kColumns])(const ColumnTile<T>&);
};
template <class T>
const ResizeKernels<T>& resize_kernels(Isa isa);

}  // namespace ndnn
