// SPDX-License-Identifier: MIT
// Steps of SGD and Adam over many parameters. What is written must be the caller's own memory: nothing is
// converted.
#include <cmath>

#include "bind/arrays.hpp"
#include "ops/optim/optim.hpp"

namespace ndnn {
namespace {

// The tuple's i-th array of n elements T: contiguous, aligned, writable. `held` keeps it alive.
template <class T>
T* memory(const char* fn, const py::tuple& of, std::size_t i, index_t n, std::vector<py::array>& held) {
  const py::object value = of[i];
  if (!py::isinstance<py::array>(value))
    type_error(fn, ": parameters, gradients and state must be arrays, but got ", text_of(value));
  const auto a = py::reinterpret_borrow<py::array>(value);
  constexpr int kFlags = py::array::c_style | py::detail::npy_api::NPY_ARRAY_ALIGNED_ |
                         py::detail::npy_api::NPY_ARRAY_WRITEABLE_;
  if (a.dtype().num() != py::dtype::of<T>().num() || a.dtype().byteorder() != '=' ||
      (a.flags() & kFlags) != kFlags)
    type_error(fn,
               ": parameters, gradients and state must be plain writable arrays of one dtype, but got dtype ",
               std::string(py::str(a.dtype())));
  NDNN_CHECK(a.size() == n, fn, ": gradients and state must have their parameter's size ", n,
             ", but got shape ", shape_text(a));
  held.push_back(a);
  return static_cast<T*>(const_cast<void*>(a.data()));
}
template <class T>
T* memory_or_null(const char* fn, const py::tuple& of, std::size_t i, index_t n,
                  std::vector<py::array>& held) {
  return of[i].is_none() ? nullptr : memory<T>(fn, of, i, n, held);
}

// Calls step(float()), then step(double()): each takes the parameters of its dtype.
template <class Step>
void each_dtype(const char* fn, const py::list& parameters, Step&& step) {
  for (const py::handle p : parameters) {
    const py::object w = py::reinterpret_borrow<py::tuple>(p)[0];
    if (!py::isinstance<py::array_t<float>>(w) && !py::isinstance<py::array_t<double>>(w))
      type_error(fn, ": parameters must be float32 or float64 arrays, but got ", text_of(w));
  }
  step(float());
  step(double());
}
template <class T, class Args, class Make>
std::vector<Args> collect(const py::list& parameters, Make&& make) {
  std::vector<Args> all;
  for (const py::handle p : parameters) {
    const auto of = py::reinterpret_borrow<py::tuple>(p);
    const py::object w = of[0];
    if (py::isinstance<py::array_t<T>>(w))
      all.push_back(make(of, py::reinterpret_borrow<py::array>(w).size()));
  }
  return all;
}
template <class Args>
double elements(const std::vector<Args>& all) {
  double n = 0;
  for (const Args& a : all) n += double(a.n);
  return n;
}

// parameters: (w, g, momentum buffer or None, is it the first step) of each.
void sgd_step(const py::list& parameters, double lr, double momentum, double dampening, double weight_decay,
              bool nesterov, bool maximize) {
  const char* const fn = "SGD";
  each_dtype(fn, parameters, [&](auto zero) {
    using T = decltype(zero);
    std::vector<py::array> held;
    const auto all = collect<T, SgdArgs<T>>(parameters, [&](const py::tuple& of, index_t n) {
      const bool first = of[3].cast<bool>();  // dampening begins with the second
      return SgdArgs<T>{memory<T>(fn, of, 0, n, held),
                        memory<T>(fn, of, 1, n, held),
                        memory_or_null<T>(fn, of, 2, n, held),
                        n,
                        T(maximize ? -1 : 1),
                        T(weight_decay),
                        T(first ? 0 : momentum),
                        T(first ? 1 : 1 - dampening),
                        T(momentum),
                        T(lr),
                        nesterov};
    });
    const double cycles = elements(all) * 1.5;
    const int threads = useful_threads(cycles, call_threads());
    const Isa isa = active_isa();
    run_body(cycles, [&] { run_sgd<T>(isa, threads, all); });
  });
}

// parameters: (w, g, mean, mean square, its largest or None, steps so far with this one) of each.
void adam_step(const py::list& parameters, double lr, double beta1, double beta2, double eps,
               double weight_decay, bool decoupled, bool maximize) {
  const char* const fn = "Adam";
  each_dtype(fn, parameters, [&](auto zero) {
    using T = decltype(zero);
    std::vector<py::array> held;
    const auto all = collect<T, AdamArgs<T>>(parameters, [&](const py::tuple& of, index_t n) {
      const double step = of[5].cast<double>();
      // rate * mean / (sqrt(square) / root + eps), rearranged
      const double root = std::sqrt(1 - std::pow(beta2, step)), rate = lr / (1 - std::pow(beta1, step));
      return AdamArgs<T>{memory<T>(fn, of, 0, n, held),
                         memory<T>(fn, of, 1, n, held),
                         memory<T>(fn, of, 2, n, held),
                         memory<T>(fn, of, 3, n, held),
                         memory_or_null<T>(fn, of, 4, n, held),
                         n,
                         T(maximize ? -1 : 1),
                         T(decoupled ? 0 : weight_decay),
                         T(decoupled ? 1 - lr * weight_decay : 1),
                         T(1 - beta1),
                         T(beta2),
                         T(1 - beta2),
                         T(rate * root),
                         T(eps * root)};
    });
    const double cycles = elements(all) * 4;
    const int threads = useful_threads(cycles, call_threads());
    const Isa isa = active_isa();
    run_body(cycles, [&] { run_adam<T>(isa, threads, all); });
  });
}

}  // namespace

void bind_optim(py::module_& m) {
  m.def("sgd_step", &sgd_step);
  m.def("adam_step", &adam_step);
}

}  // namespace ndnn
