// SPDX-License-Identifier: MIT
// Copies the input of one tile into padded scratch. After this, padding, strides of the array, and the
// window's stride and dilation are nothing but offsets.
#include "ops/conv/conv_stage.hpp"

#include <cstring>

namespace ndnn {
namespace {

// Calls fn(staged offset, first input position, step, count) for every evenly spaced run that the tile
// reads along one axis; positions outside [0, in) are padding.
template <class Fn>
void for_each_run(const Staging& s, const Window& w, Range taps, index_t first, index_t size, Fn&& fn) {
  const index_t base = w.position(first, taps.begin);
  if (s.kind == Staging::separate) {
    for (index_t k = 0; k < taps.size(); ++k) fn(k * s.length, base + k * w.dilation, w.stride, size);
    return;
  }
  const index_t extent = (size - 1) * w.stride + (taps.size() - 1) * w.dilation + 1;
  if (s.kind == Staging::dense) return fn(0, base, 1, extent);
  for (index_t phase = 0; phase < w.stride && phase < extent; ++phase)
    fn(phase * s.length, base + phase, w.stride, ceil_div(extent - phase, w.stride));
}

// Elements [begin, end) of a run of `count` positions base, base + step, ... that lie in [0, in).
Range inside(index_t base, index_t step, index_t count, index_t in) {
  const index_t begin = base < 0 ? std::min(count, ceil_div(-base, step)) : 0;
  const index_t end = base >= in ? 0 : std::min(count, (in - 1 - base) / step + 1);
  return {begin, std::max(begin, end)};
}

// Staged index -> input index, -1 in the padding or where nothing is read.
void list_positions(const Staging& s, const Window& w, Range taps, index_t first, index_t size,
                    index_t* positions) {
  std::fill_n(positions, s.extent, index_t{-2});
  for_each_run(s, w, taps, first, size, [&](index_t at, index_t base, index_t step, index_t count) {
    for (index_t i = 0; i < count; ++i) {
      const index_t position = base + i * step;
      positions[at + i] = position >= 0 && position < w.in ? position : -1;
    }
  });
}

template <class T>
void copy_run(const TileKernels<T>& kernels, const T* src, index_t stride, T* dst, index_t n) {
  if (stride == 1) std::memcpy(dst, src, static_cast<std::size_t>(n) * sizeof(T));
  else if (n > 0) kernels.gather(src, stride, dst, n);
}

}  // namespace

template <class T>
void stage_block(const ConvPlan& p, const View<const T>& x, const TileAt& tile, const Block& block,
                 index_t* positions, T* staged) {
  const TileKernels<T>& kernels = tile_kernels<T>(p.isa);
  const Window* axis = p.g.axis;
  index_t* const at_d = positions;
  index_t* const at_h = positions + p.stage[0].extent;
  list_positions(p.stage[0], axis[0], block.taps[0], tile.first[0], tile.size[0], at_d);
  list_positions(p.stage[1], axis[1], block.taps[1], tile.first[1], tile.size[1], at_h);
  const T* image = x.data + tile.image * x.stride[0] +
                   (tile.group * p.g.ic + block.channels.begin) * x.stride[1];

  for (index_t c = 0; c < block.channels.size(); ++c) {
    const T* channel = image + c * x.stride[1];
    T* row = staged + c * p.plane_pitch;
    for (index_t d = 0; d < p.stage[0].extent; ++d)
      for (index_t h = 0; h < p.stage[1].extent; ++h, row += p.row_pitch) {
        const bool padding = at_d[d] == -1 || at_h[h] == -1;
        if (at_d[d] == -2 || at_h[h] == -2) continue;  // beyond a smaller last tile
        const T* source = padding ? nullptr : channel + at_d[d] * x.stride[2] + at_h[h] * x.stride[3];
        for_each_run(p.stage[2], axis[2], block.taps[2], tile.first[2], tile.size[2],
                     [&](index_t at, index_t base, index_t step, index_t count) {
                       const Range valid = padding ? Range{count, count} : inside(base, step, count, axis[2].in);
                       T* out = row + at;
                       std::fill(out, out + valid.begin, T(0));
                       if (valid.size() > 0)
                         copy_run(kernels, source + (base + valid.begin * step) * x.stride[4],
                                  step * x.stride[4], out + valid.begin, valid.size());
                       std::fill(out + valid.end, out + count, T(0));
                     });
      }
  }
}

template void stage_block<float>(const ConvPlan&, const View<const float>&, const TileAt&, const Block&,
                                 index_t*, float*);
template void stage_block<double>(const ConvPlan&, const View<const double>&, const TileAt&, const Block&,
                                  index_t*, double*);

}  // namespace ndnn
