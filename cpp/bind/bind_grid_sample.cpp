// SPDX-License-Identifier: MIT
// grid_sample and its gradients.
#include <algorithm>

#include "bind/arrays.hpp"
#include "core/parallel.hpp"
#include "ops/grid_sample/grid_sample.hpp"

namespace ndnn {
namespace {

constexpr const char* kName = "grid_sample";

int to_choice(const char* name, const py::object& value, const char* const (&names)[3]) {
  if (!PyUnicode_Check(value.ptr()))
    type_error(kName, ": ", name, " must be a str, but got ", Py_TYPE(value.ptr())->tp_name);
  for (int i = 0; i < 3; ++i)
    if (py::str(names[i]).equal(value)) return i;
  value_error(kName, ": ", name, " must be '", names[0], "', '", names[1], "' or '", names[2], "', but got ",
              name, "=", text_of(value));
}

struct Call {
  SampleMode mode;
  SamplePadding padding;
  bool align_corners;
  py::array x, grid;
};

Call to_call(const py::object& input, const py::object& grid, const py::object& mode,
             const py::object& padding_mode, const py::object& align_corners) {
  Call c;
  c.mode = static_cast<SampleMode>(to_choice("mode", mode, kSampleModeNames));
  c.padding = static_cast<SamplePadding>(to_choice("padding_mode", padding_mode, kSamplePaddingNames));
  c.align_corners = !align_corners.is_none() && to_flag(kName, "align_corners", align_corners);
  c.x = to_array(kName, "input", input);
  c.grid = to_array(kName, "grid", grid);
  if (dtype_of(kName, "input", c.x) != dtype_of(kName, "grid", c.grid))
    type_error(kName, ": input and grid must have one dtype, but got ", std::string(py::str(c.x.dtype())),
               ", ", std::string(py::str(c.grid.dtype())));
  const py::array &x = c.x, &g = c.grid;
  const auto nd = x.ndim(), rank = nd - 2;
  NDNN_CHECK(rank == 2 || rank == 3, kName,
             ": input must be (N, C, H, W) or (N, C, D, H, W), but got input.shape=", shape_text(x));
  NDNN_CHECK(g.ndim() == nd && g.shape(0) == x.shape(0) && g.shape(nd - 1) == rank, kName,
             ": grid must be (N, size..., ", rank, ") with the input's N, but got grid.shape=", shape_text(g),
             " and input.shape=", shape_text(x));
  for (int a = 2; a < nd; ++a)
    NDNN_CHECK(x.shape(a) > 0, kName,
               ": the input's images must not be empty, but got input.shape=", shape_text(x));
  NDNN_CHECK(c.mode != SampleMode::bicubic || rank == 2, kName,
             ": mode 'bicubic' must be given (N, C, H, W), but got input.shape=", shape_text(x));
  return c;
}

// The farthest element of an image from its first.
index_t reach(const SamplePlan& p) {
  Checked all = 1;
  for (int a = 0; a < p.rank; ++a) all = all + Checked(p.axis[a].size) * std::abs(p.axis[a].stride);
  return all.overflow ? std::numeric_limits<index_t>::max() : all.value;
}

// Offsets within an image are 32 bits wide for float32.
template <class T>
constexpr index_t kMost = index_t{1} << (sizeof(T) == 4 ? 30 : 49);

template <class T>
SamplePlan plan(const Call& c, bool dense) {
  const py::array &x = c.x, &g = c.grid;
  const auto item = static_cast<index_t>(sizeof(T));
  SamplePlan p{};
  p.mode = c.mode;
  p.padding = c.padding;
  p.align_corners = c.align_corners;
  p.rank = static_cast<int>(x.ndim()) - 2;
  p.n = x.shape(0);
  p.c = x.shape(1);
  p.points = 1;
  index_t next = 1;
  for (int a = 0; a < p.rank; ++a) {
    const index_t size = x.shape(x.ndim() - 1 - a);
    p.axis[a] = {size, dense ? next : x.strides(x.ndim() - 1 - a) / item};
    next *= size;
  }
  NDNN_CHECK(next < kMost<T> / 4, kName, ": a channel must have less than ", kMost<T> / 4,
             " elements, but got input.shape=", shape_text(x));
  p.x_channel = dense ? next : x.strides(1) / item;
  p.x_image = dense ? next * p.c : x.strides(0) / item;
  for (int a = 0; a < 3; ++a) {
    const int axis = a - 3 + p.rank + 1;  // of the grid
    p.out[a] = axis >= 1 ? g.shape(axis) : 1;
    p.grid_stride[a] = axis >= 1 ? g.strides(axis) / item : 0;
    p.points *= p.out[a];
  }
  p.grid_image = g.strides(0) / item;
  p.grid_axis = g.strides(g.ndim() - 1) / item;
  p.cycles = double(p.n) * double(p.points) * (30 + double(p.c) * p.taps() * 1.5);
  p.threads = useful_threads(p.cycles, call_threads());
  return p;
}

template <class T>
SamplePlan plan_reading(Call& c) {
  SamplePlan p = plan<T>(c, false);
  // Rows of neighbours, which are packed fast; one way of computing for all strides.
  if (reach(p) >= kMost<T> || (p.axis[0].stride != 1 && p.axis[0].size > 1)) {
    make_contiguous(c.x);
    p = plan<T>(c, true);
  }
  return p;
}

std::vector<index_t> output_shape(const Call& c) {
  std::vector<index_t> shape(c.grid.shape(), c.grid.shape() + c.grid.ndim() - 1);
  shape.insert(shape.begin() + 1, c.x.shape(1));
  return shape;
}
bool nothing(const SamplePlan& p) { return p.n == 0 || p.c == 0 || p.points == 0; }

py::array grid_sample(const py::object& input, const py::object& grid, const py::object& mode,
                      const py::object& padding_mode, const py::object& align_corners) {
  Call c = to_call(input, grid, mode, padding_mode, align_corners);
  return for_dtype(kName, {&c.x, &c.grid}, [&](auto zero) {
    using T = decltype(zero);
    const SamplePlan p = plan_reading<T>(c);
    const std::vector<index_t> shape = output_shape(c);
    const index_t flat[] = {p.n, p.c, p.points};
    check_elements(kName, "output", flat, 3);
    py::array y(c.x.dtype(), py::array::ShapeContainer(shape.begin(), shape.end()));
    if (nothing(p)) return y;
    T* const to = static_cast<T*>(y.mutable_data());
    const T *const from = static_cast<const T*>(c.x.data()), *const at = static_cast<const T*>(c.grid.data());
    run_body(p.cycles, [&] { run_grid_sample<T>(p, active_isa(), from, at, to); });
    return y;
  });
}

// The gradient for the input, or for the grid.
py::array gradient(bool of_grid, const py::object& grad_output, const py::object& input,
                   const py::object& grid, const py::object& mode, const py::object& padding_mode,
                   const py::object& align_corners) {
  py::array dy = to_array(kName, "grad_output", grad_output);
  Call c = to_call(input, grid, mode, padding_mode, align_corners);
  const std::vector<index_t> shape = output_shape(c);
  NDNN_CHECK(std::equal(shape.begin(), shape.end(), dy.shape(), dy.shape() + dy.ndim()) &&
                 dtype_of(kName, "grad_output", dy) == dtype_of(kName, "input", c.x),
             kName, ": grad_output must have the output's shape and dtype, but got grad_output.shape=",
             shape_text(dy));
  return for_dtype(kName, {&c.x, &c.grid, &dy}, [&](auto zero) {
    using T = decltype(zero);
    const py::array& like = of_grid ? c.grid : c.x;
    py::array out(like.dtype(), py::array::ShapeContainer(like.shape(), like.shape() + like.ndim()));
    T* const to = static_cast<T*>(out.mutable_data());
    make_contiguous(dy);
    const SamplePlan p = of_grid ? plan_reading<T>(c) : plan<T>(c, true);  // that for x reads only its shape
    if (nothing(p) || (of_grid && p.mode == SampleMode::nearest)) {
      std::fill_n(to, out.size(), T(0));
      return out;
    }
    const T *const from = static_cast<const T*>(c.x.data()), *const at = static_cast<const T*>(c.grid.data());
    const T* const g = static_cast<const T*>(dy.data());
    run_body(p.cycles, [&] {
      if (of_grid) run_grid_sample_grid_gradient<T>(p, active_isa(), g, from, at, to);
      else run_grid_sample_input_gradient<T>(p, active_isa(), g, at, to);
    });
    return out;
  });
}

}  // namespace

void bind_grid_sample(py::module_& m) {
  m.def("grid_sample", &grid_sample);
  m.def("grid_sample_gradient", &gradient);
}

}  // namespace ndnn
