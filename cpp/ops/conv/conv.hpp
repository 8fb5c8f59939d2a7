// SPDX-License-Identifier: MIT
// Convolution, every rank: the family's whole C++ surface.
//   geometry = conv_geometry(...)      rules and output shape       (conv_geometry.cpp)
//   plan     = plan_conv(geometry)     algorithm, blocks, threads   (conv_plan.cpp)
//   pack_conv(plan, w, layout, packed) weights in the plan's form   (conv_pack.cpp)
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
  bool unit_rows = true;  // elements of x's rows are neighbours in memory

  index_t taps() const { return axis[0].kernel * axis[1].kernel * axis[2].kernel; }
  index_t pixels() const { return axis[0].out * axis[1].out * axis[2].out; }
  double macs() const { return double(n) * double(oc_all) * double(pixels()) * double(taps()) * double(ic); }
};

// Where the weights of a convolution lie: of output channel oc, input channel ic (of a group) and tap k at
//   group*group_pitch + row(oc) + ic*channel_pitch + sum over axes of k*tap_pitch
// So a rotated kernel, or every second tap of one with input and output exchanged, is read where it is.
struct WeightLayout {
  index_t group_pitch = 0, out_pitch = 0, channel_pitch = 0;
  Axes tap_pitch{0, 0, 0};
  index_t first = 0;
  // Several parts of part_channels output channels, each read from its own offset; or none.
  std::vector<index_t> parts;
  index_t part_channels = 1;

  index_t row(index_t oc) const {
    if (parts.empty()) return first + oc * out_pitch;
    return first + parts[static_cast<std::size_t>(oc / part_channels)] + oc % part_channels * out_pitch;
  }
  bool operator==(const WeightLayout& o) const {
    return group_pitch == o.group_pitch && out_pitch == o.out_pitch && channel_pitch == o.channel_pitch &&
           tap_pitch == o.tap_pitch && first == o.first && parts == o.parts;
  }
};
// Of C-contiguous (OC, C/groups, KD, KH, KW); flip rotates the kernel by 180 degrees.
WeightLayout weight_layout(const ConvGeometry& g, bool flip);

// x: (N, C, D, H, W), w: (OC, C/groups, KD, KH, KW); batched says whether the caller's input had an N.
// Throws ValueError in the order of torch's arguments. `name` is the user's function: "conv2d".
ConvGeometry conv_geometry(const char* name, const ConvArgs& args, const std::array<index_t, 5>& x,
                           const std::array<index_t, 5>& w, index_t bias_size /* -1: none */);

// Rules that transposed convolutions share: every value at least `least`; an array that can be addressed (a
// dimension is bounded by memory, but a size-0 axis lets others be anything).
void check_least(const char* name, const char* what, const Axes& values, int rank, index_t least);
void check_elements(const char* name, const char* what, const index_t* sizes, int count);

// Joins spatial axes over which nothing slides (1x1 kernels) and whose elements x has evenly spaced, so that
// rows get long, and notes unit_rows. x_stride changes along with g; the output is the same memory.
void merge_axes(ConvGeometry& g, std::array<index_t, 5>& x_stride);

// The last two accept everything.
enum class ConvAlgorithm { stencil, winograd4, winograd6, lanes_on_channels, lanes_on_pixels };
constexpr int kConvAlgorithms = 5;
constexpr bool is_winograd(ConvAlgorithm a) {
  return a == ConvAlgorithm::winograd4 || a == ConvAlgorithm::winograd6;
}
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

