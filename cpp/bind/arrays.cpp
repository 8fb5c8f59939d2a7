// SPDX-License-Identifier: MIT
#include "bind/arrays.hpp"

#include <algorithm>

namespace ndnn {

void check_axes(const char* fn, const char* name, const py::array& a, int rank) {
  NDNN_CHECK(a.ndim() == rank + 2 || a.ndim() == rank + 1, fn, ": ", name, " must have ", rank + 2,
             " axes (N, C, size) or ", rank + 1, " (C, size), but got ", name, ".shape=", shape_text(a));
}

void make_contiguous(py::array& a) {
  if (a && !(a.flags() & py::array::c_style)) a = py::array(a.attr("copy")("C"));
}

bool one_dtype(const py::array& a, const py::array& b) { return a.dtype().num() == b.dtype().num(); }
bool one_shape(const py::array& a, const py::array& b) {
  return a.ndim() == b.ndim() && std::equal(a.shape(), a.shape() + a.ndim(), b.shape());
}

Axes to_output_size(const char* fn, py::handle value, int rank) {
  const auto checked = [&](index_t size) {
    NDNN_CHECK(size >= 0, fn, ": output_size must be at least 0, but got output_size=", text_of(value));
    return size;
  };
  if (!PyTuple_Check(value.ptr()) && !PyList_Check(value.ptr())) {
    const Axes same = to_axes(fn, "output_size", value, rank, kInputSize);
    checked(same[kMaxSpatial - 1]);
    return same;
  }
  py::list sizes;
  for (const py::handle item : py::tuple(py::reinterpret_borrow<py::object>(value)))
    sizes.append(item.is_none() ? kInputSize : checked(to_index(fn, "output_size", item)));
  return to_axes(fn, "output_size", sizes, rank, kInputSize);
}

py::array new_output(const py::dtype& dtype, int rank, bool batched, index_t n, index_t c, const Axes& out) {
  std::array<py::ssize_t, 5> shape;
  int nd = 0;
  if (batched) shape[nd++] = n;
  shape[nd++] = c;
  for (int a = kMaxSpatial - rank; a < kMaxSpatial; ++a) shape[nd++] = out[a];
  return py::array(dtype, py::array::ShapeContainer(shape.data(), shape.data() + nd));
}

}  // namespace ndnn
