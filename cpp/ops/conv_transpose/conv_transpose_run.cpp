// SPDX-License-Identifier: MIT
// Box after box: the convolutions of all phases into scratch, then one pass that interleaves them into y.
#include "core/parallel.hpp"
#include "core/scratch.hpp"
#include "ops/conv/conv_cost.hpp"
#include "ops/conv_transpose/conv_transpose.hpp"
#include "ops/conv_transpose/interleave_kernels.hpp"

namespace ndnn {
namespace {

constexpr index_t kTaskOutputs = 1 << 14;  // that one task interleaves, about 2 us

// Where each phase of an axis stands: in which class, and which of its phases it is.
struct PhaseAt {
  index_t phase, shift, phase_class, number;
};
std::vector<PhaseAt> list_phases(const std::vector<PhaseClass>& classes) {
  std::vector<PhaseAt> all;
  for (std::size_t c = 0; c < classes.size(); ++c)
    for (std::size_t i = 0; i < classes[c].phases.size(); ++i)
      all.push_back({classes[c].phases[i].phase, classes[c].phases[i].shift, static_cast<index_t>(c),
                     static_cast<index_t>(i)});
  std::sort(all.begin(), all.end(), [](const PhaseAt& a, const PhaseAt& b) { return a.phase < b.phase; });
  return all;
}

template <class T>
class Runner {
 public:
  Runner(const ConvTransposePlan& plan, const View<const T>& x, const T* w,
         const std::vector<const T*>& packed, const T* bias, T* y)
      : p_(plan), x_(x), w_(w), packed_(packed), bias_(bias), y_(y), starts_(plan.parts.size()) {
    for (int a = 0; a < kMaxSpatial; ++a) phases_[a] = list_phases(p_.classes[a]);
    for (std::size_t i = 0; i < p_.parts.size(); ++i) starts_[i] = start_of(p_.parts[i]);
  }

  void run() {
    if (p_.in_output) {
      convolve(0, p_.box, y_);
      return;
    }
    const Scratch scratch(static_cast<std::size_t>(p_.scratch_elements) * sizeof(T));
    for_each_box([&](const PhaseBox& box) {
      T* to = reinterpret_cast<T*>(scratch.data());
      outputs_.clear();
      for (std::size_t i = 0; i < p_.parts.size(); ++i) {
        const BoxConvolution b = convolve(i, box, to);
        outputs_.push_back(to);
        to += b.g.n * b.g.oc_all * b.g.pixels();
      }
      interleave(box);
    });
  }

 private:
  // The bias of a part's channels: of every phase.
  std::vector<T> start_of(const PhaseConvolution& part) const {
    std::vector<T> start;
    if (!bias_) return start;
    const index_t phases = box_convolution(p_, part, p_.box).g.oc / std::max<index_t>(1, p_.g.oc);
    for (index_t group = 0; group < p_.g.groups; ++group)
      for (index_t i = 0; i < phases; ++i)
        start.insert(start.end(), bias_ + group * p_.g.oc, bias_ + (group + 1) * p_.g.oc);
    return start;
  }

  template <class Fn>
  void for_each_box(Fn&& fn) const {
    PhaseBox box;
    const TransposedAxis* axis = p_.g.axis;
    const auto all = [&](int a) { return ceil_div(axis[a].out, axis[a].stride); };
    const Axes& size = p_.box.size;
    for (box.image = 0; box.image < p_.g.n; box.image += p_.box.images)
      for (box.first[0] = 0; box.first[0] < all(0); box.first[0] += size[0])
        for (box.first[1] = 0; box.first[1] < all(1); box.first[1] += size[1])
          for (box.first[2] = 0; box.first[2] < all(2); box.first[2] += size[2]) {
            box.images = std::min(p_.box.images, p_.g.n - box.image);
            for (int a = 0; a < kMaxSpatial; ++a) box.size[a] = std::min(size[a], all(a) - box.first[a]);
            fn(box);
          }
  }

