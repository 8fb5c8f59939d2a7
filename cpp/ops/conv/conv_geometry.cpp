// SPDX-License-Identifier: MIT
// The rules of a convolution, in torch's argument order, and its output shape. Touches no data.
#include "ops/conv/conv.hpp"

namespace ndnn {

void check_least(const char* name, const char* what, const Axes& values, int rank, index_t least) {
  for (const index_t v : values)
    NDNN_CHECK(v >= least, name, ": ", what, " must be at least ", least, ", but got ", what, "=",
               tail(values, rank));
}

void check_elements(const char* name, const char* what, const index_t* sizes, int count) {
  Checked n = 8;  // bytes of the largest element
  bool zero = false;
  for (int i = 0; i < count; ++i) {
    if (sizes[i] == 0) zero = true;
    else n = n * sizes[i];
  }
  NDNN_CHECK(!n.overflow && n.value < (index_t{1} << 50), name, ": the ", what,
             " would have more elements than memory can address, but got its shape ",
             zero ? "(with a zero axis) " : "", Tuple{sizes, count});
}

ConvGeometry conv_geometry(const char* name, const ConvArgs& args, const std::array<index_t, 5>& x,
                           const std::array<index_t, 5>& w, index_t bias_size) {
  const int rank = args.rank;
  NDNN_CHECK(args.groups >= 1, name, ": groups must be at least 1, but got groups=", args.groups);
  check_least(name, "stride", args.stride, rank, 1);
  if (args.mode == Padding::given) check_least(name, "padding", args.padding, rank, 0);
  check_least(name, "dilation", args.dilation, rank, 1);

  ConvGeometry g;
  g.rank = rank;
  g.n = x[0];
  g.c = x[1];
  g.oc_all = w[0];
  g.groups = args.groups;
  const Tuple kernel{w.data() + 5 - rank, rank}, size{x.data() + 5 - rank, rank};
  for (int a = 0; a < kMaxSpatial; ++a)
    NDNN_CHECK(w[2 + a] >= 1, name, ": the kernel must have at least one tap on every axis, but got ",
               "kernel_size=", kernel);
  NDNN_CHECK(g.oc_all % g.groups == 0, name,
             ": groups must divide the output channels, but got groups=", g.groups,
             " and weight.shape[0]=", g.oc_all);
  // groups*w[1] could overflow: divide instead.
  NDNN_CHECK(g.c % g.groups == 0 && g.c / g.groups == w[1], name,
             ": input channels must be groups * weight.shape[1], but got ", g.c,
             " input channels, groups=", g.groups, " and weight.shape[1]=", w[1]);
  NDNN_CHECK(bias_size < 0 || bias_size == g.oc_all, name,
             ": bias must have one element per output channel, but got bias.shape=(", bias_size,
             ",) and weight.shape[0]=", g.oc_all);
  g.ic = w[1];
  g.oc = g.oc_all / g.groups;

  for (int a = 0; a < kMaxSpatial; ++a) {
    Window& axis = g.axis[a];
    axis.in = x[2 + a];
    axis.kernel = w[2 + a];
    axis.stride = args.stride[a];
    axis.dilation = args.dilation[a];
    if (args.mode == Padding::given) axis.pad_lo = axis.pad_hi = args.padding[a];
    if (args.mode == Padding::same) {
      NDNN_CHECK(axis.stride == 1, name,
                 ": padding='same' needs stride 1, but got stride=", tail(args.stride, rank));
      NDNN_CHECK(set_same_padding(axis), name, ": padding='same' overflows 64-bit integers, but got ",
                 "kernel_size=", kernel, " and dilation=", tail(args.dilation, rank));
    }
    const char* const broken = set_output_size(axis);
    NDNN_CHECK(!broken, name, ": ", broken, ", but got input size ", size, ", kernel_size=", kernel,
               ", stride=", tail(args.stride, rank), ", padding=", tail(args.padding, rank),
               ", dilation=", tail(args.dilation, rank));
  }
  const index_t out[5] = {g.n, g.oc_all, g.axis[0].out, g.axis[1].out, g.axis[2].out};
  check_elements(name, "output", out, 5);
  check_elements(name, "weight", w.data(), 5);
  // A window that reads only padding would make the result a constant; torch allows it, so do we.
  return g;
}

WeightLayout weight_layout(const ConvGeometry& g, bool flip) {
  WeightLayout l;
  index_t all = 1;
  for (int a = kMaxSpatial - 1; a >= 0; --a) {
    const index_t kernel = g.axis[a].kernel;
    l.tap_pitch[a] = flip ? -all : all;
    if (flip) l.first += (kernel - 1) * all;
    all *= kernel;
  }
  l.channel_pitch = all;
  l.out_pitch = all * g.ic;
  l.group_pitch = l.out_pitch * g.oc;
  return l;
}

void merge_axes(ConvGeometry& g, std::array<index_t, 5>& x_stride) {
  // Outer axis a into a + 1, from the inside: both must map output o to input o.
  for (int a = kMaxSpatial - 2; a >= 0; --a) {
    Window &outer = g.axis[a], &inner = g.axis[a + 1];
    index_t &so = x_stride[2 + a], &si = x_stride[3 + a];
    if (!outer.trivial() || !inner.trivial()) continue;
    if (outer.in == 1 || (inner.in > 1 && so == inner.in * si) || inner.in == 1) {
      if (inner.in == 1) si = so;
      inner.in = inner.out = inner.in * outer.in;
      outer.in = outer.out = 1;
    }
  }
  g.unit_rows = x_stride[4] == 1 || g.axis[2].in <= 1;
}

}  // namespace ndnn
