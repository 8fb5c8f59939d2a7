// SPDX-License-Identifier: MIT
#pragma once
#include "core/isa.hpp"
#include "ops/fold/axis_map.hpp"

namespace ndnn {

// `count` rows of the gathered array, `gathered_row` apart, and the rows of the input that they read,
// `input_row` apart, with one map of columns. Input column i of a row lies at i*stride.
template <class T>
struct RowArgs {
  T* gathered;
  T* input;  // null in a call of copy: rows of fill
  index_t count, gathered_row, input_row;
  const AxisRuns* columns;
  index_t stride;
  T fill;
  bool rest = false;  // add: without the longest run, which was set
};

template <class T>
struct FoldKernels {
  void (*copy)(const RowArgs<T>&);  // gathered[o] = input[source(o)] or fill; writes all of each gathered row
  void (*set)(const RowArgs<T>&);   // the inputs of the longest run of columns are its outputs, others zero
  void (*add)(const RowArgs<T>&);   // input[source(o)] += gathered[o]: runs in order, rows in order
};
template <class T>
const FoldKernels<T>& fold_kernels(Isa isa);

}  // namespace ndnn
