// SPDX-License-Identifier: MIT
#include "bind/resize_arrays.hpp"

namespace ndnn {

void check_gradient(const char* fn, const py::array& g, int rank, const std::array<index_t, 5>& input,
                    const Axes& out) {
  const bool batched = g.ndim() == rank + 2;
  bool fits = batched ? g.shape(0) == input[0] : input[0] == 1;
  fits = fits && g.shape(batched) == input[1];
  for (int i = 1; i <= rank; ++i) fits = fits && g.shape(g.ndim() - i) == out[kMaxSpatial - i];
  NDNN_CHECK(fits, fn, ": grad_output must have the output's sizes ", tail(out, rank),
             " and N, C=", Tuple{input.data(), 2}, ", but got grad_output.shape=", shape_text(g));
}

AxisMaps transposed_maps(AxisMaps maps) {
  for (AxisMap& m : maps) m = transposed(m);
  return maps;
}

template <class T>
py::array scaled(const AxisMaps& maps, const py::array& x, int rank) {
  py::array y(x.attr("copy")("C"));
  const View<const T> v = to_view<T>(y, rank);
  T* to = static_cast<T*>(y.mutable_data());
  const auto factor = [&](int a, index_t i) { return maps[a].before.empty() ? 1 : maps[a].before[i]; };
  for (index_t plane = 0; plane < v.shape[0] * v.shape[1]; ++plane)
    for (index_t d = 0; d < v.shape[2]; ++d)
      for (index_t h = 0; h < v.shape[3]; ++h) {
        const double rows = factor(0, d) * factor(1, h);
        for (index_t w = 0; w < v.shape[4]; ++w, ++to) *to *= T(rows * factor(2, w));
      }
  return y;
}

template py::array scaled<float>(const AxisMaps&, const py::array&, int);
template py::array scaled<double>(const AxisMaps&, const py::array&, int);

}  // namespace ndnn
