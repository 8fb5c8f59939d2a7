// SPDX-License-Identifier: MIT
// The rules of a transposed convolution, in torch's argument order, and its output shape. Touches no data.
#include "ops/conv_transpose/conv_transpose.hpp"

namespace ndnn {

double ConvTransposeGeometry::macs() const {
  double n_macs = double(n) * double(c) * double(oc);
  for (const TransposedAxis& a : axis) n_macs *= double(a.in) * double(a.kernel);
  return n_macs;
}

namespace {

void set_out(const char* name, const ConvTransposeArgs& args, int axis, const Tuple& size,
             const Tuple& kernel, TransposedAxis& a) {
  const int rank = args.rank;
  const Checked extent = window_extent(a.kernel, a.dilation);
  const Checked out =
      (Checked(a.in) - 1) * a.stride - Checked(2) * a.padding + extent + args.output_padding[axis];
  const Checked reach = Checked(a.in) * a.stride + extent + a.padding + a.stride + args.output_padding[axis];
  const bool fits = !out.overflow && !reach.overflow && reach.value < index_t{1} << 61;
  NDNN_CHECK(fits && a.in >= 1 && out.value >= 1, name, ": ",
             !fits      ? "positions must stay below 2**61"
             : a.in < 1 ? "the input must have at least one element on every spatial axis"
                        : "the output must have at least one element on every axis",
             ", but got input size ", size, ", kernel_size=", kernel, ", stride=", tail(args.stride, rank),
             ", padding=", tail(args.padding, rank), ", output_padding=", tail(args.output_padding, rank),
             ", dilation=", tail(args.dilation, rank));
  a.out = out.value;
}

}  // namespace

ConvTransposeGeometry conv_transpose_geometry(const char* name, const ConvTransposeArgs& args,
                                              const std::array<index_t, 5>& x,
                                              const std::array<index_t, 5>& w, index_t bias_size) {
  const int rank = args.rank;
  const Tuple kernel{w.data() + 5 - rank, rank}, size{x.data() + 5 - rank, rank};
  NDNN_CHECK(args.groups >= 1, name, ": groups must be at least 1, but got groups=", args.groups);
  check_least(name, "stride", args.stride, rank, 1);
  check_least(name, "padding", args.padding, rank, 0);
  check_least(name, "output_padding", args.output_padding, rank, 0);
  check_least(name, "dilation", args.dilation, rank, 1);
  for (int a = 0; a < kMaxSpatial; ++a) {
    NDNN_CHECK(w[2 + a] >= 1, name, ": the kernel must have at least one tap on every axis, but got ",
               "kernel_size=", kernel);
    NDNN_CHECK(args.output_padding[a] < args.stride[a] || args.output_padding[a] < args.dilation[a], name,
               ": output_padding must be smaller than stride or dilation, but got output_padding=",
               tail(args.output_padding, rank), ", stride=", tail(args.stride, rank),
               " and dilation=", tail(args.dilation, rank));
  }
  ConvTransposeGeometry g;
  g.rank = rank;
  g.n = x[0];
  g.c = x[1];
  g.groups = args.groups;
  NDNN_CHECK(w[0] % g.groups == 0, name, ": groups must divide the input channels, but got groups=", g.groups,
             " and weight.shape[0]=", w[0]);
  NDNN_CHECK(g.c == w[0], name, ": input channels must be weight.shape[0], but got ", g.c,
             " input channels and weight.shape[0]=", w[0]);
  const Checked channels = Checked(w[1]) * g.groups;
  NDNN_CHECK(!channels.overflow, name,
             ": output channels overflow 64-bit integers, but got weight.shape[1]=", w[1],
             " and groups=", g.groups);
  g.oc_all = channels.value;
  NDNN_CHECK(bias_size < 0 || bias_size == g.oc_all, name,
             ": bias must have one element per output channel, but got bias.shape=(", bias_size,
             ",), weight.shape[1]=", w[1], " and groups=", g.groups);
  g.ic = g.c / g.groups;
  g.oc = w[1];
  for (int a = 0; a < kMaxSpatial; ++a) {
    g.axis[a] = {x[2 + a], w[2 + a], args.stride[a], args.dilation[a], args.padding[a], 1};
    set_out(name, args, a, size, kernel, g.axis[a]);
  }
  const index_t out[5] = {g.n, g.oc_all, g.axis[0].out, g.axis[1].out, g.axis[2].out};
  check_elements(name, "output", out, 5);
  check_elements(name, "weight", w.data(), 5);
  return g;
}

ConvTransposeGeometry input_gradient_geometry(const ConvGeometry& conv) {
  ConvTransposeGeometry g;
  g.rank = conv.rank;
  g.n = conv.n;
  g.c = conv.oc_all;
  g.oc_all = conv.c;
  g.groups = conv.groups;
  g.ic = conv.oc;
  g.oc = conv.ic;
  for (int a = 0; a < kMaxSpatial; ++a) {
    const Window& w = conv.axis[a];
    g.axis[a] = {w.out, w.kernel, w.stride, w.dilation, w.pad_lo, w.in};
  }
  return g;
}

ConvGeometry transpose_gradient_geometry(const ConvTransposeGeometry& t) {
  ConvGeometry g;
  g.rank = t.rank;
  g.n = t.n;
  g.c = t.oc_all;
  g.oc_all = t.c;
  g.groups = t.groups;
  g.ic = t.oc;
  g.oc = t.ic;
  for (int a = 0; a < kMaxSpatial; ++a) {
    const TransposedAxis& axis = t.axis[a];
    Window& w = g.axis[a];
    w.in = axis.out;
    w.kernel = axis.kernel;
    w.stride = axis.in > 1 ? axis.stride : 1;
    w.dilation = axis.kernel > 1 ? axis.dilation : 1;
    w.pad_lo = axis.padding;
    w.out = axis.in;  // with output_padding >= stride fewer than fit
  }
  return g;
}

}  // namespace ndnn
