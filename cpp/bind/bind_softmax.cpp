// SPDX-License-Identifier: MIT
// softmax, its logarithm and their gradients.
#include "bind/ordered.hpp"
#include "core/parallel.hpp"
#include "ops/softmax/softmax.hpp"

namespace ndnn {
namespace {

// In an order of the axes, the array is (outer, n, inner) about one of them.
template <class T>
void split(SoftmaxCall<T>& c, const py::array& a, const MemoryOrder& order, int axis) {
  c.outer = c.n = c.inner = 1;
  bool before = true;
  for (int i = 0; i < order.axes; ++i) {
    const index_t size = a.shape(order.axis[i]);
    if (order.axis[i] == axis) c.n = size;
    else (before ? c.outer : c.inner) *= size;
    before = before && order.axis[i] != axis;
  }
}

// y: the result, for its gradient from x; else null.
template <class T>
py::array compute(const py::array& x, py::array y, int axis, bool log, double scale) {
  MemoryOrder order = memory_order(y ? y : x);
  SoftmaxCall<T> c;
  c.log = log;
  c.scale = static_cast<T>(scale);
  split(c, x, order, axis);
  if (y && !walk<T>(y, y, order).dense()) {
    make_contiguous(y);
    order = memory_order(y);
    split(c, x, order, axis);
  }
  const py::array out = new_array(x, order);
  const Walk<const T> from = walk<const T>(x, x, order);
  c.x = &from;
  c.y = y ? static_cast<const T*>(y.data()) : nullptr;
  c.out = static_cast<T*>(const_cast<void*>(out.data()));
  const double cycles = softmax_cycles(c);
  const int threads = useful_threads(cycles, call_threads());
  run_body(cycles, [&] { run_softmax<T>(c, active_isa(), threads); });
  return out;
}

int to_axis(const char* fn, const py::array& x, const py::object& dim) {
  const index_t count = std::max<index_t>(1, x.ndim());  // an array without axes has one, as in torch
  const index_t axis = to_index(fn, "dim", dim);
  NDNN_CHECK(-count <= axis && axis < count, fn, ": dim must be from ", -count, " to ", count - 1,
             ", but got dim=", axis);
  return static_cast<int>(axis < 0 ? axis + count : axis);
}

py::array softmax(const char* fn, const py::object& input, const py::object& dim, bool log, double scale) {
  py::array x = to_array(fn, "input", input);
  const int axis = to_axis(fn, x, dim);
  return for_dtype(fn, {&x}, [&](auto zero) {
    return compute<decltype(zero)>(x, py::reinterpret_steal<py::array>(nullptr), axis, log, scale);
  });
}

py::array softmax_gradient(const char* fn, const py::object& grad, const py::object& result,
                           const py::object& dim, bool log, double scale) {
  py::array g = to_array(fn, "grad", grad), y = to_array(fn, "result", result);
  const int axis = to_axis(fn, y, dim);
  NDNN_CHECK(one_shape(g, y) && one_dtype(g, y), fn, ": grad must be as the result ", shape_text(y),
             ", but got ", shape_text(g));
  return for_dtype(fn, {&g, &y}, [&](auto zero) { return compute<decltype(zero)>(g, y, axis, log, scale); });
}

}  // namespace

void bind_softmax(py::module_& m) {
  m.def("softmax", &softmax);
  m.def("softmax_gradient", &softmax_gradient);
}

}  // namespace ndnn
