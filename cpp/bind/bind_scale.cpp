// SPDX-License-Identifier: MIT
// Division by a norm: along axes (normalize), or of neighbouring channels (local_response_norm).
#include "bind/arrays.hpp"
#include "core/parallel.hpp"
#include "ops/norm/norm.hpp"
#include "ops/norm/response_norm.hpp"

namespace ndnn {
namespace {

constexpr double kLengthCycles = 1, kResponseCycles = 4;  // an element

template <class T>
const T* data_of(const py::array& a) {
  return static_cast<const T*>(a.data());
}
py::array like(const py::array& x) {
  return py::array(x.dtype(), py::array::ShapeContainer(x.shape(), x.shape() + x.ndim()));
}
void check_gradient(const char* fn, const py::array& g, const py::array& x) {
  NDNN_CHECK(one_shape(g, x) && one_dtype(g, x), fn, ": grad must be as the input ", shape_text(x),
             ", but got ", shape_text(g));
}

// What run(x, result) writes, or run(g, x, result); arrays without elements are left.
template <class T, class Run>
py::array mapped(py::array& x, double cycles, const Run& run) {
  make_contiguous(x);
  py::array y = like(x);
  const T* const from = data_of<T>(x);
  T* const to = static_cast<T*>(y.mutable_data());
  if (x.size() > 0) run_body(cycles, [&] { run(from, to); });
  return y;
}
template <class T, class Run>
py::array mapped(py::array& g, py::array& x, double cycles, const Run& run) {
  make_contiguous(g);
  const T* const gs = data_of<T>(g);
  return mapped<T>(x, cycles, [&](const T* from, T* to) { run(gs, from, to); });
}

// Along `axes` axes from `axis` on.
LengthNorm length_norm(const py::array& x, index_t axis, index_t axes, double eps) {
  NDNN_CHECK(0 <= axis && 1 <= axes && axes <= x.ndim() - axis,
             "normalize: the axes must be the input's, but got axis=", axis, ", axes=", axes,
             ", input.shape=", shape_text(x));
  LengthNorm p{1, 1, 1, eps, active_isa(), 1};
  for (index_t i = 0; i < x.ndim(); ++i)
    (i < axis ? p.outer : i < axis + axes ? p.n : p.inner) *= x.shape(static_cast<py::ssize_t>(i));
  p.threads = useful_threads(double(x.size()) * kLengthCycles, call_threads());
  return p;
}
index_t norms_of(const LengthNorm& p) { return p.outer * p.inner; }

// -> (output, norms)
py::tuple normalize(const py::object& input, index_t axis, index_t axes, double eps) {
  py::array x = to_array("normalize", "input", input);
  const LengthNorm p = length_norm(x, axis, axes, eps);
  py::array_t<double> norm(x.size() == 0 ? 0 : norms_of(p));
  double* const norms = norm.mutable_data();
  const py::array out = for_dtype("normalize", {&x}, [&](auto zero) {
    return mapped<decltype(zero)>(x, double(x.size()) * kLengthCycles,
                                  [&](const auto* from, auto* to) { run_length_norm(p, from, to, norms); });
  });
  return py::make_tuple(out, norm);
}

py::array normalize_gradient(const py::object& grad, const py::object& input,
                             const py::array_t<double, py::array::c_style>& norm, index_t axis, index_t axes,
                             double eps) {
  py::array x = to_array("normalize", "input", input), g = to_array("normalize", "grad", grad);
  check_gradient("normalize", g, x);
  const LengthNorm p = length_norm(x, axis, axes, eps);
  NDNN_CHECK(x.size() == 0 || norm.size() == norms_of(p), "normalize: there must be ", norms_of(p),
             " norms, but got ", norm.size());
  const double* const norms = norm.data();
  return for_dtype("normalize", {&x, &g}, [&](auto zero) {
    return mapped<decltype(zero)>(g, x, double(x.size()) * kLengthCycles * 2,
                                  [&](const auto* gs, const auto* from, auto* to) {
                                    run_length_norm_gradient(p, gs, from, to, norms);
                                  });
  });
}

struct ResponseArgs {
  index_t size;
  double alpha, beta, k;
};
ResponseNorm response_norm(const py::array& x, const ResponseArgs& a) {
  constexpr const char* fn = "local_response_norm";
  NDNN_CHECK(x.ndim() >= 3, fn,
             ": input must be (N, C, ...), at least three axes, but got shape=", shape_text(x));
  NDNN_CHECK(a.size >= 1, fn, ": size must be at least 1, but got size=", a.size);
  ResponseNorm p{x.shape(0), x.shape(1), 1, 0, 0, a.alpha / double(a.size), a.k, a.beta, active_isa(), 1};
  if (x.size() == 0) return p;
  for (int i = 2; i < x.ndim(); ++i) p.pixels *= x.shape(i);
  p.before = std::min(a.size / 2, p.channels - 1);
  p.after = std::min((a.size - 1) / 2, p.channels - 1);
  p.threads = useful_threads(double(x.size()) * kResponseCycles, call_threads());
  return p;
}

py::array local_response_norm(const py::object& input, const py::object& size, double alpha, double beta,
                              double k) {
  const index_t channels = to_index("local_response_norm", "size", size);
  py::array x = to_array("local_response_norm", "input", input);
  const ResponseNorm p = response_norm(x, {channels, alpha, beta, k});
  return for_dtype("local_response_norm", {&x}, [&](auto zero) {
    return mapped<decltype(zero)>(x, double(x.size()) * kResponseCycles,
                                  [&](const auto* from, auto* to) { run_response_norm(p, from, to); });
  });
}

py::array local_response_norm_gradient(const py::object& grad, const py::object& input,
                                       const py::object& size, double alpha, double beta, double k) {
  const index_t channels = to_index("local_response_norm", "size", size);
  py::array x = to_array("local_response_norm", "input", input),
            g = to_array("local_response_norm", "grad", grad);
  check_gradient("local_response_norm", g, x);
  const ResponseNorm p = response_norm(x, {channels, alpha, beta, k});
  return for_dtype("local_response_norm", {&x, &g}, [&](auto zero) {
    return mapped<decltype(zero)>(
        g, x, double(x.size()) * kResponseCycles * 2,
        [&](const auto* gs, const auto* from, auto* to) { run_response_norm_gradient(p, gs, from, to); });
  });
}

}  // namespace

void bind_scale(py::module_& m) {
  m.def("normalize", &normalize);
  m.def("normalize_gradient", &normalize_gradient);
  m.def("local_response_norm", &local_response_norm);
  m.def("local_response_norm_gradient", &local_response_norm_gradient);
}

}  // namespace ndnn
