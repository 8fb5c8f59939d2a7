// SPDX-License-Identifier: MIT
// From Python objects to checked C++ values: the only place that looks at them. Order matters: numbers and
// lists first (they may run Python code), arrays last, then no Python until the kernel is done.
#pragma once
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include "core/check.hpp"
#include "core/view.hpp"

namespace ndnn {

namespace py = pybind11;

enum class DType { f16, f32, f64 };

// One whole number; bool, float and str are TypeErrors.
index_t to_index(const char* fn, const char* name, py::handle value);
// One finite number, an int or a float; bool, str, complex and arrays are TypeErrors.
double to_real(const char* fn, const char* name, py::handle value);
// True or False, Python's or NumPy's.
bool to_flag(const char* fn, const char* name, py::handle value);
// An int for all axes, or a sequence of `rank` ints (or of one). The leading axes keep `unit`.
Axes to_axes(const char* fn, const char* name, py::handle value, int rank, index_t unit);

// A float16/32/64 array in native byte order, aligned, strides multiples of its element, nothing masked.
// Copies only where the memory is not so. Lists and other array-likes are converted.
py::array to_array(const char* fn, const char* name, py::handle value);
// An int64 array in native byte order, aligned; made from integers of any width.
py::array to_integer_array(const char* fn, const char* name, py::handle value);
DType dtype_of(const char* fn, const char* name, const py::array& a);
std::string shape_text(const py::array& a);
// repr(value), at most 60 characters; never fails.
std::string text_of(py::handle value);

// (N, C, spatial...) or (C, spatial...) as a five-axis view with leading unit axes.
template <class T>
View<const T> to_view(const py::array& a, int rank) {
  View<const T> v;
  v.data = static_cast<const T*>(a.data());
  const auto nd = static_cast<int>(a.ndim());
  const int batched = nd - (rank + 1);
  for (int i = 0; i < nd; ++i) {
    const bool spatial = i > batched;
    const int to = spatial ? 5 - (nd - i) : i + 1 - batched;
    v.shape[to] = a.shape(i);
    v.stride[to] = a.strides(i) / static_cast<index_t>(sizeof(T));
  }
  return v;
}

bool interpreter_ends();
void restore_gil(PyThreadState* state);

// Runs body without the GIL. Unlike pybind11's guard it may meet an ending interpreter on the way back
// (daemon threads): then the thread waits for the process to end instead of unwinding. A call that starts
// when the interpreter already ends (a __del__ at exit) comes from the ending thread and keeps the GIL.
template <class Body>
void without_gil(Body&& body) {
  if (interpreter_ends()) return body();
  PyThreadState* state = PyEval_SaveThread();
  std::exception_ptr error;
  try {
    body();
  } catch (...) {
    error = std::current_exception();
  }
  restore_gil(state);
  if (error) std::rethrow_exception(error);
}

}  // namespace ndnn
