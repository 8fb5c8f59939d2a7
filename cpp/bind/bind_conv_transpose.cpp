// SPDX-License-Identifier: MIT
// Transposed convolution, and the gradients for the input of both kinds of convolution.
#include "bind/conv_arrays.hpp"
#include "ops/conv_transpose/conv_transpose.hpp"

namespace ndnn {
namespace {

const char* const kNames[] = {"conv_transpose1d", "conv_transpose2d", "conv_transpose3d"};
const char* const kGradientNames[] = {"conv1d_input",      "conv2d_input",      "conv3d_input",
                                      "true_conv1d_input", "true_conv2d_input", "true_conv3d_input"};
const char* const kTransposeGradientNames[] = {"conv_transpose1d_input", "conv_transpose2d_input",
                                               "conv_transpose3d_input"};
constexpr const char* kConvAxes = "out_channels, in_channels / groups";
constexpr const char* kTransposeAxes = "in_channels, out_channels / groups";

ConvTransposeArgs to_transpose_args(const char* fn, int rank, const py::object& stride,
                                    const py::object& padding, const py::object& output_padding,
                                    const py::object& groups, const py::object& dilation) {
  ConvTransposeArgs args;
  args.rank = rank;
  args.stride = to_axes(fn, "stride", stride, rank, 1);
  args.padding = to_axes(fn, "padding", padding, rank, 0);
  args.output_padding = to_axes(fn, "output_padding", output_padding, rank, 0);
  args.groups = to_index(fn, "groups", groups);
  args.dilation = to_axes(fn, "dilation", dilation, rank, 1);
  return args;
}

// y of a transposed convolution, in memory of its own.
template <class T>
py::array compute(const ConvTransposeGeometry& g, bool flip, bool batched, ConvArrays& a) {
  py::array y =
      new_output(a.x.dtype(), g.rank, batched, g.n, g.oc_all, {g.axis[0].out, g.axis[1].out, g.axis[2].out});
  if (y.size() == 0) return y;
  for (py::array* o : {&a.w, &a.b}) make_contiguous(*o);
  const View<const T> x = to_view<T>(a.x, g.rank);
  const T *w = static_cast<const T*>(a.w.data()), *b = a.b ? static_cast<const T*>(a.b.data()) : nullptr;
  T* const yp = static_cast<T*>(y.mutable_data());
  const ConvTransposePlan plan =
      plan_conv_transpose(g, flip, x.stride, sizeof(T), active_isa(), call_threads(), a.kept != nullptr);
  std::vector<PackedWeight::Packed> kept;
  if (a.kept)
    for (const PhaseConvolution& part : plan.parts) kept.push_back(a.kept->find(part.plan, part.weights));
  run_body(plan.cycles, [&] {
    if (!a.kept) return pack_and_run_conv_transpose(plan, x, w, b, yp);
    std::vector<const T*> packed;
    for (std::size_t i = 0; i < kept.size(); ++i) {
      if (!kept[i]) kept[i] = pack_to_keep(plan.parts[i].plan, w, plan.parts[i].weights);
      packed.push_back(static_cast<const T*>(kept[i].get()));
    }
    run_conv_transpose(plan, x, w, packed, b, yp);
  });
  for (std::size_t i = 0; i < kept.size(); ++i)
    a.kept->keep(plan.parts[i].plan, plan.parts[i].weights, kept[i]);
  return y;
}

py::array conv_transpose(int rank, const py::object& input, const py::object& weight, const py::object& bias,
                         const py::object& stride, const py::object& padding,
                         const py::object& output_padding, const py::object& groups,
                         const py::object& dilation) {
  const char* const fn = kNames[rank - 1];
  const ConvTransposeArgs args =
      to_transpose_args(fn, rank, stride, padding, output_padding, groups, dilation);
  ConvArrays all = to_conv_arrays(fn, "input", input, weight, bias, py::none());
  check_conv_arrays(fn, rank, "input", kTransposeAxes, all);
  return for_dtype(fn, std::move(all), [&](auto zero, ConvArrays a) {
    using T = decltype(zero);
    const ConvTransposeGeometry g = conv_transpose_geometry(
        fn, args, to_view<T>(a.x, rank).shape, to_view<T>(a.w, rank).shape, a.b ? a.b.shape(0) : -1);
    return compute<T>(g, false, a.x.ndim() == rank + 2, a);
  });
}

// grad_output has the shape (N, C, out...) of the operator's output.
void check_grad_output(const char* fn, int rank, const py::array& grad, bool batched, index_t n, index_t c,
                       const Axes& out) {
  std::array<index_t, 5> want;
  int nd = 0;
  if (batched) want[nd++] = n;
  want[nd++] = c;
  for (int a = kMaxSpatial - rank; a < kMaxSpatial; ++a) want[nd++] = out[a];
  NDNN_CHECK(grad.ndim() == nd && std::equal(want.begin(), want.begin() + nd, grad.shape()), fn,
             ": grad_output must have the output's shape ", Tuple{want.data(), nd},
             ", but got grad_output.shape=", shape_text(grad));
}

py::array conv_input_gradient(int rank, bool flipped, const py::object& input_size, const py::object& weight,
                              const py::object& grad_output, const py::object& stride,
                              const py::object& padding, const py::object& dilation,
                              const py::object& groups) {
  const char* const fn = kGradientNames[rank - 1 + (flipped ? 3 : 0)];
  const ConvArgs args = to_conv_args(fn, rank, stride, padding, dilation, groups);
  const std::array<index_t, 5> size = to_sizes(fn, "input_size", input_size, rank, false);
  const bool batched = py::len(input_size) == static_cast<std::size_t>(rank + 2);
  ConvArrays all = to_conv_arrays(fn, "grad_output", grad_output, weight, py::none(), py::none());
  check_conv_arrays(fn, rank, "grad_output", kConvAxes, all);
  return for_dtype(fn, std::move(all), [&](auto zero, ConvArrays a) {
    using T = decltype(zero);
    const ConvGeometry conv = conv_geometry(fn, args, size, to_view<T>(a.w, rank).shape, -1);
    check_grad_output(fn, rank, a.x, batched, conv.n, conv.oc_all,
                      {conv.axis[0].out, conv.axis[1].out, conv.axis[2].out});
    check_elements(fn, "input", size.data(), 5);
    return compute<T>(input_gradient_geometry(conv), flipped, batched, a);
  });
}

// A plain convolution of grad_output; of its outputs those of the input, where output_padding adds more.
py::array conv_transpose_input_gradient(int rank, const py::object& input_size, const py::object& weight,
                                        const py::object& grad_output, const py::object& stride,
                                        const py::object& padding, const py::object& output_padding,
                                        const py::object& groups, const py::object& dilation) {
  const char* const fn = kTransposeGradientNames[rank - 1];
  const ConvTransposeArgs args =
      to_transpose_args(fn, rank, stride, padding, output_padding, groups, dilation);
  const std::array<index_t, 5> size = to_sizes(fn, "input_size", input_size, rank, false);
  const bool batched = py::len(input_size) == static_cast<std::size_t>(rank + 2);
  ConvArrays all = to_conv_arrays(fn, "grad_output", grad_output, weight, py::none(), py::none());
  check_conv_arrays(fn, rank, "grad_output", kTransposeAxes, all);
  return for_dtype(fn, std::move(all), [&](auto zero, ConvArrays a) {
    using T = decltype(zero);
    const View<const T> x = to_view<T>(a.x, rank);
    const ConvTransposeGeometry t = conv_transpose_geometry(fn, args, size, to_view<T>(a.w, rank).shape, -1);
    check_grad_output(fn, rank, a.x, batched, t.n, t.oc_all, {t.axis[0].out, t.axis[1].out, t.axis[2].out});
    ConvGeometry g = transpose_gradient_geometry(t);
    py::array y = new_output(a.x.dtype(), rank, batched, g.n, g.oc_all, {size[2], size[3], size[4]});
    if (y.size() == 0) return y;
    make_contiguous(a.w);
    convolve<T>(g, x, a, false, {}, y);
    return y;
  });
}

// The plan of a call that is not made: for people, tables and tests.
py::dict plan(int rank, const py::object& x, const py::object& w, const py::object& stride,
              const py::object& padding, const py::object& output_padding, const py::object& groups,
              const py::object& dilation, int item_bytes, bool packed) {
  const char* const fn = kNames[rank - 1];
  const ConvTransposeArgs args =
      to_transpose_args(fn, rank, stride, padding, output_padding, groups, dilation);
  const std::array<index_t, 5> x_size = to_sizes(fn, "x_shape", x, rank, false);
  const ConvTransposeGeometry g =
      conv_transpose_geometry(fn, args, x_size, to_sizes(fn, "w_shape", w, rank, true), -1);
  py::dict d = new_plan(rank, py::len(x) == static_cast<std::size_t>(rank + 2), g.n, g.oc_all,
                        {g.axis[0].out, g.axis[1].out, g.axis[2].out}, g.macs());
  if (g.macs() == 0) {
    d["text"] = concat(fn, " -> nothing to multiply");
    d["algorithms"] = py::tuple();
    return d;
  }
  const ConvTransposePlan p =
      plan_conv_transpose(g, false, dense_strides(x_size), item_bytes, active_isa(), call_threads(), packed);
  py::list algorithms;
  for (const PhaseConvolution& part : p.parts) algorithms.append(algorithm_name(part.plan.form.algorithm));
  d["text"] = describe(fn, p);
  d["algorithms"] = py::tuple(algorithms);
  tell_plan(p, d);
  return d;
}

}  // namespace

void bind_conv_transpose(py::module_& m) {
  m.def("conv_transpose", &conv_transpose);
  m.def("conv_input_gradient", &conv_input_gradient);
  m.def("conv_transpose_input_gradient", &conv_transpose_input_gradient);
  m.def("plan_conv_transpose", &plan);
}

}  // namespace ndnn
