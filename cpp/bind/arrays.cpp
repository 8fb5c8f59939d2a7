// SPDX-License-Identifier: MIT
#include "bind/arrays.hpp"

namespace ndnn {

void check_axes(const char* fn, const char* name, const py::array& a, int rank) {
  NDNN_CHECK(a.ndim() == rank + 2 || a.ndim() == rank + 1, fn, ": ", name, " must have ", rank + 2,
             " axes (N, C, size) or ", rank + 1, " (C, size), but got ", name, ".shape=", shape_text(a));
}

void make_contiguous(py::array& a) {
  if (a && !(a.flags() & py::array::c_style)) a = py::array(a.attr("copy")("C"));
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
