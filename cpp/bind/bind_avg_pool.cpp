// SPDX-License-Identifier: MIT
// Means over windows, and their gradients.
#include "bind/resize_arrays.hpp"

namespace ndnn {
namespace {

const char* adaptive_name(int rank) {
  static const char* const kNames[] = {"adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d"};
  return kNames[rank - 1];
}

struct Call {
  const char* name;
  int rank;
  Axes kernel, stride, padding;
  bool ceil_mode, count_include_pad;
  double divisor;  // 0: the number of elements
};

Call to_call(const char* name, int rank, const py::object& kernel_size, const py::object& stride,
             const py::object& padding, const py::object& ceil_mode, const py::object& count_include_pad,
             const py::object& divisor) {
  Call c{name, rank, to_axes(name, "kernel_size", kernel_size, rank, 1), {}, {}, false, true, 0};
  c.stride = stride.is_none() ? c.kernel : to_axes(name, "stride", stride, rank, 1);
  c.padding = to_axes(name, "padding", padding, rank, 0);
  c.ceil_mode = to_flag(name, "ceil_mode", ceil_mode);
  c.count_include_pad = to_flag(name, "count_include_pad", count_include_pad);
  if (!divisor.is_none()) {
    const index_t d = to_index(name, "divisor_override", divisor);
    NDNN_CHECK(d != 0, name, ": divisor_override must not be 0, but got divisor_override=0");
    c.divisor = double(d);
  }
  for (int a = 0; a < kMaxSpatial; ++a) {
    NDNN_CHECK(c.kernel[a] > 0, name,
               ": kernel_size must be at least 1, but got kernel_size=", tail(c.kernel, rank));
    NDNN_CHECK(c.stride[a] > 0, name, ": stride must be at least 1, but got stride=", tail(c.stride, rank));
    NDNN_CHECK(c.padding[a] >= 0 && c.padding[a] <= c.kernel[a] / 2, name,
               ": padding must be between 0 and half of kernel_size, but got padding=", tail(c.padding, rank),
               ", kernel_size=", tail(c.kernel, rank));
  }
  return c;
}

void check_not_empty(const char* name, const char* what, const std::array<index_t, 5>& shape, int rank) {
  for (int a = 1; a < 5; ++a)
    NDNN_CHECK(shape[a] > 0, name, ": ", what, " must have no empty axis but N, but got ", what,
               " (C, size)=", Tuple{shape.data() + 1, 1}, " + ", Tuple{shape.data() + 5 - rank, rank});
}

std::array<Window, kMaxSpatial> windows_of(const Call& c, const std::array<index_t, 5>& shape) {
  check_not_empty(c.name, "input", shape, c.rank);
  std::array<Window, kMaxSpatial> all;
  for (int a = 0; a < kMaxSpatial; ++a) {
    Window& w = all[a];
    w.in = shape[2 + a];
    w.kernel = c.kernel[a];
    w.stride = c.stride[a];
    w.pad_lo = w.pad_hi = c.padding[a];
    if (const char* rule = set_output_size(w, c.ceil_mode))
      value_error(c.name, ": ", rule, ", but got input size=", Tuple{shape.data() + 5 - c.rank, c.rank},
                  ", kernel_size=", tail(c.kernel, c.rank), ", stride=", tail(c.stride, c.rank),
                  ", padding=", tail(c.padding, c.rank));
  }
  return all;
}

Axes outputs_of(const std::array<Window, kMaxSpatial>& all) { return {all[0].out, all[1].out, all[2].out}; }

AxisMaps maps_of(const Call& c, const std::array<Window, kMaxSpatial>& all) {
  AxisMaps maps;
  for (int a = 0; a < kMaxSpatial; ++a) {
    const Window& w = all[a];
    AxisMap& m = maps[a] = window_map(w);
    if (m.identity() || c.divisor != 0) continue;
    m.scale.resize(w.out);
    for (index_t o = 0; o < w.out; ++o) {
      const index_t begin = w.position(o, 0), end = std::min(begin + w.kernel, w.in + w.pad_hi);
      m.scale[o] = 1 / double(c.count_include_pad ? end - begin : m.count[o]);
    }
  }
  if (c.divisor != 0) {
    for (int a = kMaxSpatial - 1; a >= 0; --a)
      if (!maps[a].identity()) {
        maps[a].scale.assign(maps[a].out, 1 / c.divisor);
        return maps;
      }
    maps[2] = scaled_identity(maps[2].in, 1 / c.divisor);
  }
  return maps;
}

py::array avg_pool(const std::string& name, int rank, const py::object& input, const py::object& kernel_size,
                   const py::object& stride, const py::object& padding, const py::object& ceil_mode,
                   const py::object& count_include_pad, const py::object& divisor_override) {
  const Call c = to_call(name.c_str(), rank, kernel_size, stride, padding, ceil_mode, count_include_pad,
                         divisor_override);
  py::array x = to_array(c.name, "input", input);
  check_axes(c.name, "input", x, rank);
  return for_dtype(c.name, {&x}, [&](auto zero) {
    using T = decltype(zero);
    const auto windows = windows_of(c, to_view<T>(x, rank).shape);
    return resized<T>(x, rank, outputs_of(windows), [&] { return maps_of(c, windows); });
  });
}

py::array avg_pool_gradient(const std::string& name, int rank, const py::object& grad_output,
                            const py::object& input_size, const py::object& kernel_size,
                            const py::object& stride, const py::object& padding, const py::object& ceil_mode,
                            const py::object& count_include_pad, const py::object& divisor_override) {
  const Call c = to_call(name.c_str(), rank, kernel_size, stride, padding, ceil_mode, count_include_pad,
                         divisor_override);
  const std::array<index_t, 5> shape = to_sizes(c.name, "input_size", input_size, rank, false);
  py::array g = to_array(c.name, "grad_output", grad_output);
  check_axes(c.name, "grad_output", g, rank);
  const auto windows = windows_of(c, shape);
  check_gradient(c.name, g, rank, shape, outputs_of(windows));
  return for_dtype(c.name, {&g}, [&](auto zero) {
    return resized<decltype(zero)>(g, rank, {shape[2], shape[3], shape[4]},
                                   [&] { return transposed_maps(maps_of(c, windows)); });
  });
}

Axes adaptive_outputs(const char* name, Axes out, const std::array<index_t, 5>& shape, int rank) {
  for (int a = 0; a < kMaxSpatial; ++a) {
    NDNN_CHECK(shape[2 + a] > 0, name, ": input must have no empty axis but N and C, but got size=",
               Tuple{shape.data() + 5 - rank, rank});
    if (out[a] == kInputSize) out[a] = shape[2 + a];
  }
  return out;
}

AxisMaps adaptive_maps(const std::array<index_t, 5>& shape, const Axes& out) {
  AxisMaps maps;
  for (int a = 0; a < kMaxSpatial; ++a) maps[a] = adaptive_map(shape[2 + a], out[a]);
  return maps;
}

py::array adaptive_avg_pool(int rank, const py::object& input, const py::object& output_size) {
  const char* const name = adaptive_name(rank);
  const Axes sizes = to_output_size(name, output_size, rank);
  py::array x = to_array(name, "input", input);
  check_axes(name, "input", x, rank);
  return for_dtype(name, {&x}, [&](auto zero) {
    using T = decltype(zero);
    const std::array<index_t, 5> shape = to_view<T>(x, rank).shape;
    const Axes out = adaptive_outputs(name, sizes, shape, rank);
    return resized<T>(x, rank, out, [&] { return adaptive_maps(shape, out); });
  });
}

py::array adaptive_avg_pool_gradient(int rank, const py::object& grad_output, const py::object& input_size,
                                     const py::object& output_size) {
  const char* const name = adaptive_name(rank);
  const Axes sizes = to_output_size(name, output_size, rank);
  const std::array<index_t, 5> shape = to_sizes(name, "input_size", input_size, rank, false);
  py::array g = to_array(name, "grad_output", grad_output);
  check_axes(name, "grad_output", g, rank);
  const Axes out = adaptive_outputs(name, sizes, shape, rank);
  check_gradient(name, g, rank, shape, out);
  return for_dtype(name, {&g}, [&](auto zero) {
    return resized<decltype(zero)>(g, rank, {shape[2], shape[3], shape[4]},
                                   [&] { return transposed_maps(adaptive_maps(shape, out)); });
  });
}

}  // namespace

void bind_avg_pool(py::module_& m) {
  m.def("avg_pool", &avg_pool);
  m.def("avg_pool_gradient", &avg_pool_gradient);
  m.def("adaptive_avg_pool", &adaptive_avg_pool);
  m.def("adaptive_avg_pool_gradient", &adaptive_avg_pool_gradient);
}

}  // namespace ndnn
