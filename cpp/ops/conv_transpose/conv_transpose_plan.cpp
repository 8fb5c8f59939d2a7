// SPDX-License-Identifier: MIT
// Phases, the boxes that are computed at a time, and the plan of each phase's convolution. Touches no data.
#include <algorithm>
#include <numeric>
#include <tuple>

#include "ops/conv/conv_cost.hpp"
#include "ops/conv_transpose/conv_transpose.hpp"

namespace ndnn {
namespace {

constexpr index_t kFewChannels = 8;           // of a group: fewer do not fill a pixel kernel
constexpr index_t kLeastOutputsOfShift = 15;  // for one more
constexpr double kInterleaveCycles = 4;       // of a vector of outputs

// A stride that is never taken is as long as the output: then all taps are phases that read the one input.
TransposedAxis normalized(TransposedAxis a) {
  if (a.in == 1) a.stride = std::max<index_t>(1, a.out);
  if (a.kernel == 1) a.dilation = 1;
  return a;
}
index_t tap_step(const TransposedAxis& a) { return a.stride / std::gcd(a.stride, a.dilation); }
index_t part_dilation(const TransposedAxis& a) { return a.dilation / std::gcd(a.stride, a.dilation); }

// Phases without taps, or whose taps meet only padding, are left out: their outputs are the bias. With few
// channels, phases that read inputs next to each other share a class: a few outputs more for one staging
// and fuller kernels (64 -> 3 channels, 4x4, stride 2: 94 -> 155 GFLOP/s).
std::vector<PhaseClass> phase_classes(const TransposedAxis& a, bool few_channels) {
  struct Found {
    index_t taps, low;
    Phase phase;
  };
  std::vector<Found> all;
  const index_t step = tap_step(a), dilation = part_dilation(a), outputs = ceil_div(a.out, a.stride);
  for (index_t tap = 0; tap < std::min(a.kernel, step); ++tap) {
    index_t phase = (tap * a.dilation - a.padding) % a.stride;
    if (phase < 0) phase += a.stride;
    if (phase >= a.out) continue;
    const index_t taps = (a.kernel - 1 - tap) / step + 1;
    const index_t high = (phase + a.padding - tap * a.dilation) / a.stride;  // what `tap` meets for output 0
    const index_t low = high - (taps - 1) * dilation;
    if (low < a.in && high + (a.out - phase - 1) / a.stride >= 0)
      all.push_back({taps, low, {phase, 0, tap + (taps - 1) * step}});
  }
  std::sort(all.begin(), all.end(), [](const Found& p, const Found& q) {
    return std::tie(p.taps, p.low, p.phase.phase) < std::tie(q.taps, q.low, q.phase.phase);
  });
  std::vector<PhaseClass> classes;
  const index_t most_shift = few_channels ? outputs / kLeastOutputsOfShift : 0;
  for (Found& f : all) {
    if (classes.empty() || classes.back().taps != f.taps || f.low - classes.back().low > most_shift)
      classes.push_back({f.taps, f.low, {}});
    f.phase.shift = f.low - classes.back().low;
    classes.back().phases.push_back(f.phase);
  }
  return classes;
}

// Taps of a part run against the kernel: its first one meets the first input.
WeightLayout part_layout(const ConvTransposePlan& p, const Axes& chosen, bool flip) {
  WeightLayout l;
  std::vector<index_t> offsets{0};
  index_t all = 1;
  for (int a = kMaxSpatial - 1; a >= 0; --a) {
    const TransposedAxis& axis = p.g.axis[a];
    const PhaseClass& c = p.classes[a][static_cast<std::size_t>(chosen[a])];
    l.tap_pitch[a] = (flip ? all : -all) * (c.taps > 1 ? tap_step(axis) : 0);
    std::vector<index_t> sums;  // the last axis varies fastest
    for (const Phase& phase : c.phases) {
      const index_t tap = flip ? axis.kernel - 1 - phase.first_tap : phase.first_tap;
      for (const index_t inner : offsets) sums.push_back(inner + tap * all);
    }
    offsets.swap(sums);
    all *= axis.kernel;
  }
  l.out_pitch = all;
  l.channel_pitch = all * p.g.oc;
  l.group_pitch = l.channel_pitch * p.g.ic;
  l.part_channels = p.g.oc;
  if (offsets.size() == 1) l.first = offsets[0];
  else l.parts = std::move(offsets);
  return l;
}

void list_parts(ConvTransposePlan& p, bool flip) {
  const auto count = [&](int a) { return static_cast<index_t>(p.classes[a].size()); };
  for (index_t d = 0; d < count(0); ++d)
    for (index_t h = 0; h < count(1); ++h)
      for (index_t w = 0; w < count(2); ++w)
        p.parts.push_back({{d, h, w}, part_layout(p, {d, h, w}, flip), {}});
}

index_t box_elements(const ConvTransposePlan& p, const PhaseBox& box) {
  index_t n = box.images * p.g.oc_all;
  for (int a = 0; a < kMaxSpatial; ++a) {
    index_t outputs = 0;
    for (const PhaseClass& c : p.classes[a])
      outputs +=
          static_cast<index_t>(c.phases.size()) * class_outputs(p.g.axis[a], c, box.first[a], box.size[a]);
    n *= outputs;
  }
  return n;
}

// Outputs of a box before they are interleaved: they are read again from L2. Smaller boxes cost more calls
// and common inputs than that saves (128 -> 64 channels, 2x2 at 128x128: 256 KB 155, 1 MB 185 GFLOP/s),
// larger ones pay where many weights are read for each.
index_t box_bytes(const ConvTransposePlan& p) {
  double weights = double(p.g.c) * double(p.g.oc) * p.item_bytes;
  for (const TransposedAxis& a : p.g.axis) weights *= double(a.kernel);
  const double l2 = double(caches().l2);
  return static_cast<index_t>(std::clamp(weights, l2, l2 * 2));
}

// Several whole images, or part of one, cut along its first axes.
void choose_box(ConvTransposePlan& p) {
  PhaseBox& box = p.box;
  for (int a = 0; a < kMaxSpatial; ++a) box.size[a] = ceil_div(p.g.axis[a].out, p.g.axis[a].stride);
  const index_t most = box_bytes(p) / p.item_bytes;
  const index_t images = most / std::max<index_t>(1, box_elements(p, box));
  box.images = even(p.g.n, std::max<index_t>(1, images));
  for (int a = 0; a < kMaxSpatial && box_elements(p, box) > most; ++a) {
    const index_t all = box.size[a];
    const index_t low = largest(all, [&](index_t size) {
      box.size[a] = size;
      return box_elements(p, box) <= most;
    });
    box.size[a] = even(all, low);
  }
}

}  // namespace

BoxConvolution box_convolution(const ConvTransposePlan& p, const PhaseConvolution& part,
                               const PhaseBox& box) {
  BoxConvolution b;
  b.x_stride = p.x_stride;
  b.x_offset = box.image * p.x_stride[0];
  ConvGeometry& g = b.g;
  g.rank = p.g.rank;
  g.n = box.images;
  g.groups = p.g.groups;
  g.oc = p.g.oc;
  bool empty = p.g.ic == 0;
  for (int a = 0; a < kMaxSpatial; ++a) {
    const TransposedAxis& axis = p.g.axis[a];
    const PhaseClass& c = p.classes[a][static_cast<std::size_t>(part.phase_class[a])];
    g.oc *= static_cast<index_t>(c.phases.size());
    Window& w = g.axis[a];
    w.kernel = c.taps;
    w.dilation = c.taps > 1 ? part_dilation(axis) : 1;
    w.out = class_outputs(axis, c, box.first[a], box.size[a]);
    // Of the inputs [low, low + reach) only those of x: the window pads, or begins within x.
    const index_t low = c.low + box.first[a], reach = w.out + (w.kernel - 1) * w.dilation;
    const index_t begin = std::clamp<index_t>(low, 0, axis.in), end = std::clamp(low + reach, begin, axis.in);
    w.in = end - begin;
    w.pad_lo = begin - low;
    empty = empty || w.in == 0;
    b.x_offset += begin * p.x_stride[2 + a];
  }
  g.ic = empty ? 0 : p.g.ic;
  g.c = g.ic * g.groups;
  g.oc_all = g.oc * g.groups;
  // Depthwise, rows stay rows: the stencil reads them in place.
  if (p.in_output || p.g.ic > 1 || p.g.oc > 1) merge_axes(g, b.x_stride);
  else g.unit_rows = b.x_stride[4] == 1 || g.axis[2].in <= 1;
  return b;
}

namespace {

// All of the output at once.
PhaseBox whole_box(const ConvTransposeGeometry& g) {
  PhaseBox box;
  box.images = g.n;
  for (int a = 0; a < kMaxSpatial; ++a) box.size[a] = ceil_div(g.axis[a].out, g.axis[a].stride);
  return box;
}

// Depthwise, where the stencil can mask lanes and all phases of a plane stay in L2. Does not depend on
// x_stride.
bool can_go_by_planes(const ConvTransposePlan& p) {
  const Tiles tiles = p.item_bytes == 4 ? tiles_of<float>(p.isa) : tiles_of<double>(p.isa);
  if (p.in_output || p.g.ic != 1 || p.g.oc != 1 || !tiles.masked_stencil) return false;
  if (forces_other_than(ConvAlgorithm::stencil)) return false;
  const PhaseBox box = whole_box(p.g);
  const index_t planes = p.g.n * p.g.groups;
  if (planes == 0 || box_elements(p, box) / planes * p.item_bytes > caches().l2 / 2) return false;
  return std::all_of(p.parts.begin(), p.parts.end(), [&](const PhaseConvolution& part) {
    const ConvGeometry own = box_convolution(p, part, box).g;
    return accepts(ConvAlgorithm::stencil, own) && !sweeps_along_rows(own, tiles.lanes);
  });
}

// Bands of whole blocks of rows, whose outputs leave room in L1; all rows where not one block does (16x16,
// stride 8: bands of 4 rows 7, all 33 GFLOP/s).
index_t choose_band(const ConvTransposePlan& p) {
  const index_t planes = p.g.n * p.g.groups, block = p.item_bytes == 4 ? tiles_of<float>(p.isa).stencil_rows
                                                                       : tiles_of<double>(p.isa).stencil_rows;
  PhaseBox box = p.box;
  const index_t rows = largest(p.box.size[1], [&](index_t size) {
    box.size[1] = size;
    return box_elements(p, box) / planes * p.item_bytes <= caches().l1 * 2 / 3;
  });
  return rows < block || rows == p.box.size[1] ? p.box.size[1] : rows / block * block;
}

}  // namespace

Axes part_outputs(const ConvTransposePlan& p, const PhaseConvolution& part, const PhaseBox& box) {
  Axes size;
  for (int a = 0; a < kMaxSpatial; ++a) {
    const PhaseClass& c = p.classes[a][static_cast<std::size_t>(part.phase_class[a])];
    size[a] = class_outputs(p.g.axis[a], c, box.first[a], box.size[a]);
  }
  return size;
}

PhaseBox band_at(const ConvTransposePlan& p, index_t row) {
  PhaseBox box = p.box;
  box.first[1] = row;
  box.size[1] = std::min(p.band, p.box.size[1] - row);
  return box;
}

ConvPlan plan_part(const ConvTransposePlan& p, const ConvGeometry& g, int max_threads, bool packed) {
  return p.stencils ? plan_conv(g, p.item_bytes, p.isa, max_threads, packed, ConvAlgorithm::stencil)
                    : plan_conv(g, p.item_bytes, p.isa, max_threads, packed);
}

ConvTransposePlan plan_conv_transpose(const ConvTransposeGeometry& g, bool flip,
                                      const std::array<index_t, 5>& x_stride, int item_bytes, Isa isa,
                                      int max_threads, bool packed) {
  ConvTransposePlan p;
  p.g = g;
  p.isa = isa;
  p.item_bytes = item_bytes;
  p.packed = packed;
  p.x_stride = x_stride;
  p.in_output = true;
  for (int a = 0; a < kMaxSpatial; ++a) {
    p.g.axis[a] = normalized(g.axis[a]);
    p.classes[a] = phase_classes(p.g.axis[a], g.oc < kFewChannels);
    p.in_output = p.in_output && p.g.axis[a].stride == 1 && !p.classes[a].empty();
  }
  list_parts(p, flip);
  p.stencils = can_go_by_planes(p);
  p.by_planes = p.stencils && (x_stride[4] == 1 || g.axis[2].in == 1);
  p.box = whole_box(p.g);
  if (!p.in_output && !p.by_planes) {
    choose_box(p);
    p.scratch_elements = box_elements(p, p.box);
  }
  double boxes = double(ceil_div(g.n, p.box.images));
  for (int a = 0; a < kMaxSpatial; ++a)
    boxes *= double(ceil_div(ceil_div(p.g.axis[a].out, p.g.axis[a].stride), p.box.size[a]));
  for (PhaseConvolution& part : p.parts) {
    part.plan = plan_part(p, box_convolution(p, part, p.box).g, max_threads, packed || boxes > 1);
    p.threads = std::max(p.threads, part.plan.threads);
    p.cycles += part.plan.cycles * boxes;
    p.packed_elements += part.plan.packed_elements;
    p.scratch_bytes = std::max(p.scratch_bytes, part.plan.scratch_bytes);
  }
  if (!p.in_output) {
    const double outputs = double(g.n) * double(g.oc_all) * double(g.pixels());
    p.cycles += outputs * item_bytes / kAlignment * kInterleaveCycles;
    p.scratch_bytes += static_cast<std::size_t>(p.scratch_elements) * static_cast<std::size_t>(item_bytes);
  }
  if (p.by_planes) {
    p.band = choose_band(p);
    p.threads = useful_threads(p.cycles, max_threads);
    p.scratch_bytes = planes_scratch(p).total * static_cast<std::size_t>(p.threads);
  }
  return p;
}

std::string describe(const char* name, const ConvTransposePlan& p) {
  std::string text = concat(name, " -> ", p.parts.size(),
                            p.parts.size() == 1 ? " convolution" : " convolutions", " of stride 1",
                            p.in_output   ? ""
                            : p.by_planes ? ", interleaved plane by plane"
                                          : ", interleaved");
  for (const PhaseConvolution& part : p.parts) {
    Axes kernel{1, 1, 1}, phases{1, 1, 1};
    for (int a = 0; a < kMaxSpatial; ++a) {
      const PhaseClass& c = p.classes[a][static_cast<std::size_t>(part.phase_class[a])];
      kernel[a] = c.taps;
      phases[a] = static_cast<index_t>(c.phases.size());
    }
    text += concat("; kernel=", tail(kernel, p.g.rank), ", phases=", tail(phases, p.g.rank), ": ",
                   describe("conv", part.plan, p.packed));
  }
  return text;
}

}  // namespace ndnn
