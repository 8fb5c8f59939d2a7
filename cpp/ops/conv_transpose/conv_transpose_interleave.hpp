// SPDX-License-Identifier: MIT
// From the outputs of each part, in scratch, to y.
#pragma once
#include "core/parallel.hpp"
#include "ops/conv/conv_cost.hpp"
#include "ops/conv_transpose/conv_transpose.hpp"
#include "ops/conv_transpose/interleave_kernels.hpp"

namespace ndnn {

constexpr index_t kTaskOutputs = 1 << 14;  // that one task interleaves, about 2 us

// Where each phase of an axis stands: in which class, and which of its phases it is.
struct PhaseAt {
  index_t phase, shift, phase_class, number;
};
inline std::vector<PhaseAt> list_phases(const std::vector<PhaseClass>& classes) {
  std::vector<PhaseAt> all;
  for (std::size_t c = 0; c < classes.size(); ++c)
    for (std::size_t i = 0; i < classes[c].phases.size(); ++i)
      all.push_back({classes[c].phases[i].phase, classes[c].phases[i].shift, static_cast<index_t>(c),
                     static_cast<index_t>(i)});
  std::sort(all.begin(), all.end(), [](const PhaseAt& a, const PhaseAt& b) { return a.phase < b.phase; });
  return all;
}

template <class T>
class Interleaver {
 public:
  Interleaver(const ConvTransposePlan& plan, const T* bias, T* y) : p_(plan), bias_(bias), y_(y) {
    for (int a = 0; a < kMaxSpatial; ++a) phases_[a] = list_phases(p_.classes[a]);
  }

  // All of a box: the outputs of each part are those of every image and group.
  void run(const PhaseBox& box, const std::vector<const T*>& outputs) const {
    Axes size;
    for (int a = 0; a < kMaxSpatial; ++a) size[a] = outputs_of(box, a);
    // One task: some channels of a group of one image; with one channel a group, some groups.
    const bool depthwise = p_.g.oc == 1;
    const index_t channels = depthwise ? p_.g.groups : p_.g.oc, pixels = product(size);
    const index_t block = even(channels, std::max<index_t>(1, kTaskOutputs / pixels));
    const index_t blocks = ceil_div(channels, block), lots = box.images * (depthwise ? 1 : p_.g.groups);
    const double cycles = double(lots) * double(channels) * double(pixels) / 4;
    const int threads = useful_threads(cycles, p_.threads);
    parallel_for(threads, lots * blocks, [&](index_t task, int) {
      const index_t lot = task / blocks, begin = task % blocks * block;
      const index_t channel = lot * channels % p_.g.oc_all + begin;
      const index_t image = lot * channels / p_.g.oc_all;
      run(box, {image, channel, std::min(block, channels - begin), image * p_.g.groups + channel / p_.g.oc},
          outputs);
    });
  }

  // Channels of one image of the box, evenly spaced in the output of each part, whose `group`-th group they
  // are in.
  struct Planes {
    index_t image, channel, count, group;
  };
  void run(const PhaseBox& box, const Planes& planes, const std::vector<const T*>& outputs) const {
    for (index_t d = 0; d < outputs_of(box, 0); ++d) interleave_slices(box, planes, d, outputs);
  }

 private:
  index_t outputs_of(const PhaseBox& box, int a) const {
    const TransposedAxis& axis = p_.g.axis[a];
    return std::min(axis.out - box.first[a] * axis.stride, box.size[a] * axis.stride);
  }

