// SPDX-License-Identifier: MIT
// Threads, instruction sets, signals.
#include <pthread.h>

#include "bind/bind.hpp"
#include "core/isa.hpp"
#include "core/parallel.hpp"

namespace ndnn {
namespace {

PyObject* g_context_limit = nullptr;  // contextvars.ContextVar of ndnn.num_threads; owned by the module

unsigned long g_main_thread = 0;

// Lets Python run signal handlers in the middle of a long kernel; true if one raised. Only the main thread
// runs them, and it is never inside a kernel while the interpreter ends, so taking the GIL is safe.
bool check_signals() {
  if (PyThread_get_thread_ident() != g_main_thread) return false;
  const PyGILState_STATE state = PyGILState_Ensure();
  const bool raised = PyErr_CheckSignals() != 0;
  PyGILState_Release(state);
  return raised;
}

int checked_threads(const char* fn, const py::object& n) {
  const index_t v = to_index(fn, "n", n);
  NDNN_CHECK(v >= 1 && v <= 65536, fn, ": n must be from 1 to 65536, but got n=", v);
  return static_cast<int>(v);
}

}  // namespace

int call_threads() {
  int limit = thread_limit();
  PyObject* value = nullptr;
  if (g_context_limit && PyContextVar_Get(g_context_limit, nullptr, &value) == 0 && value) {
    limit = std::min(limit, static_cast<int>(PyLong_AsLong(value)));
    Py_DECREF(value);
  }
  return max_threads(limit);
}

void bind_runtime(py::module_& m) {
  g_context_limit = PyContextVar_New("ndnn.num_threads", nullptr);
  if (!g_context_limit) throw py::error_already_set();
  m.attr("context_limit") = py::reinterpret_borrow<py::object>(g_context_limit);
  g_main_thread = py::module_::import("threading").attr("main_thread")().attr("ident").cast<unsigned long>();
  // The thread that forks is the child's main thread.
  pthread_atfork(nullptr, nullptr, [] { g_main_thread = PyThread_get_thread_ident(); });
  set_interrupt_hook(&check_signals);

  m.def("set_num_threads",
        [](const py::object& n) { set_thread_limit(checked_threads("set_num_threads", n)); });
  m.def("get_num_threads", &call_threads);
  m.def("check_num_threads", [](const py::object& n) { return checked_threads("num_threads", n); });
  m.def("thread_limit", &thread_limit);
  m.def("usable_cpus", &usable_cpus);
  m.def("worker_count", &worker_count);
  m.def("after_fork", &after_fork);
  m.def("openmp_name", &openmp_name);
  m.def("active_isa", [] { return isa_name(active_isa()); });
  m.def("force_isa", &force_isa);
  m.def("supported_isas", [] {
    py::list names;
    for (const Isa isa : supported_isas()) names.append(isa_name(isa));
    return names;
  });
}

}  // namespace ndnn
