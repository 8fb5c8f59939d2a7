// SPDX-License-Identifier: MIT
// What operators do with arrays that were checked one by one: axes, dtypes, results, the GIL.
#pragma once
#include <initializer_list>

#include "bind/bind.hpp"

namespace ndnn {

// A ValueError unless a is (N, C, size...) or (C, size...) with `rank` sizes.
void check_axes(const char* fn, const char* name, const py::array& a, int rank);
void make_contiguous(py::array& a);
// Of arrays from to_array(). Equal dtypes may be different objects, after pickling for example.
bool one_dtype(const py::array& a, const py::array& b);
bool one_shape(const py::array& a, const py::array& b);
// The output_size of adaptive pooling: to_axes() of sizes of at least 0, or None for kInputSize.
constexpr index_t kInputSize = -1;
Axes to_output_size(const char* fn, py::handle value, int rank);
// A new array (N, C, out...), without N where not batched.
py::array new_output(const py::dtype& dtype, int rank, bool batched, index_t n, index_t c, const Axes& out);

// Calls compute(T()) for the dtype of the first array, which all have that are not null. float16 ones become
// float32 before it, and the result float16.
template <class Compute>
py::array for_dtype(const char* fn, std::initializer_list<py::array*> arrays, Compute&& compute) {
  const py::array& first = **arrays.begin();
  switch (dtype_of(fn, "input", first)) {
    case DType::f32: return compute(float());
    case DType::f64: return compute(double());
    case DType::f16: break;
  }
  const py::dtype f32 = py::dtype::of<float>(), f16 = first.dtype();
  for (py::array* a : arrays)
    if (*a) *a = py::array(a->attr("astype")(f32));
  return py::array(compute(float()).attr("astype")(f16));
}

// Runs body, which takes about so many cycles: below about 5 us giving the GIL away costs more than it lets
// others do.
template <class Body>
void run_body(double cycles, Body&& body) {
  if (cycles < 20e3) body();
  else without_gil(body);
}

}  // namespace ndnn
