// SPDX-License-Identifier: MIT
// Transposed convolution of every rank, which is also the gradient of a convolution for its input:
//   y[o] = bias + sum over i, k with o = i*stride - padding + k*dilation of w[k] * x[i]
//
// Outputs phase + j*stride meet every tap_step-th tap only, and where j grows by one, so does i: each phase
// is an ordinary convolution of stride 1 with a part of the kernel. No zero is multiplied, no column stored,
// and every algorithm of conv/ serves. Phases that read the same inputs (all of a 2x2 kernel with stride 2)
// are one convolution with more output channels.
#pragma once
#include <string>
#include <vector>

#include "ops/conv/conv.hpp"

namespace ndnn {

struct ConvTransposeArgs {
  int rank = 2;
  Axes stride{1, 1, 1}, padding{0, 0, 0}, output_padding{0, 0, 0}, dilation{1, 1, 1};
  index_t groups = 1;
};

struct TransposedAxis {
  index_t in = 1, kernel = 1, stride = 1, dilation = 1, padding = 0, out = 1;
};

// x: (N, C, in...), w: (C, OC/groups, K...), y: (N, OC, out...); ic and oc are channels of one group.
struct ConvTransposeGeometry {
  int rank = 2;
  index_t n = 1, c = 1, oc_all = 1, groups = 1, ic = 1, oc = 1;
  TransposedAxis axis[kMaxSpatial];
  index_t pixels() const { return axis[0].out * axis[1].out * axis[2].out; }
  double macs() const;
};

// Throws ValueError in the order of torch's arguments. `name` is the user's function: "conv_transpose2d".
ConvTransposeGeometry conv_transpose_geometry(const char* name, const ConvTransposeArgs& args,
                                              const std::array<index_t, 5>& x,
                                              const std::array<index_t, 5>& w, index_t bias_size);
// Of the gradient of a convolution for its input: x is the gradient for its output.
ConvTransposeGeometry input_gradient_geometry(const ConvGeometry& conv);

// Of the gradient of a transposed convolution for its input: a convolution of the gradient for its output.
ConvGeometry transpose_gradient_geometry(const ConvTransposeGeometry& g);

// One phase of an axis, as a member of its class.
struct Phase {
  index_t phase, shift;
  index_t first_tap;  // that meets the first of its inputs
};
// Phases of one axis that are computed together: output j of each is number j + shift of the class, which
// reads `taps` inputs from that + low on.
struct PhaseClass {
  index_t taps = 1, low = 0;
  std::vector<Phase> phases;
};

// Outputs first <= j < first + size of every phase, and images: what one pass computes.
struct PhaseBox {
  Axes first{0, 0, 0}, size{1, 1, 1};
  index_t image = 0, images = 1;
};

// The phases of one class on each axis, together one convolution.
struct PhaseConvolution {
  Axes phase_class{0, 0, 0};
  WeightLayout weights;
  ConvPlan plan;  // for the first box
};

struct ConvTransposePlan {
  ConvTransposeGeometry g;
  Isa isa = Isa::base;
  int item_bytes = 4, threads = 1;
  bool packed = false;
  std::array<index_t, 5> x_stride{};
  std::vector<PhaseClass> classes[kMaxSpatial];
  std::vector<PhaseConvolution> parts;
  PhaseBox box;            // the first and largest
  bool in_output = false;  // one phase: its convolution writes y itself, else into scratch
  bool stencils = false;   // depthwise, in sets that can mask lanes: what every part is, however x lies
  bool by_planes = false;  // then, where rows of x are dense: each thread computes all phases of one plane,
                           // then interleaves them
  index_t band = 1;        // by_planes: so many rows of each phase at a time, which stay in L1
  index_t scratch_elements = 0;
  std::size_t scratch_bytes = 0;  // of this and the largest convolution
  index_t packed_elements = 0;
  double cycles = 0;  // estimate, one thread
};

// flip: the kernel is rotated by 180 degrees. x_stride: of x, in elements.
ConvTransposePlan plan_conv_transpose(const ConvTransposeGeometry& g, bool flip,
                                      const std::array<index_t, 5>& x_stride, int item_bytes, Isa isa,
                                      int max_threads, bool packed);
std::string describe(const char* name, const ConvTransposePlan& plan);

// The convolution of a part over a box; where it meets no input, it has no channels.
struct BoxConvolution {
  ConvGeometry g;
  std::array<index_t, 5> x_stride{};
  index_t x_offset = 0;
};
BoxConvolution box_convolution(const ConvTransposePlan& p, const PhaseConvolution& part, const PhaseBox& box);
ConvPlan plan_part(const ConvTransposePlan& p, const ConvGeometry& g, int max_threads, bool packed);
// Outputs of a class along an axis within a box.
inline index_t class_outputs(const TransposedAxis& a, const PhaseClass& c, index_t first, index_t size) {
  index_t n = 0;
  for (const Phase& p : c.phases) {
    const index_t own = std::clamp<index_t>((a.out - p.phase - 1) / a.stride + 1 - first, 0, size);
    if (own > 0) n = std::max(n, own + p.shift);
  }
  return n;
}

// Outputs of a part along each axis within a box, of one phase; the rows of a plane from `row` on.
Axes part_outputs(const ConvTransposePlan& p, const PhaseConvolution& part, const PhaseBox& box);
PhaseBox band_at(const ConvTransposePlan& p, index_t row);
// by_planes: scratch of one thread, in bytes.
struct PlanesScratch {
  std::size_t columns, total;
};
PlanesScratch planes_scratch(const ConvTransposePlan& plan);

// packed: of each part, in the form of its plan; none by planes, which read w. y is C-contiguous; bias may be
// null.
template <class T>
void run_conv_transpose(const ConvTransposePlan& plan, const View<const T>& x, const T* w,
                        const std::vector<const T*>& packed, const T* bias, T* y);
// With the packed weights in scratch.
template <class T>
void pack_and_run_conv_transpose(const ConvTransposePlan& plan, const View<const T>& x, const T* w,
                                 const T* bias, T* y);

}  // namespace ndnn
