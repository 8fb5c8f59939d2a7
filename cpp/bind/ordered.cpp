// SPDX-License-Identifier: MIT
#include "bind/ordered.hpp"

#include <cstdlib>

namespace ndnn {

MemoryOrder index_order(int axes) {
  MemoryOrder order;
  order.axes = axes;
  for (int i = 0; i < axes; ++i) order.axis[i] = static_cast<std::int8_t>(i);
  return order;
}

MemoryOrder memory_order(const py::array& a) {
  MemoryOrder order = index_order(static_cast<int>(a.ndim()));
  if (is_contiguous(a)) return order;
  const auto step = [&](int i) { return std::abs(a.strides(order.axis[i])); };
  for (int i = 1; i < order.axes; ++i)  // repeated axes, of stride 0, stay where they are
    for (int k = i; k > 0 && step(k) > step(k - 1) && step(k - 1) != 0; --k)
      std::swap(order.axis[k], order.axis[k - 1]);
  return order;
}

bool is_contiguous(const py::array& a) { return (a.flags() & py::array::c_style) != 0; }

py::array new_array(const py::array& like, const MemoryOrder& order) {
  py::ssize_t strides[kMaxAxes];
  py::ssize_t next = like.itemsize();
  for (int i = order.axes - 1; i >= 0; --i) {
    strides[order.axis[i]] = next;
    next *= std::max<py::ssize_t>(1, like.shape(order.axis[i]));
  }
  const auto& api = py::detail::npy_api::get();
  py::dtype dtype = like.dtype();
  PyObject* const made = api.PyArray_NewFromDescr_(api.PyArray_Type_, dtype.release().ptr(), order.axes,
                                                   like.shape(), strides, nullptr, 0, nullptr);
  if (!made) throw py::error_already_set();
  return py::reinterpret_steal<py::array>(made);
}

py::array to_out(const char* fn, py::handle out, const py::array& like) {
  if (!py::isinstance<py::array>(out))
    type_error(fn, ": out must be a NumPy array, but got ", Py_TYPE(out.ptr())->tp_name);
  const py::array a = to_array(fn, "out", out);
  if (a.ptr() != out.ptr() && a.size() > 0)
    type_error(fn, ": out must be a plain, aligned array in native byte order, but got ", text_of(out));
  NDNN_CHECK(one_shape(a, like), fn, ": out must have the shape ",
             Tuple{like.shape(), static_cast<int>(like.ndim())}, ", but got out.shape=", shape_text(a));
  if (!one_dtype(a, like))
    type_error(fn, ": out must have the dtype ", std::string(py::str(like.dtype())), ", but got ",
               std::string(py::str(a.dtype())));
  NDNN_CHECK(a.writeable(), fn, ": out must be writeable, but got a read-only array");
  if (a.size() == 0) return a;
  // No two elements in one place: each axis steps over all that lies within the smaller ones.
  const MemoryOrder order = memory_order(a);
  py::ssize_t inner = a.itemsize();
  for (int i = order.axes - 1; i >= 0; --i) {
    const py::ssize_t n = a.shape(order.axis[i]), step = std::abs(a.strides(order.axis[i]));
    if (n <= 1) continue;
    NDNN_CHECK(step >= inner, fn, ": out must not overlap itself, but got strides=",
               Tuple{a.strides(), static_cast<int>(a.ndim())});
    inner += step * (n - 1);
  }
  return a;
}

bool overlap(const py::array& out, const py::array& operand) {
  if (out.size() == 0 || operand.size() == 0) return false;
  const auto range = [](const py::array& a) {
    const char *low = static_cast<const char*>(a.data()), *high = low + a.itemsize();
    for (int i = 0; i < a.ndim(); ++i) (a.strides(i) < 0 ? low : high) += (a.shape(i) - 1) * a.strides(i);
    return std::pair(low, high);
  };
  const auto a = range(out), b = range(operand);
  if (a.second <= b.first || b.second <= a.first) return false;
  const bool same = out.data() == operand.data() && out.ndim() == operand.ndim() &&
                    std::equal(out.shape(), out.shape() + out.ndim(), operand.shape()) &&
                    std::equal(out.strides(), out.strides() + out.ndim(), operand.strides());
  return !same;
}

}  // namespace ndnn
