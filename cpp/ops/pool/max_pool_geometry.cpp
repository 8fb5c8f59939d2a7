// SPDX-License-Identifier: MIT
// The rules of the windows, in torch's order.
#include "ops/pool/max_pool.hpp"

namespace ndnn {

Span PoolAxis::span(index_t o) const {
  if (starts) return {starts[o], w.kernel};
  if (adaptive) {  // o * in is below 2^62, see adaptive_pool_geometry()
    const index_t begin = o * w.in / w.out;
    return {begin, ceil_div((o + 1) * w.in, w.out) - begin};
  }
  const index_t first = o * w.stride - w.pad_lo;
  if (w.dilation == 1) {
    const index_t begin = std::max<index_t>(first, 0);
    return {begin, std::max<index_t>(std::min(first + w.kernel, w.in) - begin, 0)};
  }
  const index_t skipped = first < 0 ? ceil_div(-first, w.dilation) : 0;
  const index_t begin = first + skipped * w.dilation;
  const index_t inside = begin < w.in ? (w.in - 1 - begin) / w.dilation + 1 : 0;
  return {begin, std::max<index_t>(std::min(w.kernel - skipped, inside), 0)};
}

namespace {

// N may be 0, no other axis.
PoolGeometry of_shape(const char* fn, int rank, const std::array<index_t, 5>& shape) {
  PoolGeometry g;
  g.n = shape[0];
  g.c = shape[1];
  bool empty = g.c == 0;
  for (int a = 0; a < kMaxSpatial; ++a) {
    g.axis[a].w.in = shape[2 + a];
    empty |= shape[2 + a] == 0;
  }
  NDNN_CHECK(!empty, fn,
             ": input must not be empty but for N, but got (C, size) = ", Tuple{shape.data() + 1, 1}, ", ",
             Tuple{shape.data() + 5 - rank, rank});
  return g;
}

void check_size(const char* fn, const PoolGeometry& g) {
  const Axes out = g.out();
  const Checked all = Checked(g.n) * g.c * out[0] * out[1] * out[2] * Checked(8);
  NDNN_CHECK(!all.overflow, fn, ": the output must stay within 64-bit sizes, but got output_size=",
             Tuple{out.data(), kMaxSpatial});
}

}  // namespace

PoolGeometry max_pool_geometry(const char* fn, const PoolArgs& a, const std::array<index_t, 5>& shape) {
  for (int i = kMaxSpatial - a.rank; i < kMaxSpatial; ++i) {
    NDNN_CHECK(a.kernel[i] > 0, fn,
               ": kernel_size must be at least 1, but got kernel_size=", tail(a.kernel, a.rank));
    NDNN_CHECK(a.stride[i] > 0, fn, ": stride must be at least 1, but got stride=", tail(a.stride, a.rank));
    NDNN_CHECK(a.dilation[i] > 0, fn,
               ": dilation must be at least 1, but got dilation=", tail(a.dilation, a.rank));
    NDNN_CHECK(a.padding[i] >= 0 && a.padding[i] <= a.kernel[i] / 2, fn,
               ": padding must be at least 0 and at most half of kernel_size, but got padding=",
               tail(a.padding, a.rank), ", kernel_size=", tail(a.kernel, a.rank));
  }
  PoolGeometry g = of_shape(fn, a.rank, shape);
  for (int i = 0; i < kMaxSpatial; ++i) {
    Window& w = g.axis[i].w;
    w.kernel = a.kernel[i];
    w.stride = a.stride[i];
    w.dilation = a.dilation[i];
    w.pad_lo = w.pad_hi = a.padding[i];
    const char* rule = set_output_size(w, a.ceil_mode);
    NDNN_CHECK(!rule, fn, ": ", rule, ", but got size=", Tuple{shape.data() + 5 - a.rank, a.rank},
               ", kernel_size=", tail(a.kernel, a.rank), ", padding=", tail(a.padding, a.rank),
               ", dilation=", tail(a.dilation, a.rank));
  }
  check_size(fn, g);
  return g;
}

PoolGeometry adaptive_pool_geometry(const char* fn, int rank, const Axes& out,
                                    const std::array<index_t, 5>& shape) {
  PoolGeometry g = of_shape(fn, rank, shape);
  for (int i = 0; i < kMaxSpatial; ++i) {
    PoolAxis& axis = g.axis[i];
    Window& w = axis.w;
    w.out = i < kMaxSpatial - rank || out[i] == -1 ? w.in : out[i];
    const Checked reach = Checked(w.in) * (Checked(w.out) + 1);
    NDNN_CHECK(
        w.out >= 0 && !reach.overflow && reach.value < index_t{1} << 62, fn,
        ": output_size must be at least 0 and fit into 64-bit sizes, but got output_size=", tail(out, rank));
    axis.adaptive = w.out == 0 || w.in % w.out != 0;
    if (!axis.adaptive) w.kernel = w.stride = w.in / w.out;
    if (w.out == 1) w.stride = 1;
  }
  check_size(fn, g);
  return g;
}

PoolGeometry fractional_pool_geometry(const char* fn, int rank, const Axes& kernel, const Axes& out,
                                      const std::array<index_t, 5>& shape) {
  PoolGeometry g = of_shape(fn, rank, shape);
  for (int i = kMaxSpatial - rank; i < kMaxSpatial; ++i) {
    Window& w = g.axis[i].w;
    NDNN_CHECK(kernel[i] > 0, fn,
               ": kernel_size must be at least 1, but got kernel_size=", tail(kernel, rank));
    const Checked reach = Checked(out[i]) + kernel[i];
    const index_t least = rank == 2 ? 1 : 0;  // in three dimensions torch wants one more
    NDNN_CHECK(out[i] >= 0 && !reach.overflow && reach.value - least <= w.in, fn,
               ": output_size + kernel_size", rank == 2 ? " - 1" : "",
               " must be at most the input's size, but got output_size=", tail(out, rank),
               ", kernel_size=", tail(kernel, rank), ", size=", Tuple{shape.data() + 5 - rank, rank});
    w.kernel = kernel[i];
    w.out = out[i];
  }
  check_size(fn, g);
  return g;
}

}  // namespace ndnn
