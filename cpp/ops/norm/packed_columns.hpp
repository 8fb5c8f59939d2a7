// SPDX-License-Identifier: MIT
#pragma once
#include <algorithm>

#include "core/shape.hpp"

namespace ndnn {

constexpr index_t kPackedWidth = 64;

// Of (outer, n, inner) with few inner elements, several outer ones side by side: a matrix of n rows,
// kPackedWidth apart, whose outer * inner columns fill vectors.
class PackedColumns {
 public:
  PackedColumns(index_t outer, index_t n, index_t inner) : rows_(n), inner_(inner), width_(outer * inner) {
    for (index_t o = 0, j = 0; o < outer; ++o)
      for (index_t i = 0; i < inner; ++i) at_[j++] = o * n * inner + i;
  }
  static index_t most_outer(index_t inner) { return kPackedWidth / inner; }
  index_t width() const { return width_; }

  template <class T>
  void pack(const T* from, T* to) const {
    each([&](index_t unpacked, index_t packed) { to[packed] = from[unpacked]; });
  }
  template <class T>
  void unpack(const T* from, T* to) const {
    each([&](index_t unpacked, index_t packed) { to[unpacked] = from[packed]; });
  }

 private:
  static constexpr index_t kRows =
      16;  // a line of each column at a time: outer elements may share a cache set
  template <class Body>
  void each(const Body& body) const {
    for (index_t first = 0; first < rows_; first += kRows) {
      const index_t end = std::min(rows_, first + kRows);
      for (index_t j = 0; j < width_; ++j)
        for (index_t r = first; r < end; ++r) body(at_[j] + r * inner_, r * kPackedWidth + j);
    }
  }
  index_t rows_, inner_, width_;
  index_t at_[kPackedWidth];  // of each column, in the array
};

}  // namespace ndnn
