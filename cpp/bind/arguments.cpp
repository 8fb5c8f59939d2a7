// SPDX-License-Identifier: MIT
#include "bind/arguments.hpp"

#include <cxxabi.h>
#include <unistd.h>

namespace ndnn {
namespace {

std::string type_name(py::handle value) { return Py_TYPE(value.ptr())->tp_name; }

bool finalizing() {
#if PY_VERSION_HEX >= 0x030D0000
  return Py_IsFinalizing();
#else
  return _Py_IsFinalizing();
#endif
}
[[noreturn]] void wait_for_exit() {
  for (;;) pause();
}

// numpy.ma.MaskedArray without importing it: only a program that made one has it loaded.
bool is_masked(py::handle value) {
  for (PyTypeObject* t = Py_TYPE(value.ptr()); t; t = t->tp_base)
    if (std::string_view(t->tp_name) == "MaskedArray" || std::string_view(t->tp_name) == "numpy.ma.MaskedArray")
      return true;
  return false;
}

bool is_plain_array(const py::array& a) {
  return reinterpret_cast<PyObject*>(Py_TYPE(a.ptr())) == reinterpret_cast<PyObject*>(py::detail::npy_api::get().PyArray_Type_);
}

bool strides_fit(const py::array& a) {
  const auto item = a.itemsize();
  if (reinterpret_cast<std::uintptr_t>(a.data()) % static_cast<std::uintptr_t>(item) != 0) return false;
  for (py::ssize_t i = 0; i < a.ndim(); ++i)
    if (a.strides(i) % item != 0) return false;
  return true;
}

}  // namespace

// Not noexcept and not a destructor: older interpreters end a thread here by unwinding its stack.
void restore_gil(PyThreadState* state) {
  if (finalizing()) wait_for_exit();
#ifdef __GLIBCXX__
  try {
    PyEval_RestoreThread(state);
  } catch (abi::__forced_unwind&) {
    wait_for_exit();
  }
#else
  PyEval_RestoreThread(state);
#endif
}

index_t to_index(const char* fn, const char* name, py::handle value) {
  PyObject* const o = value.ptr();
  if (__builtin_expect(!PyLong_CheckExact(o), 0)) {
    if (PyBool_Check(o) || !PyIndex_Check(o))
      type_error(fn, ": ", name, " must be an int, but got ", type_name(value));
    const py::object whole = py::reinterpret_steal<py::object>(PyNumber_Index(o));
    if (!whole) throw py::error_already_set();
    return to_index(fn, name, whole);
  }
  int overflow = 0;
  const long long v = PyLong_AsLongLongAndOverflow(o, &overflow);
  NDNN_CHECK(overflow == 0, fn, ": ", name, " must be a 64-bit integer, but got ",
             std::string(py::str(value)).substr(0, 40));
  return v;
}

Axes to_axes(const char* fn, const char* name, py::handle value, int rank, index_t unit) {
  Axes out{unit, unit, unit};
  PyObject* const o = value.ptr();
  if (!PyTuple_Check(o) && !PyList_Check(o) && !(PySequence_Check(o) && !PyUnicode_Check(o) && !PyIndex_Check(o))) {
    if (!PyIndex_Check(o) || PyBool_Check(o))
      type_error(fn, ": ", name, " must be an int or a tuple of ", rank, rank == 1 ? " int" : " ints",
                 ", but got ", type_name(value));
    const index_t v = to_index(fn, name, value);
    for (int a = kMaxSpatial - rank; a < kMaxSpatial; ++a) out[a] = v;
    return out;
  }
  // A tuple of its own: items may run code that changes the list.
  const py::object items = py::reinterpret_steal<py::object>(PySequence_Tuple(o));
  if (!items) throw py::error_already_set();
  const auto n = static_cast<int>(std::min<Py_ssize_t>(PyTuple_GET_SIZE(items.ptr()), 1000));
  NDNN_CHECK(n == rank || n == 1, fn, ": ", name, " must be an int or a tuple of ", rank,
             rank == 1 ? " int" : " ints", ", but got ", n, n == 1 ? " value" : " values");
  for (int a = 0; a < rank; ++a)
    out[kMaxSpatial - rank + a] = to_index(fn, name, PyTuple_GET_ITEM(items.ptr(), n == 1 ? 0 : a));
  return out;
}

DType dtype_of(const char* fn, const char* name, const py::array& a) {
  const int num = a.dtype().num();
  if (num == py::detail::npy_api::NPY_FLOAT_) return DType::f32;
  if (num == py::detail::npy_api::NPY_DOUBLE_) return DType::f64;
  if (a.dtype().kind() == 'f' && a.itemsize() == 2) return DType::f16;
  type_error(fn, ": ", name, " must be a float32, float64 or float16 array, but got dtype ",
             std::string(py::str(a.dtype())));
}

py::array to_array(const char* fn, const char* name, py::handle value) {
  if (is_masked(value))
    type_error(fn, ": ", name, " must not be a masked array (fill it first), but got ", type_name(value));
  if (value.is_none() || PyUnicode_Check(value.ptr()) || PyBytes_Check(value.ptr()))
    type_error(fn, ": ", name, " must be an array, but got ", type_name(value));
  py::array a = py::isinstance<py::array>(value) ? py::reinterpret_borrow<py::array>(value)
                                                  : py::array::ensure(value);
  if (!a) {
    PyErr_Clear();
    type_error(fn, ": ", name, " must be an array, but got ", type_name(value));
  }
  dtype_of(fn, name, a);
  if (__builtin_expect(!is_plain_array(a), 0))  // a plain view: no Python code of a subclass runs later
    a = py::array(a.dtype(), py::array::ShapeContainer(a.shape(), a.shape() + a.ndim()),
                  py::array::StridesContainer(a.strides(), a.strides() + a.ndim()), a.data(), a);
  const char order = a.dtype().byteorder();
  if (__builtin_expect(order != '=' && order != '|', 0))
    a = a.attr("astype")(a.dtype().attr("newbyteorder")("="));
  if (__builtin_expect(!strides_fit(a), 0)) a = a.attr("copy")("C");
  return a;
}

std::string shape_text(const py::array& a) { return concat(Tuple{a.shape(), static_cast<int>(a.ndim())}); }

}  // namespace ndnn
