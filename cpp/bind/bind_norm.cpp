// SPDX-License-Identifier: MIT
// Normalisation: batch, instance and group norm, which have a weight for each channel; layer and RMS norm.
#include <cmath>
#include <vector>

#include "bind/arrays.hpp"
#include "core/parallel.hpp"
#include "ops/norm/norm_passes.hpp"

namespace ndnn {
namespace {

constexpr double kCycles = 0.6;  // an element of one pass

using Doubles = std::vector<double>;

struct Parameter {
  const char* name;
  const py::object& value;
};

// One number a channel; none where the value is None.
Doubles to_doubles(const char* fn, const Parameter& p, index_t channels) {
  if (p.value.is_none()) return {};
  py::array a = to_array(fn, p.name, p.value);
  NDNN_CHECK(a.ndim() == 1 && a.shape(0) == channels, fn, ": ", p.name, " must have the shape ",
             Tuple{&channels, 1}, ", but got ", p.name, ".shape=", shape_text(a));
  if (dtype_of(fn, p.name, a) == DType::f16) a = py::array(a.attr("astype")(py::dtype::of<float>()));
  Doubles values(static_cast<std::size_t>(channels));
  const char* from = static_cast<const char*>(a.data());
  const bool wide = a.itemsize() == sizeof(double);
  for (index_t c = 0; c < channels; ++c, from += a.strides(0))
    values[c] = wide ? *reinterpret_cast<const double*>(from) : *reinterpret_cast<const float*>(from);
  return values;
}
const double* data_or_null(const Doubles& d) { return d.empty() ? nullptr : d.data(); }

double to_eps(const char* fn, const py::object& eps) {
  const double value = to_real(fn, "eps", eps);
  NDNN_CHECK(value >= 0, fn, ": eps must not be negative, but got eps=", value);
  return value;
}

py::array like(const py::array& x) {
  return py::array(x.dtype(), py::array::ShapeContainer(x.shape(), x.shape() + x.ndim()));
}
py::array doubles(index_t n) { return py::array(py::dtype::of<double>(), py::array::ShapeContainer{n}); }
double* data_of(py::array& a) { return static_cast<double*>(a.mutable_data()); }

int threads_for(double cycles) { return useful_threads(cycles, call_threads()); }

enum Kind { batch, instance, group };

// The axes of an input that is not empty.
ChannelNorm channel_norm(const char* fn, int kind, const py::object& num_groups, const py::array& x,
                         bool own_statistics) {
  NDNN_CHECK(x.ndim() >= 2, fn, ": input must be (N, C, ...), but got input.shape=", shape_text(x));
  ChannelNorm p{x.shape(0), x.shape(1), 1, 0, active_isa(), 1};
  if (kind == group) {
    p.groups = to_index(fn, "num_groups", num_groups);
    NDNN_CHECK(p.groups > 0 && p.channels % p.groups == 0, fn,
               ": num_groups must divide the channels, but got num_groups=", p.groups,
               ", input.shape=", shape_text(x));
  } else if (kind == instance) {
    p.groups = std::max<index_t>(1, p.channels);
  }
  if (x.size() == 0) return p;
  for (int i = 2; i < x.ndim(); ++i) p.size *= x.shape(i);
  const index_t values = p.size * (kind == instance ? 1 : p.n * (kind == group ? p.channels / p.groups : 1));
  NDNN_CHECK(!own_statistics || values > 1, fn, ": statistics need more than one value per ",
             kind == instance ? "channel and image" : "channel", ", but got input.shape=", shape_text(x));
  p.threads = threads_for(double(x.size()) * kCycles * 2);
  return p;
}

// Few pixels of a group are a row: the weights are repeated for each.
bool as_rows(const ChannelNorm& p) { return p.groups && p.size < kFewPixels; }
RowNorm rows_of(const ChannelNorm& p) {
  return {p.statistics(), p.channels / p.groups * p.size, p.groups, true, p.isa, p.threads};
}
template <class T>
std::vector<T> repeated(const Doubles& values, index_t size) {
  std::vector<T> r;
  r.reserve(values.size() * static_cast<std::size_t>(size));
  for (const double v : values) r.insert(r.end(), static_cast<std::size_t>(size), T(v));
  return r;
}

template <class T>
std::vector<Affine<T>> affine_table(const Doubles& mean, const Doubles& scale, const Doubles& bias) {
  std::vector<Affine<T>> table(scale.size());
  for (std::size_t c = 0; c < table.size(); ++c) {
    table[c] = affine_of<T>(mean.empty() ? 0 : mean[c], scale[c], bias.empty() ? 0 : bias[c]);
  }
  return table;
}
Doubles scales(const Doubles& var, const Doubles& weight, double eps) {
  Doubles scale(var.size());
  for (std::size_t c = 0; c < scale.size(); ++c)
    scale[c] = (weight.empty() ? 1 : weight[c]) * inverse_deviation(var[c], eps);
  return scale;
}

// -> (output, mean, var): the input's own, or the running ones; empty for an empty input.
py::tuple norm_channels(const std::string& name, int kind, const py::object& num_groups,
                        const py::object& input, const py::object& mean, const py::object& var,
                        const py::object& weight, const py::object& bias, const py::object& eps_given,
                        bool own) {
  const char* const fn = name.c_str();
  const double eps = to_eps(fn, eps_given);
  py::array x = to_array(fn, "input", input);
  const ChannelNorm p = channel_norm(fn, kind, num_groups, x, own);
  NDNN_CHECK(mean.is_none() == var.is_none() && (own || !mean.is_none()), fn,
             ": running_mean and running_var must both be arrays", own ? " or both None" : "",
             ", but got running_mean=", text_of(mean), ", running_var=", text_of(var));
  const Doubles m = to_doubles(fn, {"running_mean", mean}, p.channels),
                v = to_doubles(fn, {"running_var", var}, p.channels),
                w = to_doubles(fn, {"weight", weight}, p.channels),
                b = to_doubles(fn, {"bias", bias}, p.channels);
  const index_t statistics = x.size() == 0 ? 0 : own ? p.statistics() : p.channels;
  py::array of_mean = doubles(statistics), of_var = doubles(statistics);
  py::array out = for_dtype(fn, {&x}, [&](auto zero) {
    using T = decltype(zero);
    make_contiguous(x);
    py::array y = like(x);
    if (x.size() == 0) return y;
    const T* const from = static_cast<const T*>(x.data());
    T* const to = static_cast<T*>(y.mutable_data());
    double *const to_mean = data_of(of_mean), *const to_var = data_of(of_var);
    run_body(double(x.size()) * kCycles, [&] {
      if (!own) {
        std::copy(m.begin(), m.end(), to_mean);
        std::copy(v.begin(), v.end(), to_var);
        const auto table = affine_table<T>(m, scales(v, w, eps), b);
        run_channel_affine(p, from, to, table.data());
      } else if (as_rows(p)) {
        const auto rw = repeated<T>(w, p.size), rb = repeated<T>(b, p.size);
        run_row_norm(rows_of(p), from, to, rw.empty() ? nullptr : rw.data(), rb.empty() ? nullptr : rb.data(),
                     eps, to_mean, to_var);
      } else {
        run_channel_norm(p, from, to, data_or_null(w), data_or_null(b), eps, to_mean, to_var);
      }
    });
    return y;
  });
  return py::make_tuple(out, of_mean, of_var);
}

void check_gradient(const char* fn, const py::array& g, const py::array& x) {
  NDNN_CHECK(one_shape(g, x), fn, ": grad must have the input's shape ", shape_text(x),
             ", but got grad.shape=", shape_text(g));
  if (!one_dtype(g, x))
    type_error(fn, ": grad and input must have one dtype, but got ", std::string(py::str(g.dtype())), ", ",
               std::string(py::str(x.dtype())));
}

// Sums over a channel's pixels of what was computed for each.
void add_pixels(const Doubles& from, index_t channels, index_t size, double* to) {
  for (index_t c = 0; c < channels; ++c) {
    to[c] = 0;
    for (index_t i = 0; i < size; ++i) to[c] += from[c * size + i];
  }
}

// -> (gradient of input, of weight, of bias). constant: mean and var do not depend on the input.
py::tuple norm_channels_gradient(const std::string& name, int kind, const py::object& num_groups,
                                 const py::object& grad, const py::object& input, const py::object& mean,
                                 const py::object& var, const py::object& weight, const py::object& eps_given,
                                 bool constant, bool parameters) {
  const char* const fn = name.c_str();
  const double eps = to_eps(fn, eps_given);
  py::array x = to_array(fn, "input", input), g = to_array(fn, "grad", grad);
  const ChannelNorm p = channel_norm(fn, kind, num_groups, x, false);
  check_gradient(fn, g, x);
  const index_t statistics = x.size() == 0 ? 0 : constant ? p.channels : p.statistics();
  const Doubles m = to_doubles(fn, {"mean", mean}, statistics), v = to_doubles(fn, {"var", var}, statistics),
                w = to_doubles(fn, {"weight", weight}, p.channels);
  const bool sums = x.size() > 0 && (parameters || !constant);
  py::array dw = doubles(parameters || sums ? p.channels : 0),
            db = doubles(parameters || sums ? p.channels : 0);
  double *const to_dw = data_of(dw), *const to_db = data_of(db);
  py::array out = for_dtype(fn, {&x, &g}, [&](auto zero) {
    using T = decltype(zero);
    make_contiguous(x);
    make_contiguous(g);
    py::array dx = like(x);
    if (x.size() == 0) {
      std::fill_n(to_dw, dw.size(), 0.);
      std::fill_n(to_db, db.size(), 0.);
      return dx;
    }
    const T *const xs = static_cast<const T*>(x.data()), *const gs = static_cast<const T*>(g.data());
    T* const to = static_cast<T*>(dx.mutable_data());
    run_body(double(x.size()) * kCycles * 2, [&] {
      if (constant) {
        const auto table = affine_table<T>({}, scales(v, w, eps), {});
        run_channel_affine(p, gs, to, table.data());
        if (sums) run_channel_sums(p, gs, xs, eps, m.data(), v.data(), to_dw, to_db);
      } else if (as_rows(p)) {
        const auto rw = repeated<T>(w, p.size);
        Doubles all_dw(parameters ? static_cast<std::size_t>(p.channels * p.size) : 0), all_db(all_dw.size());
        run_row_norm_gradient(rows_of(p), gs, xs, to, rw.empty() ? nullptr : rw.data(), eps, m.data(),
                              v.data(), parameters ? all_dw.data() : nullptr,
                              parameters ? all_db.data() : nullptr);
        if (parameters) add_pixels(all_dw, p.channels, p.size, to_dw);
        if (parameters) add_pixels(all_db, p.channels, p.size, to_db);
      } else {
        run_channel_norm_gradient(p, gs, xs, to, data_or_null(w), eps, m.data(), v.data(), to_dw, to_db);
      }
    });
    return dx;
  });
  return py::make_tuple(out, dw, db);
}

// ---- rows

struct RowArrays {
  std::vector<index_t> shape;  // of weight and bias: the last axes of the input
  RowNorm plan;
};

RowArrays row_norm(const char* fn, const py::array& x, const py::object& normalized_shape, bool centred) {
  const bool list = PyTuple_Check(normalized_shape.ptr()) || PyList_Check(normalized_shape.ptr());
  if (!list)
    type_error(fn, ": normalized_shape must be a tuple of ints, but got ", text_of(normalized_shape));
  RowArrays r{{}, {1, 1, 1, centred, active_isa(), 1}};
  const py::tuple sizes(normalized_shape);  // of its own: items may run code that changes a list
  for (const py::handle s : sizes) r.shape.push_back(to_index(fn, "normalized_shape", s));
  const auto k = static_cast<py::ssize_t>(r.shape.size());
  NDNN_CHECK(
      k >= 1 && k <= x.ndim() && std::equal(r.shape.begin(), r.shape.end(), x.shape() + (x.ndim() - k)), fn,
      ": normalized_shape must be the last axes of the input, at least one, but got normalized_shape=",
      Tuple{r.shape.data(), static_cast<int>(k)}, ", input.shape=", shape_text(x));
  if (x.size() == 0) return r;
  for (const index_t s : r.shape) r.plan.n *= s;
  r.plan.rows = x.size() / r.plan.n;
  r.plan.threads = threads_for(double(x.size()) * kCycles * 2);
  return r;
}

// Contiguous, in the input's dtype; null for None.
py::array row_parameter(const char* fn, const Parameter& p, const RowArrays& r, const py::dtype& dtype) {
  if (p.value.is_none()) return py::reinterpret_steal<py::array>(nullptr);
  py::array a = to_array(fn, p.name, p.value);
  NDNN_CHECK(a.ndim() == static_cast<py::ssize_t>(r.shape.size()) &&
                 std::equal(r.shape.begin(), r.shape.end(), a.shape()),
             fn, ": ", p.name, " must have the shape ",
             Tuple{r.shape.data(), static_cast<int>(r.shape.size())}, ", but got ", p.name,
             ".shape=", shape_text(a));
  if (a.dtype().num() != dtype.num()) a = py::array(a.attr("astype")(dtype));
  make_contiguous(a);
  return a;
}
template <class T>
const T* data_or_null(const py::array& a) {
  return a ? static_cast<const T*>(a.data()) : nullptr;
}

py::tuple norm_rows(const std::string& name, bool centred, const py::object& input,
                    const py::object& normalized_shape, const py::object& weight, const py::object& bias,
                    const py::object& eps_given) {
  const char* const fn = name.c_str();
  const double eps = to_eps(fn, eps_given);
  py::array x = to_array(fn, "input", input);
  const RowArrays r = row_norm(fn, x, normalized_shape, centred);
  py::array w = row_parameter(fn, {"weight", weight}, r, x.dtype()),
            b = row_parameter(fn, {"bias", bias}, r, x.dtype());
  const index_t rows = x.size() == 0 ? 0 : r.plan.rows;
  py::array mean = doubles(rows), var = doubles(rows);
  py::array out = for_dtype(fn, {&x, &w, &b}, [&](auto zero) {
    using T = decltype(zero);
    make_contiguous(x);
    py::array y = like(x);
    if (x.size() == 0) return y;
    const T* const from = static_cast<const T*>(x.data());
    T* const to = static_cast<T*>(y.mutable_data());
    const T *const ws = data_or_null<T>(w), *const bs = data_or_null<T>(b);
    double *const to_mean = data_of(mean), *const to_var = data_of(var);
    run_body(double(x.size()) * kCycles,
             [&] { run_row_norm(r.plan, from, to, ws, bs, eps, to_mean, to_var); });
    return y;
  });
  return py::make_tuple(out, mean, var);
}

py::tuple norm_rows_gradient(const std::string& name, bool centred, const py::object& grad,
                             const py::object& input, const py::object& normalized_shape,
                             const py::object& mean, const py::object& var, const py::object& weight,
                             const py::object& eps_given, bool parameters) {
  const char* const fn = name.c_str();
  const double eps = to_eps(fn, eps_given);
  py::array x = to_array(fn, "input", input), g = to_array(fn, "grad", grad);
  const RowArrays r = row_norm(fn, x, normalized_shape, centred);
  check_gradient(fn, g, x);
  const index_t rows = x.size() == 0 ? 0 : r.plan.rows;
  const Doubles m = to_doubles(fn, {"mean", mean}, rows), v = to_doubles(fn, {"var", var}, rows);
  py::array w = row_parameter(fn, {"weight", weight}, r, x.dtype());
  const std::vector<index_t> shape = parameters ? r.shape : std::vector<index_t>{0};
  py::array dw(py::dtype::of<double>(), shape), db(py::dtype::of<double>(), shape);
  double *const to_dw = data_of(dw), *const to_db = data_of(db);
  py::array out = for_dtype(fn, {&x, &g, &w}, [&](auto zero) {
    using T = decltype(zero);
    make_contiguous(x);
    make_contiguous(g);
    py::array dx = like(x);
    if (x.size() == 0) {
      std::fill_n(to_dw, dw.size(), 0.);
      std::fill_n(to_db, db.size(), 0.);
      return dx;
    }
    const T *const xs = static_cast<const T*>(x.data()), *const gs = static_cast<const T*>(g.data());
    T* const to = static_cast<T*>(dx.mutable_data());
    const T* const ws = data_or_null<T>(w);
    run_body(double(x.size()) * kCycles * 2, [&] {
      run_row_norm_gradient(r.plan, gs, xs, to, ws, eps, m.data(), v.data(), parameters ? to_dw : nullptr,
                            parameters ? to_db : nullptr);
    });
    return dx;
  });
  return py::make_tuple(out, dw, db);
}

}  // namespace

void bind_norm(py::module_& m) {
  m.def("norm_channels", &norm_channels);
  m.def("norm_channels_gradient", &norm_channels_gradient);
  m.def("norm_rows", &norm_rows);
  m.def("norm_rows_gradient", &norm_rows_gradient);
}

}  // namespace ndnn
