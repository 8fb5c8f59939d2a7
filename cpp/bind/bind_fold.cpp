// SPDX-License-Identifier: MIT
// pad, unfold, fold, pixel_shuffle, pixel_unshuffle.
#include <algorithm>

#include "bind/arrays.hpp"
#include "core/parallel.hpp"
#include "ops/fold/fold.hpp"

namespace ndnn {
namespace {

using Shape = std::vector<index_t>;

template <class T>
T* data_of(py::array& a) {
  return static_cast<T*>(a.mutable_data());
}
py::array new_array(const py::array& like, const Shape& shape) {
  return py::array(like.dtype(), py::array::ShapeContainer(shape.begin(), shape.end()));
}

template <class T>
py::array gather(const GatherPlan& p, const py::array& x, const Shape& shape, T fill) {
  py::array y = new_array(x, shape);
  T* const to = data_of<T>(y);
  run_body(p.cycles, [&] { run_gather<T>(p, active_isa(), static_cast<const T*>(x.data()), fill, to); });
  return y;
}
// y must be contiguous.
template <class T>
py::array sum(const GatherPlan& p, const py::array& y, const Shape& shape) {
  py::array x = new_array(y, shape);
  T* const to = data_of<T>(x);
  const auto run = is_shuffle(p) ? &run_shuffle<T> : &run_gather_adjoint<T>;
  run_body(p.cycles, [&] { run(p, active_isa(), static_cast<const T*>(y.data()), to); });
  return x;
}

Shape to_ints(const char* fn, const char* name, const py::object& value) {
  if (!PyTuple_Check(value.ptr()) && !PyList_Check(value.ptr()))
    type_error(fn, ": ", name, " must be a tuple of ints, but got ", Py_TYPE(value.ptr())->tp_name);
  Shape ints;
  for (const py::handle item : py::tuple(value)) ints.push_back(to_index(fn, name, item));
  return ints;
}

PadMode to_mode(const py::object& mode) {
  if (!PyUnicode_Check(mode.ptr()))
    type_error("pad: mode must be a str, but got ", Py_TYPE(mode.ptr())->tp_name);
  for (int i = 0; i < 4; ++i)
    if (py::str(kPadModeNames[i]).equal(mode)) return static_cast<PadMode>(i);
  value_error("pad: mode must be 'constant', 'reflect', 'replicate' or 'circular', but got mode=",
              text_of(mode));
}

struct PadCall {
  PadMode mode;
  Shape pad;
  // Axes with their padding, and the output's shape; strides in elements.
  std::vector<PadAxis> axes(const Shape& shape, const Shape& stride) const {
    const auto nd = shape.size(), padded = pad.size() / 2;
    NDNN_CHECK(pad.size() % 2 == 0, "pad: pad must have two numbers for each axis, but got pad=", text());
    NDNN_CHECK(padded <= nd, "pad: pad must have at most two numbers for each axis, but got pad=", text(),
               " and input.shape=", Tuple{shape.data(), static_cast<int>(nd)});
    if (mode != PadMode::constant) check_rank(shape);
    std::vector<PadAxis> all;
    for (std::size_t a = 0; a < nd; ++a) {
      const std::size_t from_end = nd - 1 - a;
      const bool given = from_end < padded;
      all.push_back({shape[a], given ? pad[2 * from_end] : 0, given ? pad[2 * from_end + 1] : 0, stride[a]});
    }
    check_pads("pad", mode, all, pad.data(), static_cast<int>(pad.size()));
    return all;
  }
  Tuple text() const { return {pad.data(), static_cast<int>(pad.size())}; }

