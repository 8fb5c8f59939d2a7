// SPDX-License-Identifier: MIT
// Box after box: the convolutions of all phases into scratch, then one pass that interleaves them into y.
#include "core/scratch.hpp"
#include "ops/conv_transpose/conv_transpose_interleave.hpp"

namespace ndnn {
namespace {

template <class T>
class Runner {
 public:
  Runner(const ConvTransposePlan& plan, const View<const T>& x, const T* w,
         const std::vector<const T*>& packed, const T* bias, T* y)
      : p_(plan),
        x_(x),
        w_(w),
        packed_(packed),
        bias_(bias),
        y_(y),
        interleaver_(plan, bias, y),
        starts_(plan.parts.size()) {
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
      std::vector<const T*> outputs;
      for (std::size_t i = 0; i < p_.parts.size(); ++i) {
        const BoxConvolution b = convolve(i, box, to);
        outputs.push_back(to);
        to += b.g.n * b.g.oc_all * b.g.pixels();
      }
      interleaver_.run(box, outputs);
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
    const ConvPlan other = planned ? ConvPlan{} : plan_part(p_, b.g, p_.threads, true);
    const ConvPlan& plan = planned ? part.plan : other;
    View<const T> x = x_;
    x.data += b.x_offset;
    x.stride = b.x_stride;
    const Epilogue<T> epilogue{bias_ ? starts_[i].data() : nullptr};
    const bool packed = packed_[i] && plan.form == part.plan.form && plan.g.ic == part.plan.g.ic;
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

  const ConvTransposePlan& p_;
  const View<const T>& x_;
  const T* w_;
  const std::vector<const T*>& packed_;
  const T* bias_;
  T* y_;
  const Interleaver<T> interleaver_;
  std::vector<std::vector<T>> starts_;  // of each part
};

}  // namespace

template <class T>
void run_conv_transpose(const ConvTransposePlan& p, const View<const T>& x, const T* w,
                        const std::vector<const T*>& packed, const T* bias, T* y) {
  if (p.g.n * p.g.oc_all == 0) return;
  if (p.by_planes) run_planes(p, x, w, bias, y);
  else Runner<T>(p, x, w, packed, bias, y).run();
}

template <class T>
void pack_and_run_conv_transpose(const ConvTransposePlan& p, const View<const T>& x, const T* w,
                                 const T* bias, T* y) {
  if (p.by_planes) return run_conv_transpose(p, x, w, {}, bias, y);
  const auto aligned = [](index_t n) { return round_up(n, kAlignment / index_t(sizeof(T))); };
  index_t all = 0;
  // The stencil reads weights where they are.
  const auto reads_weights = [](const PhaseConvolution& part) {
    return part.plan.form.algorithm == ConvAlgorithm::stencil;
  };
  for (const PhaseConvolution& part : p.parts)
    if (!reads_weights(part)) all += aligned(part.plan.packed_elements);
  const Scratch scratch(static_cast<std::size_t>(all) * sizeof(T));
  T* to = reinterpret_cast<T*>(scratch.data());
  std::vector<const T*> packed;
  for (const PhaseConvolution& part : p.parts) {
    packed.push_back(nullptr);
    if (reads_weights(part)) continue;
    pack_conv(part.plan, w, part.weights, to);
    packed.back() = to;
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