  // The convolution of one part over a box, into `to`.
  BoxConvolution convolve(std::size_t i, const PhaseBox& box, T* to) const {
    const PhaseConvolution& part = p_.parts[i];
    const BoxConvolution b = box_convolution(p_, part, box);
    if (b.g.pixels() == 0) return b;  // the last box may have no output of this phase
    const bool planned = same_work(b.g, part.plan.g);
    const ConvPlan other = planned ? ConvPlan{} : plan_conv(b.g, p_.item_bytes, p_.isa, p_.threads, true);
    const ConvPlan& plan = planned ? part.plan : other;
    View<const T> x = x_;
    x.data += b.x_offset;
    x.stride = b.x_stride;
    const Epilogue<T> epilogue{bias_ ? starts_[i].data() : nullptr};
    const bool packed = plan.form == part.plan.form && plan.g.ic == part.plan.g.ic;
    if (!packed) pack_and_run_conv(plan, x, w_, part.weights, epilogue, to);
    else if (!run_conv(plan, x, packed_[i], epilogue, to))
      pack_and_run_conv(direct_plan(plan), x, w_, part.weights, epilogue, to);
    return b;
  }
  static bool same_work(const ConvGeometry& g, const ConvGeometry& o) {
    bool same = g.n == o.n && g.ic == o.ic;
    for (int a = 0; a < kMaxSpatial; ++a) {
      const Window &v = g.axis[a], &w = o.axis[a];
      same = same && v.in == w.in && v.out == w.out && v.pad_lo == w.pad_lo && v.kernel == w.kernel;
    }
    return same;
  }

  void interleave(const PhaseBox& box) const {
    Axes first, size;
    for (int a = 0; a < kMaxSpatial; ++a) {
      const TransposedAxis& axis = p_.g.axis[a];
      first[a] = box.first[a] * axis.stride;
      size[a] = std::min(axis.out - first[a], box.size[a] * axis.stride);
    }
    // One task: some channels of a group of one image; with one channel a group, some groups.
    const bool depthwise = p_.g.oc == 1;
    const index_t channels = depthwise ? p_.g.groups : p_.g.oc, outputs = product(size);
    const index_t block = even(channels, std::max<index_t>(1, kTaskOutputs / outputs));
    const index_t blocks = ceil_div(channels, block), lots = box.images * (depthwise ? 1 : p_.g.groups);
    const double cycles = double(lots) * double(channels) * double(outputs) / 4;
    const int threads = useful_threads(cycles, p_.threads);
    parallel_for(threads, lots * blocks, [&](index_t task, int) {
      const index_t lot = task / blocks, begin = task % blocks * block;
      const index_t channel = lot * channels % p_.g.oc_all + begin;
      const Planes planes{lot * channels / p_.g.oc_all, channel, std::min(block, channels - begin)};
      for (index_t d = 0; d < size[0]; ++d) interleave_slices(box, first, size, planes, d);
    });
  }

  // Channels of one image, evenly spaced in the output of each part.
  struct Planes {
    index_t image, channel, count;
  };

