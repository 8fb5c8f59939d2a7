// SPDX-License-Identifier: MIT
// The gradients of a convolution's weight and bias.
#include "bind/conv_arrays.hpp"
#include "ops/conv/conv_cost.hpp"
#include "ops/conv/conv_weight_gradient.hpp"

namespace ndnn {
namespace {

// Of the functions that torch.nn.grad has, and those that it lacks.
const char* weight_name(int rank, bool flip, bool transposed) {
  static const char* const kNames[3][3] = {
      {"conv1d_weight", "conv2d_weight", "conv3d_weight"},
      {"true_conv1d_weight", "true_conv2d_weight", "true_conv3d_weight"},
      {"conv_transpose1d_weight", "conv_transpose2d_weight", "conv_transpose3d_weight"}};
  return kNames[transposed ? 2 : flip][rank - 1];
}

struct Call {
  const char* name;
  ConvArgs args;
  bool flip, transposed;
  std::array<index_t, 5> weight;
};

// The axes of grad_output that are given must be those of the output, which a transposed convolution may
// leave longer: the rest of its positions had no input.
void set_outputs(const Call& c, const py::array& x, const py::array& dy, ConvGeometry& g) {
  const int rank = c.args.rank;
  index_t want[5];
  int nd = 0;
  if (x.ndim() == rank + 2) want[nd++] = g.n;
  want[nd++] = g.oc_all;
  for (int a = kMaxSpatial - rank; a < kMaxSpatial; ++a) want[nd++] = g.axis[a].out;
  const int spatial = nd - rank;
  bool fits = dy.ndim() == nd;
  for (int i = 0; fits && i < nd; ++i)
    fits = c.transposed && i >= spatial ? dy.shape(i) <= want[i] : dy.shape(i) == want[i];
  NDNN_CHECK(fits, c.name, ": grad_output must have ", c.transposed ? "at most " : "", "the output's shape ",
             Tuple{want, nd}, ", but got grad_output.shape=", shape_text(dy));
  for (int a = kMaxSpatial - rank; a < kMaxSpatial; ++a)
    g.axis[a].out = dy.shape(dy.ndim() - kMaxSpatial + a);
}

// Joins the axes as those of a contiguous input would be, so that results do not depend on its strides.
template <class T>
void join_axes(ConvGeometry& g, py::array& x, View<const T>& xv, int rank) {
  ConvGeometry joined = g;
  std::array<index_t, 5> dense = dense_strides(xv.shape);
  merge_axes(joined, dense);
  std::array<index_t, 5> own = xv.stride;
  merge_axes(g, own);
  for (int a = 0; a < kMaxSpatial; ++a)
    if (g.axis[a].in != joined.axis[a].in) {
      x = py::array(x.attr("copy")("C"));
      xv = to_view<T>(x, rank);
      own = dense;
      g.unit_rows = joined.unit_rows;
      break;
    }
  joined.unit_rows = g.unit_rows;
  g = joined;
  xv.stride = own;
}

template <class T>
py::array weight_gradient(const Call& c, py::array x, py::array dy) {
  const int rank = c.args.rank;
  View<const T> xv = to_view<T>(x, rank);
  ConvGeometry g = conv_geometry(c.name, c.args, xv.shape, c.weight, -1);
  set_outputs(c, x, dy, g);
  std::array<index_t, 5> shape = c.weight;
  std::copy_n(c.weight.begin() + 5 - rank, rank, shape.begin() + 2);
  py::array dw(x.dtype(), py::array::ShapeContainer(shape.begin(), shape.begin() + rank + 2));
  T* const to = static_cast<T*>(dw.mutable_data());
  if (g.macs() == 0) {
    std::fill_n(to, dw.size(), T(0));
    return dw;
  }
  join_axes(g, x, xv, rank);
  const WeightGradientPlan plan = plan_conv_weight_gradient(g, sizeof(T), active_isa(), call_threads());
  make_contiguous(dy);
  if (plan.algorithm == WeightGradientAlgorithm::lanes_on_inputs) {
    make_contiguous(x);
    xv.data = static_cast<const T*>(x.data());
  }
  const T* const grad = static_cast<const T*>(dy.data());
  run_body(plan.cycles, [&] { run_conv_weight_gradient<T>(plan, xv, grad, c.flip, to); });
  return dw;
}

py::array conv_weight_gradient(int rank, bool flip, const py::object& input, const py::object& weight_size,
                               const py::object& grad_output, const py::object& stride,
                               const py::object& padding, const py::object& dilation,
                               const py::object& groups, bool transposed) {
  const char* const name = weight_name(rank, flip, transposed);
  const Call c{name, to_conv_args(name, rank, stride, padding, dilation, groups), flip, transposed,
               to_sizes(name, "weight_size", weight_size, rank, true)};
  const py::array x = to_array(name, "input", input), dy = to_array(name, "grad_output", grad_output);
  check_axes(name, "input", x, rank);
  const DType t = dtype_of(name, "input", x);
  if (dtype_of(name, "grad_output", dy) != t)
    type_error(name, ": input and grad_output must have one dtype, but got ", std::string(py::str(x.dtype())),
               ", ", std::string(py::str(dy.dtype())));
  const auto none = py::reinterpret_steal<py::array>(nullptr);
  return for_dtype(name, {x, dy, none, none}, [&](auto zero, ConvArrays a) {
    return weight_gradient<decltype(zero)>(c, std::move(a.x), std::move(a.w));
  });
}

constexpr double kBiasCycles = 0.6;  // an element

template <class T>
py::array bias_gradient(int rank, py::array dy) {
  make_contiguous(dy);
  const int channel_axis = static_cast<int>(dy.ndim()) - rank - 1;
  const index_t n = channel_axis ? dy.shape(0) : 1, channels = dy.shape(channel_axis);
  index_t pixels = 1;
  for (int i = channel_axis + 1; i < dy.ndim(); ++i) pixels *= dy.shape(i);
  py::array db(dy.dtype(), py::array::ShapeContainer{channels});
  T* const to = static_cast<T*>(db.mutable_data());
  const T* const from = static_cast<const T*>(dy.data());
  const double cycles = double(dy.size()) * kBiasCycles;
  const int threads = useful_threads(cycles, call_threads());
  run_body(cycles, [&] { run_conv_bias_gradient<T>(active_isa(), threads, n, channels, pixels, from, to); });
  return db;
}

py::array conv_bias_gradient(int rank, const py::object& grad_output) {
  static const char* const kNames[] = {"conv1d_bias", "conv2d_bias", "conv3d_bias"};
  const char* const name = kNames[rank - 1];
  py::array dy = to_array(name, "grad_output", grad_output);
  check_axes(name, "grad_output", dy, rank);
  return for_dtype(name, {&dy}, [&](auto zero) { return bias_gradient<decltype(zero)>(rank, dy); });
}

// For people, tables and tests; sizes are those of a batch.
py::dict plan(int rank, const py::object& input_size, const py::object& weight_size, const py::object& stride,
              const py::object& padding, const py::object& dilation, const py::object& groups,
              int item_bytes) {
  const char* const name = weight_name(rank, false, false);
  const ConvArgs args = to_conv_args(name, rank, stride, padding, dilation, groups);
  const std::array<index_t, 5> x = to_sizes(name, "input_size", input_size, rank, false);
  ConvGeometry g = conv_geometry(name, args, x, to_sizes(name, "weight_size", weight_size, rank, true), -1);
  py::dict d;
  d["macs"] = g.macs();
  d["algorithm"] = "none";
  if (g.macs() == 0) return d;
  std::array<index_t, 5> dense = dense_strides(x);
  merge_axes(g, dense);
  const WeightGradientPlan p = plan_conv_weight_gradient(g, item_bytes, active_isa(), call_threads());
  d["text"] = concat(name, " -> ", describe(p));
  d["algorithm"] = algorithm_name(p.algorithm);
  d["threads"] = p.threads;
  d["parts"] = p.parts;
  d["scratch_bytes"] = p.scratch_bytes * static_cast<std::size_t>(p.threads) + p.parts_bytes;
  return d;
}

}  // namespace

void bind_conv_grad(py::module_& m) {
  m.def("conv_weight_gradient", &conv_weight_gradient, py::arg("rank"), py::arg("flipped"), py::arg("input"),
        py::arg("weight_size"), py::arg("grad_output"), py::arg("stride"), py::arg("padding"),
        py::arg("dilation"), py::arg("groups"), py::arg("transposed") = false);
  m.def("conv_bias_gradient", &conv_bias_gradient);
  m.def("plan_conv_weight_gradient", &plan);
  m.def("force_weight_gradient_algorithm", &force_weight_gradient_algorithm);
}

}  // namespace ndnn
