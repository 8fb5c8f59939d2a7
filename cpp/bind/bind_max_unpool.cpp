// SPDX-License-Identifier: MIT
#include "bind/arrays.hpp"
#include "core/parallel.hpp"
#include "ops/unpool/max_unpool.hpp"

namespace ndnn {
namespace {

const char* const kNames[] = {"max_unpool1d", "max_unpool2d", "max_unpool3d"};

// A contiguous int64 array of the shape of x.
py::array to_indices(const char* name, const py::object& value, const py::array& x) {
  py::array indices = to_integer_array(name, "indices", value);
  NDNN_CHECK(indices.ndim() == x.ndim() && std::equal(x.shape(), x.shape() + x.ndim(), indices.shape()), name,
             ": indices must have the input's shape ", shape_text(x),
             ", but got indices.shape=", shape_text(indices));
  make_contiguous(indices);
  return indices;
}

Axes spatial(const py::array& a, int rank) {
  Axes size{1, 1, 1};
  for (int i = 0; i < rank; ++i) size[kMaxSpatial - rank + i] = a.shape(a.ndim() - rank + i);
  return size;
}

// output_size: `rank` sizes, or a whole shape that ends with them.
Axes to_wanted(const char* name, const py::object& value, int rank, py::ssize_t ndim) {
  py::object sizes = value;
  if ((PyTuple_Check(value.ptr()) || PyList_Check(value.ptr())) && py::len(value) > std::size_t(rank) &&
      (py::len(value) == std::size_t(rank + 2) || py::len(value) == std::size_t(ndim))) {
    const py::tuple all(value);
    sizes = all[py::slice(py::ssize_t(all.size()) - rank, py::ssize_t(all.size()), 1)];
  }
  return to_axes(name, "output_size", sizes, rank, 1);
}

[[noreturn]] void refuse_index(const char* name, const py::array& indices, index_t place, const Axes& out,
                               int rank) {
  std::array<index_t, 5> at{};
  index_t rest = place;
  for (auto i = indices.ndim(); i-- > 0; rest /= indices.shape(i)) at[i] = rest % indices.shape(i);
  value_error(name, ": indices must lie in a plane of ", tail(out, rank), ", but got indices[",
              Tuple{at.data(), int(indices.ndim())},
              "]=", static_cast<const std::int64_t*>(indices.data())[place]);
}

py::array max_unpool(int rank, const py::object& input, const py::object& indices,
                     const py::object& kernel_size, const py::object& stride, const py::object& padding,
                     const py::object& output_size) {
  const char* const name = kNames[rank - 1];
  UnpoolArgs a;
  a.rank = rank;
  a.kernel = to_axes(name, "kernel_size", kernel_size, rank, 1);
  a.stride = stride.is_none() ? a.kernel : to_axes(name, "stride", stride, rank, 1);
  a.padding = to_axes(name, "padding", padding, rank, 0);
  const bool given = !output_size.is_none();
  py::array x = to_array(name, "input", input);
  const Axes wanted = given ? to_wanted(name, output_size, rank, x.ndim()) : Axes{};
  const py::array whole = to_integer_array(name, "indices", indices);
  x = to_array(name, "input", x);  // as it is now: sizes and indices may have run Python code
  check_axes(name, "input", x, rank);
  const Axes in = spatial(x, rank);
  const bool batched = x.ndim() == rank + 2;
  const index_t n = batched ? x.shape(0) : 1, c = x.shape(batched);
  NDNN_CHECK(c > 0 && product(in) > 0, name,
             ": input must not be empty but for N, but got input.shape=", shape_text(x));
  const py::array places = to_indices(name, whole, x);
  const Axes out = max_unpool_size(name, a, in, given ? &wanted : nullptr);
  return for_dtype(name, {&x}, [&](auto zero) {
    using T = decltype(zero);
    make_contiguous(x);
    py::array y = new_output(x.dtype(), rank, batched, n, c, out);
    const auto* from = static_cast<const T*>(x.data());
    const auto* at = static_cast<const std::int64_t*>(places.data());
    auto* to = static_cast<T*>(y.mutable_data());
    const double cycles = double(x.size()) * kUnpoolCycles + double(y.size()) / 8;
    const int threads = useful_threads(cycles, call_threads());
    index_t bad = -1;
    run_body(cycles,
             [&] { bad = run_max_unpool<T>(n * c, product(in), product(out), from, at, to, threads); });
    if (bad >= 0) refuse_index(name, places, bad, out, rank);
    return y;
  });
}

py::array max_unpool_gradient(int rank, const py::object& grad_output, const py::object& indices) {
  const char* const name = kNames[rank - 1];
  py::array dy = to_array(name, "grad_output", grad_output);
  check_axes(name, "grad_output", dy, rank);
  py::array places = to_integer_array(name, "indices", indices);
  check_axes(name, "indices", places, rank);
  make_contiguous(places);
  const auto lead = dy.ndim() - rank;
  NDNN_CHECK(places.ndim() == dy.ndim() && std::equal(dy.shape(), dy.shape() + lead, places.shape()), name,
             ": grad_output must have the output's shape, but got grad_output.shape=", shape_text(dy));
  return for_dtype(name, {&dy}, [&](auto zero) {
    using T = decltype(zero);
    make_contiguous(dy);
    py::array dx(dy.dtype(), py::array::ShapeContainer(places.shape(), places.shape() + places.ndim()));
    const index_t in = product(spatial(places, rank)), out = product(spatial(dy, rank));
    const index_t planes = in ? places.size() / in : 0;
    const auto* from = static_cast<const T*>(dy.data());
    const auto* at = static_cast<const std::int64_t*>(places.data());
    auto* to = static_cast<T*>(dx.mutable_data());
    const double cycles = double(dx.size()) * kUnpoolCycles;
    const int threads = useful_threads(cycles, call_threads());
    run_body(cycles, [&] { run_max_unpool_gradient<T>(planes, in, out, from, at, to, threads); });
    return dx;
  });
}

}  // namespace

void bind_max_unpool(py::module_& m) {
  m.def("max_unpool", &max_unpool);
  m.def("max_unpool_gradient", &max_unpool_gradient);
}

}  // namespace ndnn
