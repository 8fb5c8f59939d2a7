// SPDX-License-Identifier: MIT
#include "bind/conv_arrays.hpp"

namespace ndnn {

ConvArgs to_conv_args(const char* fn, int rank, const py::object& stride, const py::object& padding,
                      const py::object& dilation, const py::object& groups) {
  ConvArgs args;
  args.rank = rank;
  args.stride = to_axes(fn, "stride", stride, rank, 1);
  if (PyUnicode_Check(padding.ptr())) {
    const bool same = PyUnicode_CompareWithASCIIString(padding.ptr(), "same") == 0;
    NDNN_CHECK(same || PyUnicode_CompareWithASCIIString(padding.ptr(), "valid") == 0, fn,
               ": padding must be 'same', 'valid', an int or a tuple, but got ", text_of(padding));
    args.mode = same ? Padding::same : Padding::valid;
  } else {
    args.padding = to_axes(fn, "padding", padding, rank, 0);
  }
  args.dilation = to_axes(fn, "dilation", dilation, rank, 1);
  args.groups = to_index(fn, "groups", groups);
  return args;
}

ConvArrays to_conv_arrays(const char* fn, const char* x_name, const py::object& x, const py::object& weight,
                          const py::object& bias, const py::object& residual) {
  const auto optional = [&](const char* name, const py::object& value) {
    return value.is_none() ? py::reinterpret_steal<py::array>(nullptr) : to_array(fn, name, value);
  };
  PackedWeight* const kept = packed_weight_of(weight);
  py::array xa = to_array(fn, x_name, x);
  py::array w = kept ? kept->array() : to_array(fn, "weight", weight);
  py::array b = optional("bias", bias);
  return {std::move(xa), std::move(w), std::move(b), optional("residual", residual), kept};
}

void check_conv_arrays(const char* fn, int rank, const char* x_name, const char* weight_axes,
                       const ConvArrays& a) {
  NDNN_CHECK(a.w.ndim() == rank + 2, fn, ": weight must have ", rank + 2, " axes (", weight_axes,
             ", kernel), but got weight.shape=", shape_text(a.w));
  check_axes(fn, x_name, a.x, rank);
  NDNN_CHECK(!a.b || a.b.ndim() == 1, fn, ": bias must have one axis, but got bias.shape=", shape_text(a.b));
  const DType t = dtype_of(fn, x_name, a.x);
  const auto differs = [&](const char* name, const py::array& o) { return o && dtype_of(fn, name, o) != t; };
  const auto text = [](const py::array& o) {
    return o ? ", " + std::string(py::str(o.dtype())) : std::string();
  };
  if (differs("weight", a.w) || differs("bias", a.b) || differs("residual", a.r))
    type_error(fn, ": ", x_name, ", weight", a.r ? ", bias and residual" : " and bias",
               " must have one dtype, but got ", text(a.x).substr(2), text(a.w), text(a.b), text(a.r));
}

std::array<index_t, 5> to_sizes(const char* fn, const char* name, const py::object& shape, int rank,
                                bool weight) {
  const bool list =
      PySequence_Check(shape.ptr()) && !PyUnicode_Check(shape.ptr()) && !PyBytes_Check(shape.ptr());
  if (!list) type_error(fn, ": ", name, " must be a tuple of ints, but got ", Py_TYPE(shape.ptr())->tp_name);
  const py::object items = py::reinterpret_steal<py::object>(PySequence_Tuple(shape.ptr()));
  if (!items) throw py::error_already_set();
  const auto nd = static_cast<int>(std::min<py::ssize_t>(PyTuple_GET_SIZE(items.ptr()), 100));
  NDNN_CHECK(nd == rank + 2 || (!weight && nd == rank + 1), fn, ": ", name, " must have ", rank + 2,
             " sizes, but got ", nd);
  std::array<index_t, 5> out{1, 1, 1, 1, 1};
  for (int i = 0; i < nd; ++i) {
    const int to = i > nd - (rank + 1) ? 5 - (nd - i) : i + 1 - (nd - rank - 1);
    out[to] = to_index(fn, name, PyTuple_GET_ITEM(items.ptr(), i));
    NDNN_CHECK(out[to] >= 0, fn, ": ", name, " must not be negative, but got ", out[to]);
  }
  return out;
}

py::dict new_plan(int rank, bool batched, index_t n, index_t c, const Axes& out, double macs) {
  py::list shape;
  if (batched) shape.append(n);
  shape.append(c);
  for (int a = kMaxSpatial - rank; a < kMaxSpatial; ++a) shape.append(out[a]);
  py::dict d;
  d["out_shape"] = py::tuple(shape);
  d["macs"] = macs;
  return d;
}

}  // namespace ndnn
