// SPDX-License-Identifier: MIT
// From the maps of an operator's axes to its result.
#pragma once
#include <algorithm>

#include "bind/arrays.hpp"
#include "ops/resize/resize.hpp"

namespace ndnn {

// A ValueError unless grad_output is that of an input of these five axes and the outputs.
void check_gradient(const char* fn, const py::array& grad_output, int rank,
                    const std::array<index_t, 5>& input, const Axes& out);
AxisMaps transposed_maps(AxisMaps maps);
// A copy of x whose elements are multiplied along the axes that have factors.
template <class T>
py::array scaled(const AxisMaps& maps, const py::array& x, int rank);
// The result of mapping x, (N, C, in...) or (C, in...). make() gives the maps; it is called once there is
// memory for the result.
template <class T, class Make>
py::array resized(py::array x, int rank, const Axes& out, Make&& make) {
  View<const T> v = to_view<T>(x, rank);
  py::array y = new_output(x.dtype(), rank, x.ndim() == rank + 2, v.shape[0], v.shape[1], out);
  T* const to = static_cast<T*>(y.mutable_data());
  if (x.size() == 0 || y.size() == 0) {
    std::fill_n(to, y.size(), T(0));
    return y;
  }
  AxisMaps maps = make();
  for (const AxisMap& m : maps)
    if (!m.before.empty()) {
      x = scaled<T>(maps, x, rank);
      v = to_view<T>(x, rank);
      break;
    }
  const bool dense = join_axes(maps, v.shape);
  const bool copies = maps[0].identity() && maps[1].identity() && maps[2].identity();
  if (dense || copies || v.stride[4] != 1) {
    make_contiguous(x);
    v.data = static_cast<const T*>(x.data());
    v.stride = dense_strides(v.shape);
  }
  if (copies) {
    std::copy_n(v.data, y.size(), to);
    return y;
  }
  const ResizePlan<T> plan = plan_resize<T>(std::move(maps), v, active_isa(), call_threads());
  run_body(plan.cycles, [&] { run_resize<T>(plan, v.data, to); });
  return y;
}

}  // namespace ndnn
