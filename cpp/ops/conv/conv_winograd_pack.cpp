// SPDX-License-Identifier: MIT
// Weights transformed: packed[group][product][panel][step][width].
#include <vector>

#include "core/parallel.hpp"
#include "core/scratch.hpp"
#include "ops/conv/conv_pack.hpp"
#include "ops/conv/conv_winograd.hpp"

namespace ndnn {
namespace {

// Taps of one channel block in raw[tap][channel][lane], the taps of every axis filled up to whole groups with
// zeros; half[first axis' points][tap of a group][channel][lane] after one transform.
template <class T>
class Packer {
 public:
  Packer(const ConvPlan& plan, const T* w, const WeightLayout& layout, T* packed)
      : p_(plan),
        v_(plan.winograd.axis),
        tiles_(tile_kernels<T>(plan.isa)),
        transforms_(winograd_kernels<T>(plan.isa)),
        lanes_(tiles_.lanes),
        at_(winograd_layout(plan, tiles_.lanes)),
        w_(w),
        packed_(packed),
        layout_(layout) {
    for (int a = 0; a < kMaxSpatial; ++a) filled_[a] = v_[a].groups * v_[a].taps;
    raw_elements_ = product(filled_) * at_.channels * lanes_;
    half_elements_ = kMostPoints * kMostTaps * at_.channels * lanes_;
  }

  index_t scratch_elements() const { return raw_elements_ + half_elements_; }
  index_t tasks() const {
    return p_.g.groups * ceil_div(packed_channels(p_, lanes_), lanes_) * at_.channel_blocks;
  }

  // words: room for two indices of each tap of a block.
  void run(index_t task, T* raw, index_t* words) const {
    const index_t block = task % at_.channel_blocks;
    task /= at_.channel_blocks;
    const index_t strips = ceil_div(packed_channels(p_, lanes_), lanes_), first = task % strips * lanes_;
    const index_t group = task / strips, c = block * at_.channels;
    const index_t channels = std::min(at_.channels, p_.g.ic - c);
    load_taps(group, first, {c, c + channels}, raw, words);
    const Panel panel = panel_of(p_, lanes_, first / p_.form.panel);
    T* to = packed_ + group * p_.winograd.products() * at_.steps * packed_channels(p_, lanes_) +
            panel.first * at_.steps + c * p_.winograd.tap_groups() * panel.width + first - panel.first;
    for (index_t d = 0; d < v_[0].groups; ++d)
      for (index_t h = 0; h < v_[1].groups; ++h)
        for (index_t w = 0; w < v_[2].groups; ++w, to += channels * panel.width)
          transform({d * v_[0].next_group, h * v_[1].next_group, w * v_[2].next_group}, channels, raw, to,
                    panel.width);
  }

 private:
  void load_taps(index_t group, index_t first, Range channels, T* raw, index_t* words) const {
    if (product(filled_) != p_.g.taps()) std::fill_n(raw, raw_elements_, T(0));
    const Window* k = p_.g.axis;
    WeightColumns columns{words, words + p_.g.taps() * at_.channels};
    list_weight_columns(
        layout_, {{{0, k[0].kernel}, {0, k[1].kernel}, {0, k[2].kernel}}, channels},
        [&](const Axes& tap, index_t c) { return tap_index(tap) * channels.size() + c; }, columns);
    pack_channels(tiles_, columns, w_ + group * layout_.group_pitch, layout_,
                  {first, std::min<index_t>(lanes_, p_.g.oc - first), lanes_}, raw);
  }
  index_t tap_index(const Axes& t) const { return (t[0] * filled_[1] + t[1]) * filled_[2] + t[2]; }

  // One tap group from tap `first` on, `channels` steps.
  void transform(const Axes& first, index_t channels, T* raw, T* to, index_t width) const {
    const int a = p_.winograd.rows, b = p_.winograd.columns;
    const Axes tap_pitch = pitches(filled_);
    const index_t step = channels * lanes_, product_pitch = at_.steps * packed_channels(p_, lanes_);
    const T* from = raw + tap_index(first) * step;
    index_t from_step = tap_pitch[b] * v_[b].tap_step * step, from_product = 0;
    if (v_[a].transformed()) {
      T* const half = raw + raw_elements_;
      transforms_.weights[v_[a].points][v_[a].outputs]({from,
                                                        tap_pitch[a] * v_[a].tap_step * step,
                                                        half,
                                                        kMostTaps * step,
                                                        {channels, v_[b].taps},
                                                        {lanes_, from_step},
                                                        {lanes_, step}});
      from = half;
      from_step = step;
      from_product = kMostTaps * step;
    }
    transforms_.weights[v_[b].points][v_[b].outputs]({from,
                                                      from_step,
                                                      to,
                                                      product_pitch,
                                                      {channels, v_[a].points},
                                                      {lanes_, from_product},
                                                      {width, v_[b].points * product_pitch}});
  }

  const ConvPlan& p_;
  const WinogradAxis* v_;
  const TileKernels<T>& tiles_;
  const WinogradKernels<T>& transforms_;
  const int lanes_;
  const WinogradLayout at_;
  const T* w_;
  T* packed_;
  const WeightLayout& layout_;
  Axes filled_{1, 1, 1};
  index_t raw_elements_ = 0, half_elements_ = 0;
};

}  // namespace

template <class T>
void pack_winograd(const ConvPlan& p, const T* w, const WeightLayout& layout, T* packed) {
  const Packer<T> packer(p, w, layout, packed);
  const index_t columns = 2 * p.g.taps() * p.form.ic_block;
  const auto words = static_cast<std::size_t>(round_up(columns * index_t(sizeof(index_t)), kAlignment));
  const std::size_t each =
      words + static_cast<std::size_t>(round_up(packer.scratch_elements() * index_t(sizeof(T)), kAlignment));
  const int threads = static_cast<int>(std::clamp<index_t>(p.packed_elements >> 16, 1, p.threads));
  const Scratch scratch(each * static_cast<std::size_t>(threads));
  parallel_for(threads, packer.tasks(), [&](index_t task, int thread) {
    char* const own = scratch.data() + each * static_cast<std::size_t>(thread);
    packer.run(task, reinterpret_cast<T*>(own + words), reinterpret_cast<index_t*>(own));
  });
}

template void pack_winograd<float>(const ConvPlan&, const float*, const WeightLayout&, float*);
template void pack_winograd<double>(const ConvPlan&, const double*, const WeightLayout&, double*);

}  // namespace ndnn
