// SPDX-License-Identifier: MIT
#include "bind/arguments.hpp"

#include <cxxabi.h>
#include <unistd.h>

#include <cmath>

namespace ndnn {
namespace {

std::string type_name(py::handle value) { return Py_TYPE(value.ptr())->tp_name; }

[[noreturn]] void wait_for_exit() {
  for (;;) pause();
}

// numpy.ma.MaskedArray, however deep, without importing it: only a program that made one has it loaded.
bool is_masked(py::handle value) {
  const py::handle mro = Py_TYPE(value.ptr())->tp_mro;
  for (const py::handle base : py::reinterpret_borrow<py::tuple>(mro)) {
    const std::string_view name = reinterpret_cast<PyTypeObject*>(base.ptr())->tp_name;
    if (name == "MaskedArray" || name == "numpy.ma.MaskedArray") return true;
  }
  return false;
}

bool is_plain_array(const py::array& a) {
  return reinterpret_cast<PyObject*>(Py_TYPE(a.ptr())) ==
         reinterpret_cast<PyObject*>(py::detail::npy_api::get().PyArray_Type_);
}

bool strides_fit(const py::array& a) {
  const auto item = a.itemsize();
  if (reinterpret_cast<std::uintptr_t>(a.data()) % static_cast<std::uintptr_t>(item) != 0) return false;
  for (py::ssize_t i = 0; i < a.ndim(); ++i)
    if (a.strides(i) % item != 0) return false;
  return true;
}

}  // namespace

bool interpreter_ends() {
#if PY_VERSION_HEX >= 0x030D0000
  return Py_IsFinalizing();
#else
  return _Py_IsFinalizing();
#endif
}

// Not noexcept and not a destructor: older interpreters end a thread here by unwinding its stack.
void restore_gil(PyThreadState* state) {
  if (interpreter_ends()) wait_for_exit();
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

std::string text_of(py::handle value) {
  // Cut as characters, not bytes; a value that cannot be printed (10**5000) must not replace our error.
  PyObject* whole = PyObject_Repr(value.ptr());
  PyObject* part = whole ? PyUnicode_Substring(whole, 0, 60) : nullptr;
  PyObject* bytes = part ? PyUnicode_AsEncodedString(part, "utf-8", "backslashreplace") : nullptr;
  std::string text = bytes ? std::string(PyBytes_AS_STRING(bytes)) : "one that cannot be printed";
  if (!bytes) PyErr_Clear();
  Py_XDECREF(bytes);
  Py_XDECREF(part);
  Py_XDECREF(whole);
  return text;
}

// Python's bool, and NumPy's, which counted as an index before NumPy 2.
bool is_bool(py::handle value) {
  return PyBool_Check(value.ptr()) || type_name(value) == "numpy.bool_" || type_name(value) == "numpy.bool";
}

index_t to_index(const char* fn, const char* name, py::handle value) {
  py::object whole = py::reinterpret_borrow<py::object>(value);
  if (__builtin_expect(!PyLong_Check(whole.ptr()) || PyBool_Check(whole.ptr()), 0)) {
    const bool array =
        py::isinstance<py::array>(value) && py::reinterpret_borrow<py::array>(value).ndim() > 0;
    if (is_bool(value) || !PyIndex_Check(value.ptr()) || array)
      type_error(fn, ": ", name, " must be an int, but got ", type_name(value));
    whole = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
    if (!whole) throw py::error_already_set();
  }
  int overflow = 0;
  const long long v = PyLong_AsLongLongAndOverflow(whole.ptr(), &overflow);
  NDNN_CHECK(overflow == 0, fn, ": ", name, " must be a 64-bit integer, but got ", text_of(whole));
  return v;
}

double to_real(const char* fn, const char* name, py::handle value) {
  const bool number = PyFloat_Check(value.ptr()) || PyIndex_Check(value.ptr()) ||
                      type_name(value).compare(0, 11, "numpy.float") == 0;
  if (!number || is_bool(value) || py::isinstance<py::array>(value))
    type_error(fn, ": ", name, " must be a float, but got ", type_name(value));
  const py::object real = py::reinterpret_steal<py::object>(PyNumber_Float(value.ptr()));
  if (!real && !PyErr_ExceptionMatches(PyExc_OverflowError)) throw py::error_already_set();
  if (!real) PyErr_Clear();
  const double v = real ? PyFloat_AS_DOUBLE(real.ptr()) : HUGE_VAL;
  NDNN_CHECK(std::isfinite(v), fn, ": ", name, " must be finite, but got ", name, "=", text_of(value));
  return v;
}

bool to_flag(const char* fn, const char* name, py::handle value) {
  if (!is_bool(value))
    type_error(fn, ": ", name, " must be True or False, but got ", name, "=", text_of(value));
  return PyObject_IsTrue(value.ptr()) == 1;
}

Axes to_axes(const char* fn, const char* name, py::handle value, int rank, index_t unit) {
  Axes out{unit, unit, unit};
  PyObject* const o = value.ptr();
  const char* const ints = rank == 1 ? " int" : " ints";
  // Sequences, but not text, bytes or arrays, whose items are numbers for other reasons.
  const bool list = PyTuple_Check(o) || PyList_Check(o) ||
                    (PySequence_Check(o) && !PyUnicode_Check(o) && !PyObject_CheckBuffer(o));
  if (!list) {
    if (!PyIndex_Check(o) || is_bool(value))
      type_error(fn, ": ", name, " must be an int or a tuple of ", rank, ints, ", but got ",
                 type_name(value));
    const index_t v = to_index(fn, name, value);
    for (int a = kMaxSpatial - rank; a < kMaxSpatial; ++a) out[a] = v;
    return out;
  }
  // A tuple of its own: items may run code that changes the list.
  const py::object items = py::reinterpret_steal<py::object>(PySequence_Tuple(o));
  if (!items) throw py::error_already_set();
  const index_t n = PyTuple_GET_SIZE(items.ptr());
  NDNN_CHECK(n == rank || n == 1, fn, ": ", name, " must be an int or a tuple of ", rank, ints, ", but got ",
             n, n == 1 ? " value" : " values");
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

// NumPy's own conversion of lists and array-likes. What their code raises stays as it is, but for NumPy's
// ValueError for what is no array.
py::array as_array(const char* fn, const char* name, py::handle value) {
  try {
    return py::array(py::reinterpret_borrow<py::object>(value));
  } catch (py::error_already_set& e) {
    if (!e.matches(PyExc_ValueError)) throw;
    type_error(fn, ": ", name, " must be an array, but got ", type_name(value), " (", text_of(e.value()),
               ")");
  }
}

py::array to_array(const char* fn, const char* name, py::handle value) {
  if (is_masked(value))
    type_error(fn, ": ", name, " must not be a masked array (fill it first), but got ", type_name(value));
  if (value.is_none() || PyUnicode_Check(value.ptr()) || PyBytes_Check(value.ptr()))
    type_error(fn, ": ", name, " must be an array, but got ", type_name(value));
  py::array a = as_array(fn, name, value);
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

py::array to_integer_array(const char* fn, const char* name, py::handle value) {
  if (is_masked(value))
    type_error(fn, ": ", name, " must not be a masked array (fill it first), but got ", type_name(value));
  if (value.is_none() || PyUnicode_Check(value.ptr()) || PyBytes_Check(value.ptr()))
    type_error(fn, ": ", name, " must be an array of integers, but got ", type_name(value));
  py::array a = as_array(fn, name, value);
  const char kind = a.dtype().kind();
  if (kind != 'i' && kind != 'u')
    type_error(fn, ": ", name, " must be an array of integers, but got dtype ",
               std::string(py::str(a.dtype())));
  const py::dtype wide = py::dtype::of<std::int64_t>();
  if (!a.dtype().equal(wide) || a.dtype().byteorder() == '>' || !is_plain_array(a) || !strides_fit(a))
    a = py::array(py::module_::import("numpy").attr("array")(a, wide));
  return a;
}

std::string shape_text(const py::array& a) { return concat(Tuple{a.shape(), static_cast<int>(a.ndim())}); }

}  // namespace ndnn