// One axis of a Winograd convolution: tiles of m outputs from n = m + r - 1 products, r taps at a time.
// Taps that are not together in a tile make several groups, which fold into the reduction: long kernels are
// cut into runs of r taps; with stride s, every s-th tap belongs to a group, and each group slides with
// stride 1 over every s-th input. A dilated axis is `dilation` interleaved ones (phases) without.
struct WinogradAxis {
  int points = 1, outputs = 1, taps = 1;  // n, m, r; all 1 where the axis is not transformed
  index_t groups = 1, phases = 1;
  index_t step = 1;  // input positions from one tap of a group to the next, and of outputs
  index_t tap_step = 1, next_group = 1;  // kernel taps from one tap of a group, or one group, to the next
  index_t block = 1;                     // tiles of each phase in one task
  bool transformed() const { return points > 1; }
};
struct WinogradPlan {
  WinogradAxis axis[kMaxSpatial];
  int flat = 0, rows = 1, columns = 2;  // axes in the order of the transforms; flat is never transformed
  int products() const { return axis[0].points * axis[1].points * axis[2].points; }
  index_t tap_groups() const { return axis[0].groups * axis[1].groups * axis[2].groups; }
  index_t block_tiles() const {
    index_t n = 1;
    for (const WinogradAxis& a : axis) n *= a.block * a.phases;
    return n;
  }
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
  WinogradPlan winograd;
  bool weights_stream = false;  // winograd: they are too many for L2
  // Staged offsets, elements: of neighbouring positions of a copy, of neighbouring copies, of images, of
  // channels.
  Axes pitch{1, 1, 1}, copy_pitch{1, 1, 1};
  index_t image_pitch = 1, plane_pitch = 1;
  index_t panels = 1;        // channel panels of one group
  index_t splits = 1;        // the panels are dealt to this many tasks
  index_t blocks = 1;        // reduction blocks
  bool in_place = false;     // the input is read where it is, not staged
  bool by_taps = false;      // channels: outputs that touch the same taps are dealt together
  bool row_tiles = false;    // pixels: a kernel call stays in one row
  bool in_output = false;    // pixels: no gaps between rows, sums live in y itself
  index_t kernel_calls = 0;  // of one tile and panel, at most
  index_t stage_elements = 0, sums_elements = 0;  // scratch of one thread, elements
  std::size_t scratch_bytes = 0;                  // of all threads
  index_t packed_elements = 0;
  double cycles = 0;  // estimate, one thread
};

// The plan for one call: pure, touches no data. item_bytes is 4 or 8; max_threads the limit; packed: weights
// need not be packed in the call; direct: a plain sum, no transforms.
ConvPlan plan_conv(const ConvGeometry& g, int item_bytes, Isa isa, int max_threads, bool packed,
                   bool direct = false);
// The plan with the algorithm given, for explain() and tests.
ConvPlan plan_conv(const ConvGeometry& g, int item_bytes, Isa isa, int max_threads, bool packed,
                   ConvAlgorithm a);
// NDNN_WINOGRAD=0 or set_winograd(false): every result is the plain sum.
bool winograd_enabled();
void set_winograd(bool on);
// For tests: every plan from now on uses this algorithm; "" lets the plan choose again.
void force_algorithm(const std::string& name);
bool forces_other_than(ConvAlgorithm a);
// One line for people: what was chosen, with what, and why not the others.
std::string describe(const char* name, const ConvPlan& plan, bool packed = false);

template <class T>
void pack_conv(const ConvPlan& plan, const T* w, const WeightLayout& layout, T* packed);
// y is C-contiguous (N, OC, OD, OH, OW). May throw std::bad_alloc before anything is written, and
// Interrupted. False where Winograd's transforms have spread an inf or nan over a tile: y must then be
// computed by a direct plan.
template <class T>
bool run_conv(const ConvPlan& plan, const View<const T>& x, const T* packed, const Epilogue<T>& epilogue,
              T* y);
// Both, with the packed weights in scratch; and once more, directly, where run_conv() asks for it.
template <class T>
void pack_and_run_conv(const ConvPlan& plan, const View<const T>& x, const T* w, const WeightLayout& layout,
                       const Epilogue<T>& epilogue, T* y);
// The plan to compute again with what `plan` could not.
ConvPlan direct_plan(const ConvPlan& plan);

}  // namespace ndnn