  // Depth `d` of some planes of a box.
  void interleave_slices(const PhaseBox& box, const Axes& first, const Axes& size, const Planes& planes,
                         index_t d) const {
    const TransposedAxis* axis = p_.g.axis;
    const index_t row = axis[2].out, slice = axis[1].out * row;
    T* const y = y_ + ((box.image + planes.image) * p_.g.oc_all + planes.channel) * p_.g.pixels() +
                 (first[0] + d) * slice + first[1] * row + first[2];
    const PhaseAt* const depth = find_phase(0, d % axis[0].stride);
    auto h = phases_[1].begin();
    for (index_t phase = 0; phase < std::min(axis[1].stride, size[1]); ++phase) {
      const bool present = h != phases_[1].end() && h->phase == phase;
      InterleaveArgs<T> args{};
      args.step = axis[2].stride;
      args.fill = bias_ ? bias_ + planes.channel : nullptr;
      args.y = y + phase * row;
      args.y_plane = p_.g.pixels();
      args.y_row = axis[1].stride * row;
      args.planes = planes.count;
      args.rows = (size[1] - phase - 1) / axis[1].stride + 1;
      args.n = size[2];
      if (present && depth) interleave_rows(box, planes, *depth, d / axis[0].stride, *h, args);
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
                       const PhaseAt& row, InterleaveArgs<T>& args) const {
    InterleavedPhase<T> x[kMostShuffled];
    args.x = x;
    const auto run = interleave_kernels<T>(p_.isa).run;
    const bool together = is_shuffled(args.step);
    if (!together && static_cast<index_t>(phases_[2].size()) < args.step) fill(args);
    for (const PhaseAt& column : phases_[2]) {
      x[args.phases++] = output(box, planes, depth, slice, row, column);
      if (together) continue;
      run(args);
      args.phases = 0;
    }
    if (together) run(args);
  }
  // Row 0 of a slice of one phase, first of the planes.
  InterleavedPhase<T> output(const PhaseBox& box, const Planes& planes, const PhaseAt& depth, index_t slice,
                             const PhaseAt& row, const PhaseAt& column) const {
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
    const index_t group = planes.channel / p_.g.oc, all = product(size);
    const index_t plane =
        ((planes.image * p_.g.groups + group) * phases + number) * p_.g.oc + planes.channel % p_.g.oc;
    const T* const x = outputs_[static_cast<std::size_t>(part)] + plane * all +
                       ((slice + depth.shift) * size[1] + row.shift) * size[2] + column.shift;
    return {x, p_.g.oc == 1 ? phases * all : all, size[2], column.phase};
  }

  const ConvTransposePlan& p_;
  const View<const T>& x_;
  const T* w_;
  const std::vector<const T*>& packed_;
  const T* bias_;
  T* y_;
  std::vector<std::vector<T>> starts_;  // of each part
  std::vector<PhaseAt> phases_[kMaxSpatial];
  std::vector<const T*> outputs_;  // of each part, in scratch
};

}  // namespace

template <class T>
void run_conv_transpose(const ConvTransposePlan& p, const View<const T>& x, const T* w,
                        const std::vector<const T*>& packed, const T* bias, T* y) {
  if (p.g.n * p.g.oc_all > 0) Runner<T>(p, x, w, packed, bias, y).run();
}

template <class T>
void pack_and_run_conv_transpose(const ConvTransposePlan& p, const View<const T>& x, const T* w,
                                 const T* bias, T* y) {
  const auto aligned = [](index_t n) { return round_up(n, kAlignment / index_t(sizeof(T))); };
  index_t all = 0;
  for (const PhaseConvolution& part : p.parts) all += aligned(part.plan.packed_elements);
  const Scratch scratch(static_cast<std::size_t>(all) * sizeof(T));
  T* to = reinterpret_cast<T*>(scratch.data());
  std::vector<const T*> packed;
  for (const PhaseConvolution& part : p.parts) {
    pack_conv(part.plan, w, part.weights, to);
    packed.push_back(to);
    to += aligned(part.plan.packed_elements);
  }
  run_conv_transpose(p, x, w, packed, bias, y);
}

#define NDNN_INSTANTIATE(T)                                                                              \
  template void run_conv_transpose<T>(const ConvTransposePlan&, const View<const T>&, const T*,          \
                                      const std::vector<const T*>&, const T*, T*);                       \
  template void pack_and_run_conv_transpose<T>(const ConvTransposePlan&, const View<const T>&, const T*, \
                                               const T*, T*);
NDNN_INSTANTIATE(float)
NDNN_INSTANTIATE(double)
#undef NDNN_INSTANTIATE

}  // namespace ndnn
