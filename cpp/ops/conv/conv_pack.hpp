// SPDX-License-Identifier: MIT
// Reading weights where they lie, whatever their layout: for every packed form.
#pragma once
#include "ops/conv/conv_blocks.hpp"

namespace ndnn {

// The weights of one output channel and block in the order of memory, and the step that each becomes.
struct WeightColumns {
  index_t *source, *step;
  index_t count = 0;
  bool contiguous = true;  // source is first, first + 1, ...
};

// step_of({kd, kh, kw}, channel): the channel is counted from the block's first.
template <class StepOf>
void list_weight_columns(const WeightLayout& layout, const Block& b, StepOf&& step_of, WeightColumns& out) {
  const Axes& pitch = layout.tap_pitch;
  const auto tap = [&](int a, index_t i) {
    return pitch[a] < 0 ? b.taps[a].end - 1 - i : b.taps[a].begin + i;
  };
  const index_t channels = b.channels.size();
  out.count = 0;
  out.contiguous = true;
  for (index_t c = 0; c < channels; ++c)
    for (index_t d = 0; d < b.taps[0].size(); ++d)
      for (index_t h = 0; h < b.taps[1].size(); ++h)
        for (index_t w = 0; w < b.taps[2].size(); ++w, ++out.count) {
          const Axes k{tap(0, d), tap(1, h), tap(2, w)};
          out.source[out.count] = (b.channels.begin + c) * layout.channel_pitch + k[0] * pitch[0] +
                                  k[1] * pitch[1] + k[2] * pitch[2];
          out.step[out.count] = step_of(k, c);
          out.contiguous = out.contiguous && out.source[out.count] == out.source[0] + out.count;
        }
}

// dst[step][i] = the weight of output channel first + i in that column, i < count; zeros up to `width`. w: of
// the group.
template <class T>
void pack_channels(const TileKernels<T>& kernels, const WeightColumns& columns, const T* w,
                   const WeightLayout& layout, const Panel& panel, T* dst);

}  // namespace ndnn
