// SPDX-License-Identifier: MIT
// Separable linear maps of arrays: pooling by means, interpolation, and the gradients of both.
#pragma once
#include "core/view.hpp"
#include "ops/resize/axis_map.hpp"
#include "ops/resize/resize_kernels.hpp"

namespace ndnn {

using AxisMaps = std::array<AxisMap, kMaxSpatial>;

template <class T>
struct RowTable {
  std::vector<index_t> first, count;
  std::vector<T> weight, scale;
  index_t taps = 1;
  bool identity() const { return first.empty(); }
  RowMap<T> map() const {
    return {first.data(), count.data(), weight.empty() ? nullptr : weight.data(),
            scale.empty() ? nullptr : scale.data(), taps};
  }
};

template <class T>
struct ColumnTable {
  ColumnMap<T> map;  // its pointers are set where it runs
  std::vector<typename ColumnMap<T>::Word> index, kept;
  std::vector<index_t> base, first, count;
  std::vector<T> weight, scale;
};

// What is done: rows of D, then columns and rows of H in the cheaper order, for a block of output rows at a
// time. A block's intermediate rows stay in scratch of about half of L1.
template <class T>
struct ResizePlan {
  Isa isa;
  index_t n = 1, channels = 1;
  std::array<index_t, 4> stride{};  // of x: n, c, d, h
  Axes in{1, 1, 1}, out{1, 1, 1};
  RowTable<T> d, h;
  ColumnTable<T> w;
  bool columns_first = false;
  bool fetches = false;                // y's lines before they are written
  bool copies_rows = false;            // rows of H are copies: columns read them in place,
  bool repeats = false;                // and write equal ones together
  index_t block_rows = 1, blocks = 1;  // of one (n, c, d)
  index_t units = 0, units_of_task = 1;
  index_t band = 0;                      // input rows of a block, at most
  index_t mapped_ld = 0, summed_ld = 0;  // rows in scratch: after columns, after rows
  index_t d_elements = 0, mapped_elements = 0, summed_elements = 0;
  index_t scratch_elements() const { return d_elements + mapped_elements + summed_elements; }
  double cycles = 0;
  int threads = 1;
};

// Makes fewer axes of those that one map can serve, so that rows are long. Returns whether x must then be
// dense; it depends on the shapes alone, so that strides do not change the order of a sum.
bool join_axes(AxisMaps& maps, std::array<index_t, 5>& shape);
// x: a view whose axes were joined so; its rows have unit stride, and where D is mapped it is dense.
template <class T>
ResizePlan<T> plan_resize(AxisMaps maps, const View<const T>& x, Isa isa, int max_threads);
// y: dense, (n, c, out...).
template <class T>
void run_resize(const ResizePlan<T>& plan, const T* x, T* y);

}  // namespace ndnn
