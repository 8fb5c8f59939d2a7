// SPDX-License-Identifier: MIT
// Convolution of every rank: one entry point.
#include "bind/conv_arrays.hpp"

namespace ndnn {
namespace {

const char* const kNames[] = {"conv1d", "conv2d", "conv3d", "true_conv1d", "true_conv2d", "true_conv3d"};

struct Call {
  const char* name;
  ConvArgs args;
  bool flip;
  Activation activation = Activation::none;
  double slope = 0;
};
Call parse(int rank, bool flip, const py::object& stride, const py::object& padding,
           const py::object& dilation, const py::object& groups) {
  const char* const name = kNames[rank - 1 + (flip ? 3 : 0)];
  return {name, to_conv_args(name, rank, stride, padding, dilation, groups), flip};
}

Activation to_activation(const char* fn, const py::object& value) {
  if (value.is_none()) return Activation::none;
  if (!PyUnicode_Check(value.ptr()))
    type_error(fn, ": activation must be a str or None, but got ", Py_TYPE(value.ptr())->tp_name);
  std::string known;
  for (int i = 1; i < kActivations; ++i) {
    if (PyUnicode_CompareWithASCIIString(value.ptr(), kActivationNames[i]) == 0)
      return static_cast<Activation>(i);
    known += (i > 1 ? ", " : "") + std::string(kActivationNames[i]);
  }
  value_error(fn, ": activation must be one of ", known, ", but got activation=", text_of(value));
}

template <class T>
py::array compute(const Call& c, ConvArrays a) {
  const auto data = [](const py::array& o) { return o ? static_cast<const T*>(o.data()) : nullptr; };
  const int rank = c.args.rank;
  const View<const T> x = to_view<T>(a.x, rank);
  const View<const T> w = to_view<T>(a.w, rank);
  const ConvGeometry g = conv_geometry(c.name, c.args, x.shape, w.shape, a.b ? a.b.shape(0) : -1);
  py::array y = new_output(a.x.dtype(), rank, a.x.ndim() == rank + 2, g.n, g.oc_all,
                           {g.axis[0].out, g.axis[1].out, g.axis[2].out});
  NDNN_CHECK(!a.r || (a.r.ndim() == y.ndim() && std::equal(y.shape(), y.shape() + y.ndim(), a.r.shape())),
             c.name, ": residual must have the output's shape ", shape_text(y),
             ", but got residual.shape=", shape_text(a.r));
  if (y.size() == 0) return y;
  // The input alone is read through its strides; the others are small beside it, or read once.
  for (py::array* o : {&a.w, &a.b, &a.r}) make_contiguous(*o);
  convolve<T>(g, x, a, c.flip, {data(a.b), data(a.r), c.activation, static_cast<T>(c.slope)}, y);
  return y;
}

// The numbers are read; now the arrays.
py::array call(const Call& c, const py::object& input, const py::object& weight, const py::object& bias,
               const py::object& residual) {
  ConvArrays a = to_conv_arrays(c.name, "input", input, weight, bias, residual);
  check_conv_arrays(c.name, c.args.rank, "input", "out_channels, in_channels / groups", a);
  return for_dtype(c.name, std::move(a), [&](auto zero, ConvArrays arrays) {
    return compute<decltype(zero)>(c, std::move(arrays));
  });
}

py::array conv(int rank, bool flip, const py::object& input, const py::object& weight, const py::object& bias,
               const py::object& stride, const py::object& padding, const py::object& dilation,
               const py::object& groups) {
  return call(parse(rank, flip, stride, padding, dilation, groups), input, weight, bias, py::none());
}

// An entry of its own: its three arguments more would cost every plain call 0.2 us of 1.3.
py::array fused_conv(int rank, const py::object& input, const py::object& weight, const py::object& bias,
                     const py::object& stride, const py::object& padding, const py::object& dilation,
                     const py::object& groups, const py::object& activation, const py::object& residual,
                     const py::object& negative_slope) {
  Call c = parse(rank, false, stride, padding, dilation, groups);
  c.activation = to_activation(c.name, activation);
  c.slope = to_real(c.name, "negative_slope", negative_slope);
  return call(c, input, weight, bias, residual);
}

// The plan of a call that is not made: for people, tables and tests.
py::dict plan(int rank, const py::object& x, const py::object& w, const py::object& stride,
              const py::object& padding, const py::object& dilation, const py::object& groups, int item_bytes,
              bool packed) {
  const Call c = parse(rank, false, stride, padding, dilation, groups);
  const std::array<index_t, 5> x_size = to_sizes(c.name, "x_shape", x, rank, false);
  ConvGeometry g = conv_geometry(c.name, c.args, x_size, to_sizes(c.name, "w_shape", w, rank, true), -1);
  py::dict d = new_plan(rank, py::len(x) == static_cast<std::size_t>(rank + 2), g.n, g.oc_all,
                        {g.axis[0].out, g.axis[1].out, g.axis[2].out}, g.macs());
  if (g.macs() == 0) {
    d["text"] = concat(c.name, " -> nothing to multiply");
    d["algorithm"] = "none";
    return d;
  }
  std::array<index_t, 5> x_stride = dense_strides(x_size);
  merge_axes(g, x_stride);
  const ConvPlan p = plan_conv(g, item_bytes, active_isa(), call_threads(), packed);
  d["text"] = describe(c.name, p, packed);
  d["algorithm"] = algorithm_name(p.form.algorithm);
  tell_plan(p, d);
  return d;
}

}  // namespace

void bind_conv(py::module_& m) {
  m.def("conv", &conv);
  m.def("fused_conv", &fused_conv);
  m.def("plan_conv", &plan);
  m.def("force_conv_algorithm", &force_algorithm);
  m.def("set_winograd", &set_winograd);
  m.def("winograd_enabled", &winograd_enabled);
}

}  // namespace ndnn