 private:
  void check_rank(const Shape& shape) const {
    const auto nd = shape.size(), padded = pad.size() / 2;
    NDNN_CHECK(padded >= 1 && padded <= 3 && (nd == padded + 1 || nd == padded + 2), "pad: mode '",
               kPadModeNames[static_cast<int>(mode)],
               "' must be given padding of the last 1 to 3 axes, behind (N, C) or (C,), but got pad=", text(),
               " and input.shape=", Tuple{shape.data(), static_cast<int>(nd)});
    for (std::size_t a = nd - padded - (mode != PadMode::circular); a < nd; ++a)
      NDNN_CHECK(mode == PadMode::circular || shape[a] > 0,
                 "pad: the input must not be empty but for its batch, but got input.shape=",
                 Tuple{shape.data(), static_cast<int>(nd)});
  }
};

Shape shape_of(const py::array& a) { return {a.shape(), a.shape() + a.ndim()}; }
Shape strides_of(const py::array& a) {
  Shape s(a.strides(), a.strides() + a.ndim());
  for (index_t& v : s) v /= a.itemsize();
  return s;
}
Shape dense_strides_of(const Shape& shape) {
  Shape s(shape.size());
  index_t next = 1;
  for (std::size_t a = s.size(); a-- > 0; next *= std::max<index_t>(shape[a], 1)) s[a] = next;
  return s;
}
Shape padded_shape(const std::vector<PadAxis>& axes) {
  Shape out;
  for (const PadAxis& a : axes) out.push_back(a.in + a.before + a.after);
  return out;
}

double to_fill(const PadCall& c, const py::object& value) {
  if (value.is_none()) return 0;
  if (PyFloat_Check(value.ptr()) && !std::isfinite(PyFloat_AS_DOUBLE(value.ptr()))) {
    NDNN_CHECK(c.mode == PadMode::constant,
               "pad: value must be None unless mode is 'constant', but got value=", text_of(value));
    return PyFloat_AS_DOUBLE(value.ptr());
  }
  const double fill = to_real("pad", "value", value);
  NDNN_CHECK(c.mode == PadMode::constant || fill == 0,
             "pad: value must be None unless mode is 'constant', but got value=", text_of(value));
  return fill;
}

py::array pad(const py::object& input, const py::object& pads, const py::object& mode,
              const py::object& value) {
  const PadCall c{to_mode(mode), to_ints("pad", "pad", pads)};
  const double fill = to_fill(c, value);
  py::array x = to_array("pad", "input", input);
  return for_dtype("pad", {&x}, [&](auto zero) {
    using T = decltype(zero);
    const std::vector<PadAxis> axes = c.axes(shape_of(x), strides_of(x));
    return gather<T>(plan_pad(c.mode, axes, call_threads()), x, padded_shape(axes), static_cast<T>(fill));
  });
}

// The gradient of pad for an input of `shape`.
py::array pad_gradient(const py::object& grad, const py::object& shape, const py::object& pads,
                       const py::object& mode) {
  const PadCall c{to_mode(mode), to_ints("pad", "pad", pads)};
  const Shape size = to_ints("pad", "input_size", shape);
  for (const index_t n : size)
    NDNN_CHECK(n >= 0, "pad: sizes must be at least 0, but got input_size=",
               Tuple{size.data(), static_cast<int>(size.size())});
  py::array g = to_array("pad", "grad_output", grad);
  const std::vector<PadAxis> axes = c.axes(size, dense_strides_of(size));
  NDNN_CHECK(padded_shape(axes) == shape_of(g),
             "pad: grad_output must have the output's shape, but got grad_output.shape=", shape_text(g));
  return for_dtype("pad", {&g}, [&](auto zero) {
    make_contiguous(g);
    return sum<decltype(zero)>(plan_pad(c.mode, axes, call_threads()), g, size);
  });
}

UnfoldArgs to_unfold_args(const char* fn, const py::object& kernel, const py::object& dilation,
                          const py::object& padding, const py::object& stride) {
  UnfoldArgs a;
  a.kernel = to_axes(fn, "kernel_size", kernel, 2, 1);
  a.dilation = to_axes(fn, "dilation", dilation, 2, 1);
  a.padding = to_axes(fn, "padding", padding, 2, 0);
  a.stride = to_axes(fn, "stride", stride, 2, 1);
  return a;
}

py::array unfold(const py::object& input, const py::object& kernel, const py::object& dilation,
                 const py::object& padding, const py::object& stride) {
  const UnfoldArgs args = to_unfold_args("unfold", kernel, dilation, padding, stride);
  py::array x = to_array("unfold", "input", input);
  check_axes("unfold", "input", x, 2);
  for (int a = static_cast<int>(x.ndim()) - 3; a < x.ndim(); ++a)
    NDNN_CHECK(x.shape(a) > 0,
               "unfold: the input must not be empty but for its batch, but got input.shape=", shape_text(x));
  return for_dtype("unfold", {&x}, [&](auto zero) {
    using T = decltype(zero);
    const bool batched = x.ndim() == 4;
    const auto v = to_view<T>(x, 2);
    const index_t size[] = {v.shape[0], v.shape[1], v.shape[3], v.shape[4]};
    const index_t steps[] = {v.stride[0], v.stride[1], v.stride[3], v.stride[4]};
    const GatherPlan p = plan_unfold("unfold", args, size, steps, call_threads());
    Shape out{size[0], size[1] * p.taps(), p.height() * p.width()};
    if (!batched) out.erase(out.begin());
    return gather<T>(p, x, out, T(0));
  });
}

py::array fold(const py::object& input, const py::object& output_size, const py::object& kernel,
               const py::object& dilation, const py::object& padding, const py::object& stride) {
  const Axes out = to_axes("fold", "output_size", output_size, 2, 1);
  const UnfoldArgs args = to_unfold_args("fold", kernel, dilation, padding, stride);
  py::array y = to_array("fold", "input", input);
  const bool batched = y.ndim() == 3;
  NDNN_CHECK(
      y.ndim() == 2 || batched,
      "fold: input must be (N, C*taps, blocks) or (C*taps, blocks), but got input.shape=", shape_text(y));
  check_least("fold", "output_size", out, 2, 1);
  check_least("fold", "kernel_size", args.kernel, 2, 1);
  const Checked taps = Checked(args.kernel[1]) * args.kernel[2];
  const index_t n = batched ? y.shape(0) : 1, channels = y.shape(y.ndim() - 2),
                blocks = y.shape(y.ndim() - 1);
  NDNN_CHECK(!taps.overflow && channels > 0 && channels % taps.value == 0,
             "fold: the channels must be a multiple of the kernel's taps, but got input.shape=",
             shape_text(y), " and kernel_size=", tail(args.kernel, 2));
  const index_t size[] = {n, channels / taps.value, out[1], out[2]};
  check_elements("fold", "output", size, 4);
  return for_dtype("fold", {&y}, [&](auto zero) {
    const index_t dense[] = {size[1] * size[2] * size[3], size[2] * size[3], size[3], 1};
    const GatherPlan p = plan_unfold("fold", args, size, dense, call_threads());
    NDNN_CHECK(p.height() * p.width() == blocks, "fold: output_size ", tail(out, 2), " and the kernel need ",
               p.height(), " * ", p.width(), " blocks, but got input.shape=", shape_text(y));
    make_contiguous(y);
    Shape shape(size, size + 4);
    if (!batched) shape.erase(shape.begin());
    return sum<decltype(zero)>(p, y, shape);
  });
}

// (..., C, H, W) as the (N, C, H, W) of one input; the leading axes of an array that no reshape can view
// are copied.
template <class T>
View<const T> joined(const char* fn, py::array& x) {
  NDNN_CHECK(x.ndim() >= 3, fn,
             ": input must have at least 3 axes (C, H, W), but got input.shape=", shape_text(x));
  if (x.ndim() > 4) {
    Shape shape(x.shape() + x.ndim() - 3, x.shape() + x.ndim());
    index_t lead = 1;
    for (int a = 0; a < x.ndim() - 3; ++a) lead *= x.shape(a);
    shape.insert(shape.begin(), lead);
    x = x.reshape(py::array::ShapeContainer(shape.begin(), shape.end()));
  }
  return to_view<T>(x, 2);
}

index_t to_factor(const char* fn, const char* name, const py::object& value) {
  const index_t r = to_index(fn, name, value);
  NDNN_CHECK(r >= 1 && r < (index_t{1} << 31), fn, ": ", name, " must be from 1 to 2147483647, but got ",
             name, "=", r);
  return r;
}

GatherPlan shuffle_plan(const char* fn, index_t r, const index_t (&size)[4], const index_t (&stride)[4]) {
  return plan_unfold(fn, {{1, r, r}, {1, 1, 1}, {0, 0, 0}, {1, r, r}}, size, stride, call_threads());
}

py::array pixel_shuffle(const py::object& input, const py::object& upscale_factor) {
  const char* const fn = "pixel_shuffle";
  const index_t r = to_factor(fn, "upscale_factor", upscale_factor);
  py::array x = to_array(fn, "input", input);
  return for_dtype(fn, {&x}, [&](auto zero) {
    Shape shape = shape_of(x);
    make_contiguous(x);
    const auto v = joined<decltype(zero)>(fn, x);
    NDNN_CHECK(v.shape[1] % (r * r) == 0, fn,
               ": the channels must be a multiple of upscale_factor squared, but got input.shape=",
               Tuple{shape.data(), static_cast<int>(shape.size())}, " and upscale_factor=", r);
    const index_t bound[] = {r, r, v.shape[3], v.shape[4]};
    check_elements(fn, "output", bound, 4);
    const index_t size[] = {v.shape[0], v.shape[1] / (r * r), v.shape[3] * r, v.shape[4] * r};
    std::copy(size + 1, size + 4, shape.end() - 3);
    if (x.size() == 0) return new_array(x, shape);
    const index_t dense[] = {size[1] * size[2] * size[3], size[2] * size[3], size[3], 1};
    return sum<decltype(zero)>(shuffle_plan(fn, r, size, dense), x, shape);
  });
}

py::array pixel_unshuffle(const py::object& input, const py::object& downscale_factor) {
  const char* const fn = "pixel_unshuffle";
  const index_t r = to_factor(fn, "downscale_factor", downscale_factor);
  py::array x = to_array(fn, "input", input);
  return for_dtype(fn, {&x}, [&](auto zero) {
    using T = decltype(zero);
    Shape shape = shape_of(x);
    const auto v = joined<T>(fn, x);
    NDNN_CHECK(v.shape[3] % r == 0 && v.shape[4] % r == 0, fn,
               ": height and width must be multiples of downscale_factor, but got input.shape=",
               Tuple{shape.data(), static_cast<int>(shape.size())}, " and downscale_factor=", r);
    const index_t bound[] = {v.shape[1], r, r};
    check_elements(fn, "output", bound, 3);
    const index_t out[] = {v.shape[1] * r * r, v.shape[3] / r, v.shape[4] / r};
    std::copy(out, out + 3, shape.end() - 3);
    if (x.size() == 0) return new_array(x, shape);
    const index_t size[] = {v.shape[0], v.shape[1], v.shape[3], v.shape[4]};
    const index_t steps[] = {v.stride[0], v.stride[1], v.stride[3], v.stride[4]};
    return gather<T>(shuffle_plan(fn, r, size, steps), x, shape, T(0));
  });
}

}  // namespace

void bind_fold(py::module_& m) {
  m.def("pad", &pad);
  m.def("pad_gradient", &pad_gradient);
  m.def("unfold", &unfold);
  m.def("fold", &fold);
  m.def("pixel_shuffle", &pixel_shuffle);
  m.def("pixel_unshuffle", &pixel_unshuffle);
}

}  // namespace ndnn
