// SPDX-License-Identifier: MIT
// Convolution, every rank: the family's whole C++ surface.
//   geometry = conv_geometry(...)      rules and output shape       (conv_geometry.cpp)
//   plan     = plan_conv(geometry)     algorithm, blocks, threads   (conv_plan.cpp)
//   pack_conv(plan, w, packed)         weights in the plan's form   (conv_pack.cpp)
//   run_conv(plan, x, packed, e, y)    the loop nest                (conv_run.cpp)
#pragma once
#include <string>
#include <vector>

#include "core/isa.hpp"
#include "core/view.hpp"
#include "core/window.hpp"
#include "ops/conv/epilogue.hpp"

namespace ndnn {

enum class Padding { given, same, valid };

struct ConvArgs {
  int rank = 2;
  Axes stride{1, 1, 1}, padding{0, 0, 0}, dilation{1, 1, 1};  // leading axes of lower ranks stay unit
  Padding mode = Padding::given;
  index_t groups = 1;
};

// A checked convolution: N, C, OC are whole arrays' sizes, ic and oc those of one group.
struct ConvGeometry {
  int rank = 2;
  index_t n = 1, c = 1, oc_all = 1, groups = 1, ic = 1, oc = 1;
  Window axis[kMaxSpatial];

  index_t taps() const { return axis[0].kernel * axis[1].kernel * axis[2].kernel; }
  index_t pixels() const { return axis[0].out * axis[1].out * axis[2].out; }
  double macs() const { return double(n) * double(oc_all) * double(pixels()) * double(taps()) * double(ic); }
};

// x: (N, C, D, H, W), w: (OC, C/groups, KD, KH, KW); batched says whether the caller's input had an N.
// Throws ValueError in the order of torch's arguments. `name` is the user's function: "conv2d".
ConvGeometry conv_geometry(const char* name, const ConvArgs& args, const std::array<index_t, 5>& x,
                           const std::array<index_t, 5>& w, index_t bias_size /* -1: none */);

// Joins spatial axes over which nothing slides (1x1 kernels) and whose elements x has evenly spaced, so that
// rows get long. xs: strides of x, changed along with g; the output is the same memory.
void merge_axes(ConvGeometry& g, std::array<index_t, 5>& x_stride);

enum class ConvAlgorithm { stencil, lanes_on_channels, lanes_on_pixels };  // the last two accept everything
constexpr int kConvAlgorithms = 3;
const char* algorithm_name(ConvAlgorithm a);
bool accepts(ConvAlgorithm a, const ConvGeometry& g);
// Why an algorithm does not do this convolution, or an empty text.
std::string refusal(ConvAlgorithm a, const ConvGeometry& g);

// How a block of input is copied into scratch along one axis, padding filled in.
//   dense      every position the tile touches:         tap k of output o at o*stride + k*dilation
//   phases     one copy for each position modulo stride: at o + k*dilation/stride of copy k*dilation % stride
//   separate   one copy for each tap:                    at o of copy k
// All are linear in o with step `step`, so that row and reduction offsets separate.
struct Staging {
  enum Kind { dense, phases, separate } kind = dense;
  index_t copies = 1;
  index_t length = 1;  // staged positions of one copy
  index_t step = 1;    // staged distance of neighbouring outputs
};

// Which packed form of the weights a plan reads; equal forms share one packed copy.
struct PackForm {
  ConvAlgorithm algorithm = ConvAlgorithm::lanes_on_channels;
  index_t groups = 1, ic_block = 1;
  Axes tap_block{1, 1, 1};
  int panel = 1;  // channels of a full panel
  bool operator==(const PackForm& o) const {
    return algorithm == o.algorithm && groups == o.groups && ic_block == o.ic_block &&
           tap_block == o.tap_block && panel == o.panel;
  }
};

struct ConvPlan {
  ConvGeometry g;
  PackForm form;
  Isa isa = Isa::base;
  int item_bytes = 4;
  int threads = 1;
  Axes tile{1, 1, 1};       // outputs of one spatial tile: whole rows, or part of one row
  Axes tiles{1, 1, 1};      // how many along each axis
  index_t group_block = 1;  // stencil: groups of one task
  index_t images = 1;       // channels: small images are dealt together, this many in one tile
  Staging stage[kMaxSpatial];
  // Staged offsets, elements: of neighbouring positions of a copy, of neighbouring copies, of images, of
  // channels.
  Axes pitch{1, 1, 1}, copy_pitch{1, 1, 1};
  index_t image_pitch = 1, plane_pitch = 1;
  index_t panels = 1;        // channel panels of one group
  index_t splits = 1;        // the panels are dealt to this many tasks
  index_t blocks = 1;        // reduction blocks
  bool by_taps = false;      // channels: outputs that touch the same taps are dealt together
  bool row_tiles = false;    // pixels: a kernel call stays in one row
  bool in_output = false;    // pixels: no gaps between rows, sums live in y itself
  index_t kernel_calls = 0;  // of one tile and panel, at most
  index_t stage_elements = 0, sums_elements = 0;  // scratch of one thread, elements
  std::size_t scratch_bytes = 0;                  // of all threads
  index_t packed_elements = 0;
  double cycles = 0;  // estimate, one thread
};

// The plan for one call: pure, touches no data. elem is 4 or 8 bytes; max_threads the limit.
ConvPlan plan_conv(const ConvGeometry& g, int item_bytes, Isa isa, int max_threads);
// The plan with the algorithm given, for explain().
ConvPlan plan_conv(const ConvGeometry& g, int item_bytes, Isa isa, int max_threads, ConvAlgorithm a);
// For tests: every plan from now on uses this algorithm; "" lets the plan choose again.
void force_algorithm(const std::string& name);
// One line for people: what was chosen, with what, and why not the others.
std::string describe(const char* name, const ConvPlan& plan);

// w is C-contiguous (OC, C/groups, KD, KH, KW); flip rotates the kernel by 180 degrees.
template <class T>
void pack_conv(const ConvPlan& plan, const T* w, bool flip, T* packed);
// y is C-contiguous (N, OC, OD, OH, OW). May throw std::bad_alloc before anything is written, and
// Interrupted.
template <class T>
void run_conv(const ConvPlan& plan, const View<const T>& x, const T* packed, const Epilogue<T>& epilogue,
              T* y);
// Both, with the packed weights in scratch.
template <class T>
void pack_and_run_conv(const ConvPlan& plan, const View<const T>& x, const T* w, bool flip,
                       const Epilogue<T>& epilogue, T* y);

}  // namespace ndnn
