// SPDX-License-Identifier: MIT
// Interpolation to other sizes, and its gradient.
#include <cmath>

#include "bind/resize_arrays.hpp"
#include "ops/resize/interpolation.hpp"

namespace ndnn {
namespace {

constexpr const char* kName = "interpolate";

struct Mode {
  const char* name;
  Interpolation mode;
  int rank;  // 0: any
};
constexpr Mode kModes[] = {
    {"nearest", Interpolation::nearest, 0}, {"nearest-exact", Interpolation::nearest_exact, 0},
    {"area", Interpolation::area, 0},       {"linear", Interpolation::linear, 1},
    {"bilinear", Interpolation::linear, 2}, {"bicubic", Interpolation::cubic, 2},
    {"lanczos", Interpolation::lanczos, 2}, {"trilinear", Interpolation::linear, 3}};

const Mode& to_mode(const py::object& value) {
  if (!PyUnicode_Check(value.ptr()))
    type_error(kName, ": mode must be a str, but got ", Py_TYPE(value.ptr())->tp_name);
  for (const Mode& m : kModes)
    if (PyUnicode_CompareWithASCIIString(value.ptr(), m.name) == 0) return m;
  std::string names;
  for (const Mode& m : kModes) names += concat(names.empty() ? "" : ", ", m.name);
  value_error(kName, ": mode must be one of ", names, ", but got mode=", text_of(value));
}

// One number for all axes, or one for each.
template <class Number>
struct Numbers {
  bool given = false, each = false;
  std::vector<Number> of;

