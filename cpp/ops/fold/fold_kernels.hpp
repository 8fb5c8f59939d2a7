// SPDX-License-Identifier: MIT
#pragma once
#include "core/isa.hpp"
#include "ops/fold/axis_map.hpp"

namespace ndnn {

// One row of the gathered array and the row of the input that it reads; null: a row of fill.
template <class T>
struct RowPair {
  T* gathered;
  T* input;
};

// Some rows with one map of columns. Input column i of a row lies at input + i*stride.
template <class T>
struct RowArgs {
  const RowPair<T>* rows;
  index_t count;
  const AxisMap* columns;
  index_t stride;
  T fill;
};

template <class T>
struct FoldKernels {
  void (*copy)(const RowArgs<T>&);  // gathered[o] = input[source(o)] or fill; writes all of each gathered row
  void (*add)(const RowArgs<T>&);   // input[source(o)] += gathered[o], in the order of rows within a run
};
template <class T>
const FoldKernels<T>& fold_kernels(Isa isa);

}  // namespace ndnn
