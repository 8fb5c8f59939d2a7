// SPDX-License-Identifier: MIT
// Maximum pooling of every kind.
#include "bind/arrays.hpp"
#include "core/parallel.hpp"
#include "ops/pool/max_pool.hpp"

namespace ndnn {
namespace {

// What the gradient needs of one forward pass.
struct MaxPoolTrace {
  const char* name;
  PoolGeometry g;
  std::vector<py::ssize_t> input, output;
  py::array saved;

  template <class T>
  py::array compute(py::array dy) const {
    make_contiguous(dy);
    py::array dx(dy.dtype(), py::array::ShapeContainer(input));
    const bool wide = saved.itemsize() == 8;
    const MaxPoolGradientPlan plan = plan_max_pool_gradient(g, wide, sizeof(T), active_isa(), call_threads());
    const auto* from = static_cast<const T*>(dy.data());
    auto* to = static_cast<T*>(dx.mutable_data());
    const void* const indices = saved.data();
    run_body(plan.cycles, [&] { run_max_pool_gradient<T>(plan, from, indices, to); });
    return dx;
  }

  py::array gradient(const py::object& grad) const {
    py::array dy = to_array(name, "grad_output", grad);
    NDNN_CHECK(
        dy.ndim() == py::ssize_t(output.size()) && std::equal(output.begin(), output.end(), dy.shape()), name,
        ": grad_output must have the output's shape ", Tuple{output.data(), int(output.size())},
        ", but got grad_output.shape=", shape_text(dy));
    return for_dtype(name, {&dy}, [&](auto zero) {
      using T = decltype(zero);
      if (sizeof(T) == 8 && saved.itemsize() != 8)
        type_error(name, ": grad_output must have the output's dtype, but got float64");
      return compute<T>(dy);
    });
  }
};

struct Results {
  bool indices, trace;
  py::array index_array, saved;
};

// Allocates what is wanted and calls compute(x, outputs) on it.
template <class T, class Compute>
py::array fill(const py::array& x, int rank, const PoolGeometry& g, Results& r, Compute&& compute) {
  const bool batched = x.ndim() == rank + 2;
  const auto array = [&](const py::dtype& dtype) {
    return new_output(dtype, rank, batched, g.n, g.c, g.out());
  };
  py::array y = array(x.dtype());
  MaxPoolOutputs<T> out{static_cast<T*>(y.mutable_data())};
  if (r.indices) {
    r.index_array = array(py::dtype::of<std::int64_t>());
    out.indices = static_cast<std::int64_t*>(r.index_array.mutable_data());
  }
  if (r.trace) {
    r.saved = array(saved_is_wide<T>(g) ? py::dtype::of<std::int64_t>() : py::dtype::of<std::int32_t>());
    out.saved = r.saved.mutable_data();
  }
  if (y.size()) compute(to_view<T>(x, rank), out);
  return y;
}

// y; (y, indices); with a trace (y, indices or None, trace).
py::object answer(const char* name, const PoolGeometry& g, const py::array& x, const py::array& y,
                  const Results& r) {
  if (!r.trace) return r.indices ? py::object(py::make_tuple(y, r.index_array)) : py::object(y);
  const auto shape = [](const py::array& a) {
    return std::vector<py::ssize_t>(a.shape(), a.shape() + a.ndim());
  };
  const py::object indices = r.indices ? py::object(r.index_array) : py::object(py::none());
  return py::make_tuple(y, indices, MaxPoolTrace{name, g, shape(x), shape(y), r.saved});
}

py::object pool(const char* name, int rank, py::array x, const PoolGeometry& g, bool indices, bool trace) {
  Results r{indices, trace, {}, {}};
  const py::array input = x;
  const py::array y = for_dtype(name, {&x}, [&](auto zero) {
    using T = decltype(zero);
    return fill<T>(x, rank, g, r, [&](const View<const T>& v, const MaxPoolOutputs<T>& out) {
      const MaxPoolPlan plan =
          plan_max_pool(g, v.stride, sizeof(T), indices || trace, active_isa(), call_threads());
      run_body(plan.cycles, [&] { run_max_pool<T>(plan, v, out); });
    });
  });
  return answer(name, g, input, y, r);
}

py::array checked_input(const char* name, const py::object& input, int rank) {
  py::array x = to_array(name, "input", input);
  check_axes(name, "input", x, rank);
  return x;
}
std::array<index_t, 5> shape_of(const py::array& x, int rank) {
  std::array<index_t, 5> shape{1, 1, 1, 1, 1};
  for (int i = 0; i < x.ndim(); ++i) {
    const int from_end = static_cast<int>(x.ndim()) - i;
    shape[from_end <= rank ? 5 - from_end : from_end == rank + 1 ? 1 : 0] = x.shape(i);
  }
  return shape;
}

py::object max_pool(int rank, const py::object& input, const py::object& kernel_size,
                    const py::object& stride, const py::object& padding, const py::object& dilation,
                    const py::object& ceil_mode, const py::object& return_indices, bool trace) {
  static const char* const kNames[] = {"max_pool1d", "max_pool2d", "max_pool3d"};
  const char* const name = kNames[rank - 1];
  PoolArgs a;
  a.rank = rank;
  a.kernel = to_axes(name, "kernel_size", kernel_size, rank, 1);
  a.stride = stride.is_none() ? a.kernel : to_axes(name, "stride", stride, rank, 1);
  a.padding = to_axes(name, "padding", padding, rank, 0);
  a.dilation = to_axes(name, "dilation", dilation, rank, 1);
  a.ceil_mode = to_flag(name, "ceil_mode", ceil_mode);
  const bool indices = to_flag(name, "return_indices", return_indices);
  const py::array x = checked_input(name, input, rank);
  return pool(name, rank, x, max_pool_geometry(name, a, shape_of(x, rank)), indices, trace);
}

py::object adaptive_max_pool(int rank, const py::object& input, const py::object& output_size,
                             const py::object& return_indices, bool trace) {
  static const char* const kNames[] = {"adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d"};
  const char* const name = kNames[rank - 1];
  const Axes out = to_output_size(name, output_size, rank);
  const bool indices = to_flag(name, "return_indices", return_indices);
  const py::array x = checked_input(name, input, rank);
  return pool(name, rank, x, adaptive_pool_geometry(name, rank, out, shape_of(x, rank)), indices, trace);
}

template <class T>
void check_samples(const char* name, const py::array& samples) {
  const T* const s = static_cast<const T*>(samples.data());
  for (py::ssize_t i = 0; i < samples.size(); ++i)
    NDNN_CHECK(s[i] >= 0 && s[i] <= 1, name, ": _random_samples must be from 0 to 1, but got ", double(s[i]));
}

py::object fractional_max_pool(int rank, const py::object& input, const py::object& kernel_size,
                               const py::object& output_size, const py::object& random_samples,
                               const py::object& return_indices, bool trace) {
  const char* const name = rank == 2 ? "fractional_max_pool2d" : "fractional_max_pool3d";
  const Axes kernel = to_axes(name, "kernel_size", kernel_size, rank, 1);
  const Axes out = to_axes(name, "output_size", output_size, rank, 1);
  py::array x = checked_input(name, input, rank);
  py::array samples = to_array(name, "_random_samples", random_samples);
  PoolGeometry g = fractional_pool_geometry(name, rank, kernel, out, shape_of(x, rank));
  NDNN_CHECK(
      samples.ndim() == 3 && samples.shape(0) == g.n && samples.shape(1) == g.c && samples.shape(2) == rank,
      name, ": _random_samples must have the shape (N, C, ", rank,
      "), but got _random_samples.shape=", shape_text(samples));
  if (dtype_of(name, "_random_samples", samples) != dtype_of(name, "input", x))
    type_error(name, ": input and _random_samples must have one dtype, but got ",
               std::string(py::str(x.dtype())), ", ", std::string(py::str(samples.dtype())));
  Results r{to_flag(name, "return_indices", return_indices), trace, {}, {}};
  const py::array whole = x;
  const py::array y = for_dtype(name, {&x, &samples}, [&](auto zero) {
    using T = decltype(zero);
    make_contiguous(samples);
    check_samples<T>(name, samples);
    const T* const s = static_cast<const T*>(samples.data());
    return fill<T>(x, rank, g, r, [&](const View<const T>& v, const MaxPoolOutputs<T>& o) {
      const double taps = double(kernel[0]) * double(kernel[1]) * double(kernel[2]);
      const double cycles = double(g.n * g.c) * double(g.outputs()) * taps * 3;
      const int threads = useful_threads(cycles, call_threads());
      run_body(cycles, [&] { run_fractional_max_pool<T>(g, rank, v, s, threads, o); });
    });
  });
  for (PoolAxis& axis : g.axis) axis.adaptive = true;  // for the gradient, windows without a rule
  return answer(name, g, whole, y, r);
}

}  // namespace

void bind_max_pool(py::module_& m) {
  py::class_<MaxPoolTrace>(m, "MaxPoolTrace").def("gradient", &MaxPoolTrace::gradient);
  m.def("max_pool", &max_pool);
  m.def("adaptive_max_pool", &adaptive_max_pool);
  m.def("fractional_max_pool", &fractional_max_pool);
}

}  // namespace ndnn