  template <class Convert>
  Numbers(const py::object& value, const char* name, Convert&& convert) {
    if (value.is_none()) return;
    given = true;
    each = PyTuple_Check(value.ptr()) || PyList_Check(value.ptr());
    if (!each) {
      of.push_back(convert(kName, name, value));
      return;
    }
    const py::tuple items(value);  // a copy: items may run code that changes a list
    NDNN_CHECK(items.size() <= kMaxSpatial, kName, ": ", name, " must have one value for each axis, but got ",
               items.size(), " values");
    for (const py::handle item : items) of.push_back(convert(kName, name, item));
  }
  Number at(int axis) const { return of[each ? axis : 0]; }
};

struct Call {
  const Mode* mode;
  Numbers<index_t> size;
  Numbers<double> scale;
  bool align_corners, recompute, antialias;
};

Call to_call(const py::object& size, const py::object& scale_factor, const py::object& mode,
             const py::object& align_corners, const py::object& recompute_scale_factor,
             const py::object& antialias) {
  const auto flag = [](const char* name, const py::object& value) {
    return !value.is_none() && to_flag(kName, name, value);
  };
  Call c{&to_mode(mode),
         {size, "size", to_index},
         {scale_factor, "scale_factor", to_real},
         flag("align_corners", align_corners),
         flag("recompute_scale_factor", recompute_scale_factor),
         to_flag(kName, "antialias", antialias)};
  const Interpolation m = c.mode->mode;
  NDNN_CHECK(c.size.given != c.scale.given, kName,
             ": size or scale_factor must be given, and not both, but got size=", text_of(size),
             ", scale_factor=", text_of(scale_factor));
  NDNN_CHECK(
      align_corners.is_none() || c.mode->rank > 0, kName,
      ": align_corners must be None unless mode is linear, bilinear, bicubic or trilinear, but got mode=",
      c.mode->name, ", align_corners=", text_of(align_corners));
  NDNN_CHECK(!c.recompute || c.scale.given, kName,
             ": recompute_scale_factor must have a scale_factor, but got size=", text_of(size));
  NDNN_CHECK(!c.antialias || c.mode->rank == 2, kName,
             ": antialias must have mode bilinear, bicubic or lanczos, but got mode=", c.mode->name);
  NDNN_CHECK(m != Interpolation::lanczos || (c.antialias && !c.align_corners), kName,
             ": mode lanczos must have antialias=True and align_corners=False, but got antialias=",
             text_of(antialias), ", align_corners=", text_of(align_corners));
  c.recompute = c.recompute || m == Interpolation::area;
  return c;
}

using InterpolationAxes = std::array<InterpolationAxis, kMaxSpatial>;

InterpolationAxes axes_of(const Call& c, const std::array<index_t, 5>& shape, int rank) {
  NDNN_CHECK(c.mode->rank == 0 || c.mode->rank == rank, kName, ": mode ", c.mode->name,
             " must have an input of ", c.mode->rank + 2, " axes, but got ", rank + 2);
  const std::size_t count = c.size.given ? c.size.of.size() : c.scale.of.size();
  NDNN_CHECK(!(c.size.each || c.scale.each) || count == static_cast<std::size_t>(rank), kName, ": ",
             c.size.given ? "size" : "scale_factor", " must have one value for each of ", rank,
             " axes, but got ", count, " values");
  const bool area = c.mode->mode == Interpolation::area;
  const Tuple sizes{shape.data() + 5 - rank, rank};
  for (int i = area ? 2 : 1; i < 5; ++i)
    NDNN_CHECK(shape[i] > 0, kName, ": input must have no empty axis but N, but got C=", shape[1],
               ", size=", sizes);
  InterpolationAxes axes{{{1, 1, 0}, {1, 1, 0}, {1, 1, 0}}};
  for (int i = 0; i < rank; ++i) {
    InterpolationAxis& a = axes[kMaxSpatial - rank + i];
    a.in = shape[5 - rank + i];
    if (c.size.given) {
      a.out = c.size.at(i);
      NDNN_CHECK(a.out >= (area ? 0 : 1), kName, ": size must be at least ", area ? 0 : 1,
                 ", but got size=", a.out);
    } else {
      const double out = double(a.in) * c.scale.at(i);
      NDNN_CHECK(out >= (area ? 0 : 1) && out < 0x1p62, kName,
                 ": scale_factor must give a size of at least 1 and below 2**62, but got scale_factor=",
                 c.scale.at(i), " for size=", a.in);
      a.out = static_cast<index_t>(out);
      if (!c.recompute) a.scale = c.scale.at(i);
    }
  }
  return axes;
}

template <class T>
AxisMaps maps_of(const Call& c, const InterpolationAxes& axes) {
  AxisMaps maps;
  for (int a = 0; a < kMaxSpatial; ++a)
    maps[a] = axes[a].in == 1 && axes[a].out == 1
                  ? identity_map(1)
                  : interpolation_map<T>(axes[a], c.mode->mode, c.align_corners, c.antialias);
  return maps;
}

int rank_of(const py::array& a, const char* name) {
  NDNN_CHECK(a.ndim() >= 3 && a.ndim() <= 5, kName, ": ", name,
             " must have 3 to 5 axes (N, C, size), but got ", name, ".shape=", shape_text(a));
  return static_cast<int>(a.ndim()) - 2;
}

py::array interpolate(const py::object& input, const py::object& size, const py::object& scale_factor,
                      const py::object& mode, const py::object& align_corners,
                      const py::object& recompute_scale_factor, const py::object& antialias) {
  const Call c = to_call(size, scale_factor, mode, align_corners, recompute_scale_factor, antialias);
  py::array x = to_array(kName, "input", input);
  const int rank = rank_of(x, "input");
  return for_dtype(kName, {&x}, [&](auto zero) {
    using T = decltype(zero);
    const InterpolationAxes axes = axes_of(c, to_view<T>(x, rank).shape, rank);
    return resized<T>(x, rank, {axes[0].out, axes[1].out, axes[2].out}, [&] { return maps_of<T>(c, axes); });
  });
}

py::array interpolate_gradient(const py::object& grad_output, const py::object& input_size,
                               const py::object& size, const py::object& scale_factor, const py::object& mode,
                               const py::object& align_corners, const py::object& recompute_scale_factor,
                               const py::object& antialias) {
  const Call c = to_call(size, scale_factor, mode, align_corners, recompute_scale_factor, antialias);
  const py::tuple sizes(input_size);
  NDNN_CHECK(sizes.size() >= 3 && sizes.size() <= 5, kName, ": input_size must have 3 to 5 sizes, but got ",
             sizes.size());
  const int rank = static_cast<int>(sizes.size()) - 2;
  const std::array<index_t, 5> shape = to_sizes(kName, "input_size", sizes, rank, false);
  py::array g = to_array(kName, "grad_output", grad_output);
  check_axes(kName, "grad_output", g, rank);
  const InterpolationAxes axes = axes_of(c, shape, rank);
  check_gradient(kName, g, rank, shape, {axes[0].out, axes[1].out, axes[2].out});
  return for_dtype(kName, {&g}, [&](auto zero) {
    using T = decltype(zero);
    return resized<T>(g, rank, {shape[2], shape[3], shape[4]},
                      [&] { return transposed_maps(maps_of<T>(c, axes)); });
  });
}

}  // namespace

void bind_interpolate(py::module_& m) {
  m.def("interpolate", &interpolate);
  m.def("interpolate_gradient", &interpolate_gradient);
}

}  // namespace ndnn