  // Depth `d` of some planes of a box.
  void interleave_slices(const PhaseBox& box, const Planes& planes, index_t d,
                         const std::vector<const T*>& outputs) const {
    const TransposedAxis* axis = p_.g.axis;
    Axes first;
    for (int a = 0; a < kMaxSpatial; ++a) first[a] = box.first[a] * axis[a].stride;
    const index_t height = outputs_of(box, 1);
    const index_t row = axis[2].out, slice = axis[1].out * row;
    T* const y = y_ + ((box.image + planes.image) * p_.g.oc_all + planes.channel) * p_.g.pixels() +
                 (first[0] + d) * slice + first[1] * row + first[2];
    const PhaseAt* const depth = find_phase(0, d % axis[0].stride);
    auto h = phases_[1].begin();
    for (index_t phase = 0; phase < std::min(axis[1].stride, height); ++phase) {
      const bool present = h != phases_[1].end() && h->phase == phase;
      InterleaveArgs<T> args{};
      args.step = axis[2].stride;
      args.fill = bias_ ? bias_ + planes.channel : nullptr;
      args.y = y + phase * row;
      args.y_plane = p_.g.pixels();
      args.y_row = axis[1].stride * row;
      args.planes = planes.count;
      args.rows = (height - phase - 1) / axis[1].stride + 1;
      args.n = outputs_of(box, 2);
      if (present && depth) interleave_rows(box, planes, *depth, d / axis[0].stride, *h, outputs, args);
      else fill(args);
      if (present) ++h;
    }
  }
  const PhaseAt* find_phase(int a, index_t phase) const {
    const auto at = std::lower_bound(phases_[a].begin(), phases_[a].end(), phase,
                                     [](const PhaseAt& p, index_t value) { return p.phase < value; });
    return at != phases_[a].end() && at->phase == phase ? &*at : nullptr;
  }
  static void fill(const InterleaveArgs<T>& a) {
    for (index_t p = 0; p < a.planes; ++p)
      for (index_t r = 0; r < a.rows; ++r)
        std::fill_n(a.y + p * a.y_plane + r * a.y_row, a.n, a.fill ? a.fill[p] : T(0));
  }

  // Rows of one phase of depth and height, all phases of the width.
  void interleave_rows(const PhaseBox& box, const Planes& planes, const PhaseAt& depth, index_t slice,
                       const PhaseAt& row, const std::vector<const T*>& outputs,
                       InterleaveArgs<T>& args) const {
    InterleavedPhase<T> x[kMostShuffled];
    args.x = x;
    const auto run = interleave_kernels<T>(p_.isa).run;
    const bool together = is_shuffled(args.step);
    if (!together && static_cast<index_t>(phases_[2].size()) < args.step) fill(args);
    for (const PhaseAt& column : phases_[2]) {
      x[args.phases++] = output(box, planes, depth, slice, row, column, outputs);
      if (together) continue;
      run(args);
      args.phases = 0;
    }
    if (together) run(args);
  }
  // Row 0 of a slice of one phase, first of the planes.
  InterleavedPhase<T> output(const PhaseBox& box, const Planes& planes, const PhaseAt& depth, index_t slice,
                             const PhaseAt& row, const PhaseAt& column,
                             const std::vector<const T*>& outputs) const {
    const PhaseAt* const at[kMaxSpatial] = {&depth, &row, &column};
    index_t part = 0, number = 0, phases = 1;
    Axes size;
    for (int a = 0; a < kMaxSpatial; ++a) {
      const PhaseClass& c = p_.classes[a][static_cast<std::size_t>(at[a]->phase_class)];
      const auto alike = static_cast<index_t>(c.phases.size());
      part = part * static_cast<index_t>(p_.classes[a].size()) + at[a]->phase_class;
      number = number * alike + at[a]->number;
      phases *= alike;
      size[a] = class_outputs(p_.g.axis[a], c, box.first[a], box.size[a]);
    }
    const index_t all = product(size);
    const index_t plane = (planes.group * phases + number) * p_.g.oc + planes.channel % p_.g.oc;
    const T* const x = outputs[static_cast<std::size_t>(part)] + plane * all +
                       ((slice + depth.shift) * size[1] + row.shift) * size[2] + column.shift;
    return {x, p_.g.oc == 1 ? phases * all : all, size[2], column.phase};
  }

  const ConvTransposePlan& p_;
  const T* bias_;
  T* y_;
  std::vector<PhaseAt> phases_[kMaxSpatial];
};

// conv_transpose_planes.cpp: the whole operator, where the plan says by_planes.
template <class T>
void run_planes(const ConvTransposePlan& p, const View<const T>& x, const T* w, const T* bias, T* y);

}  // namespace ndnn
