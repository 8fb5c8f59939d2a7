// SPDX-License-Identifier: MIT
// The loop nest: image and group, tile of outputs, part of the channel panels -> one task.
//   for each reduction block: stage the input once, then every panel over every pixel tile.
// Every output is summed in the same order whatever the number of threads.
// Tried without gain: prefetching the next block's input (1 to 6 % slower) or the lines of y that the next
// transposition writes, and outputs dealt so that these stores are aligned.
#include <cstring>

#include "core/parallel.hpp"
#include "core/scratch.hpp"
#include "ops/conv/conv_stage.hpp"

namespace ndnn {
namespace {

template <class T>
class Worker {
 public:
  Worker(const ConvPlan& plan, const View<const T>& x, const T* packed, const T* bias, T* y, char* scratch)
      : p_(plan), kernels_(tile_kernels<T>(plan.isa)), x_(x), packed_(packed), bias_(bias), y_(y) {
    const ScratchLayout at = scratch_layout(plan);
    staged_ = reinterpret_cast<T*>(scratch);
    sums_ = reinterpret_cast<T*>(scratch + at.sums);
    rows_ = reinterpret_cast<index_t*>(scratch + at.rows);
    columns_ = reinterpret_cast<index_t*>(scratch + at.columns);
    steps_ = reinterpret_cast<Steps*>(scratch + at.steps);
    tiles_ = reinterpret_cast<PixelTile*>(scratch + at.tiles);
    runs_ = reinterpret_cast<CopyRun*>(scratch + at.runs);
    on_pixels_ = plan.form.algorithm == ConvAlgorithm::lanes_on_pixels;
    pitch_ = {plan.stage[1].extent * plan.row_pitch, plan.row_pitch, 1};
    stored_channels_ = packed_channels(plan, kernels_.lanes);
  }

  void run(index_t task) {
    const Range panels = locate(task);
    list_pixel_tiles();
    bool first = true;
    index_t block_number = 0;
    for_each_block(p_, [&](const Block& block) {
      const bool last = ++block_number == p_.blocks;
      stage_block(p_, x_, tile_, block, runs_, staged_);
      list_columns(block);
      for (index_t i = panels.begin; i < panels.end; ++i) {
        const Panel panel = panel_of(p_, kernels_.lanes, i);
        const index_t before = tile_.group * p_.g.taps() * p_.g.ic + block.first_step;
        const T* w = packed_ + before * stored_channels_ + panel.first * block.steps();
        if (on_pixels_) pixels_panel(block, panel, w, panels, first, last);
        else channels_panel(block, panel, w, panels, first, last);
      }
      first = false;
    });
  }

 private:
  // Decodes a task: parts of the panels vary fastest, so that neighbours share their input.
  Range locate(index_t task) {
    const index_t part = task % p_.splits;
    task /= p_.splits;
    for (int a = kMaxSpatial - 1; a >= 0; --a) {
      tile_.first[a] = task % p_.tiles[a] * p_.tile[a];
      tile_.size[a] = std::min(p_.tile[a], p_.g.axis[a].out - tile_.first[a]);
      task /= p_.tiles[a];
    }
    tile_.group = task % p_.g.groups;
    tile_.image = task / p_.g.groups;
    pixels_ = product(tile_.size);
    flat_ = on_pixels_ ? flat_pixels_of(p_, tile_.size) : pixels_;
    return {part * p_.panels / p_.splits, (part + 1) * p_.panels / p_.splits};
  }

  // The outputs dealt to kernel calls: flat outputs for channels, staged positions for pixels. Channels:
  // groups of kRowGroup outputs, the rest dealt evenly.
  void list_pixel_tiles() {
    const index_t most = on_pixels_ ? index_t{kernels_.pixel_vectors} * kernels_.lanes
                                    : kernels_.channel_rows[p_.form.panel / kernels_.lanes - 1];
    const Axes unit = on_pixels_ ? pitch_ : Axes{tile_.size[1] * tile_.size[2], tile_.size[2], 1};
    const index_t even_from = on_pixels_ ? flat_ : flat_ / kRowGroup * kRowGroup;
    ntiles_ = 0;
    for (index_t begin = 0; begin < even_from; begin += most)
      add_pixel_tile(begin, std::min(begin + most, even_from), unit);
    const index_t rest = flat_ - even_from, parts = ceil_div(rest, most);
    for (index_t i = 0; i < parts; ++i)
      add_pixel_tile(even_from + i * rest / parts, even_from + (i + 1) * rest / parts, unit);
    if (on_pixels_) return;
    index_t* row = rows_;
    for (index_t d = 0; d < tile_.size[0]; ++d)
      for (index_t h = 0; h < tile_.size[1]; ++h)
        for (index_t w = 0; w < tile_.size[2]; ++w)
          *row++ = d * p_.stage[0].step * pitch_[0] + h * p_.stage[1].step * pitch_[1] + w * p_.stage[2].step;
  }

  // Taps that touch the input for some output of the tile: axis by axis, exact where the tile stays on
  // one position of all axes before.
  void add_pixel_tile(index_t begin, index_t end, const Axes& unit) {
    PixelTile& t = tiles_[ntiles_++];
    t.begin = begin;
    t.end = end--;
    bool same = true;
    for (int a = 0; a < kMaxSpatial; ++a) {
      const index_t last = tile_.size[a] - 1;
      const index_t lo = std::min(begin / unit[a], last), hi = std::min(end / unit[a], last);
      const Range outputs = same ? Range{lo, hi + 1} : Range{0, last + 1};
      const Window& w = p_.g.axis[a];
      t.taps[a] = touching_taps(w, {tile_.first[a] + outputs.begin, tile_.first[a] + outputs.end});
      same = same && lo == hi;
      begin -= lo * unit[a];
      end -= hi * unit[a];
    }
  }

  // Reduction offsets of a block: taps, then channels.
  void list_columns(const Block& b) {
    index_t* out = columns_;
    const index_t channels = b.channels.size();
    for (index_t d = 0; d < b.taps[0].size(); ++d)
      for (index_t h = 0; h < b.taps[1].size(); ++h)
        for (index_t w = 0; w < b.taps[2].size(); ++w) {
          index_t offset = tap_offset(p_.stage[0], p_.g.axis[0], d) * pitch_[0] +
                           tap_offset(p_.stage[1], p_.g.axis[1], h) * pitch_[1] +
                           tap_offset(p_.stage[2], p_.g.axis[2], w);
          for (index_t c = 0; c < channels; ++c, offset += p_.plane_pitch) *out++ = offset;
        }
  }

  // The steps of a block whose taps a pixel tile needs: runs over the innermost kernel axis, joined.
  index_t list_steps(const Block& b, const PixelTile& t) {
    Range need[kMaxSpatial];
    for (int a = 0; a < kMaxSpatial; ++a) {
      need[a] = {std::max(t.taps[a].begin, b.taps[a].begin), std::min(t.taps[a].end, b.taps[a].end)};
      if (need[a].size() <= 0) return 0;
    }
    const index_t channels = b.channels.size();
    if (need[0] == b.taps[0] && need[1] == b.taps[1] && need[2] == b.taps[2]) {
      steps_[0] = {0, b.steps()};
      return 1;
    }
    index_t n = 0;
    for (index_t d = need[0].begin; d < need[0].end; ++d)
      for (index_t h = need[1].begin; h < need[1].end; ++h) {
        const index_t row = (d - b.taps[0].begin) * b.taps[1].size() + h - b.taps[1].begin;
        const index_t tap = row * b.taps[2].size() - b.taps[2].begin;
        const Steps run{(tap + need[2].begin) * channels, (tap + need[2].end) * channels};
        if (n > 0 && steps_[n - 1].end == run.begin) steps_[n - 1].end = run.end;
        else steps_[n++] = run;
      }
    return n;
  }

  T* output(index_t channel) const {
    const Window* a = p_.g.axis;
    const index_t pixel = (tile_.first[0] * a[1].out + tile_.first[1]) * a[2].out + tile_.first[2];
    const index_t plane = tile_.image * p_.g.oc_all + tile_.group * p_.g.oc + channel;
    return y_ + plane * p_.g.pixels() + pixel;
  }

  // What the sums of a panel start from: bias, zeros in the unused lanes.
  void load_start(const Panel& panel) {
    std::fill_n(start_, kMaxPixelTile, T(0));
    if (bias_) std::copy_n(bias_ + tile_.group * p_.g.oc + panel.first, panel.count, start_);
  }

  // sums[output][channel of the panel]: kept for all outputs until the last block, else for one group of
  // outputs only; transposed into y while they are in L1.
  void channels_panel(const Block& block, const Panel& panel, const T* w, Range panels, bool first,
                      bool last) {
    const index_t width = panel.width, vectors = width / kernels_.lanes;
    const bool kept = p_.blocks > 1;
    T* sums = sums_ + (kept ? (panel.first - panels.begin * p_.form.panel) * sum_rows(p_, kernels_.lanes) : 0);
    if (first) load_start(panel);
    index_t group = 0;  // first output that is not in y yet
    for (index_t i = 0; i < ntiles_; ++i) {
      const PixelTile& t = tiles_[i];
      T* const c = sums + (kept ? t.begin : t.begin - group) * width;
      const TileArgs<T> args{staged_, rows_ + t.begin, columns_, steps_, list_steps(block, t), w,
                             first ? start_ : nullptr, c, width};
      kernels_.channels[vectors - 1][t.end - t.begin - 1](args);
      if (!last || (t.end - group < kRowGroup && t.end < pixels_)) continue;
      kernels_.transpose(sums + (kept ? group * width : 0), width, t.end - group, panel.count,
                         output(panel.first) + group, p_.g.pixels());
      group = t.end;
    }
  }

  // sums[channel][staged position]: in y itself where rows have no gaps, else in scratch.
  void pixels_panel(const Block& block, const Panel& panel, const T* w, Range panels, bool first, bool last) {
    const bool direct = p_.accumulate_in_output;
    const index_t ldc = direct ? p_.g.pixels() : round_up(flat_pixels_of(p_, p_.tile), kMaxPixelTile);
    const index_t part_first = panel_of(p_, kernels_.lanes, panels.begin).first;
    T* sums = direct ? output(panel.first) : sums_ + (panel.first - part_first) * ldc;
    if (first) load_start(panel);
    for (index_t i = 0; i < ntiles_; ++i) {
      const PixelTile& t = tiles_[i];
      const index_t n = t.end - t.begin, vectors = ceil_div(n, kernels_.lanes);
      const index_t width = vectors * kernels_.lanes;
      TileArgs<T> args{staged_ + t.begin, nullptr, columns_, steps_, list_steps(block, t), w,
                       first ? start_ : nullptr, sums + t.begin, ldc};
      const auto kernel = kernels_.pixels[vectors - 1][panel.width - 1];
      if (!direct || n == width) {
        kernel(args);
        continue;
      }
      // The last vector would run over the end of the row: by way of scratch.
      args.c = sums_;
      args.ldc = width;
      if (!first) copy_rows(sums + t.begin, ldc, sums_, width, panel.count, n);
      kernel(args);
      copy_rows(sums_, width, sums + t.begin, ldc, panel.count, n);
    }
    if (last && !direct) close_gaps(panel, sums, ldc);
  }

  static void copy_rows(const T* from, index_t ld_from, T* to, index_t ld_to, index_t rows, index_t n) {
    for (index_t m = 0; m < rows; ++m)
      std::memcpy(to + m * ld_to, from + m * ld_from, static_cast<std::size_t>(n) * sizeof(T));
  }

  void close_gaps(const Panel& panel, const T* sums, index_t ldc) const {
    for (index_t m = 0; m < panel.count; ++m) {
      T* out = output(panel.first + m);
      for (index_t d = 0; d < tile_.size[0]; ++d)
        copy_rows(sums + m * ldc + d * pitch_[0], pitch_[1], out + d * tile_.size[1] * tile_.size[2],
                  tile_.size[2], tile_.size[1], tile_.size[2]);
    }
  }

  const ConvPlan& p_;
  const TileKernels<T>& kernels_;
  const View<const T>& x_;
  const T *packed_, *bias_;
  T* y_;
  T *staged_, *sums_;
  index_t *rows_, *columns_;
  CopyRun* runs_;
  Steps* steps_;
  PixelTile* tiles_;
  Axes pitch_;  // staged distance of neighbours along each axis
  bool on_pixels_;
  index_t stored_channels_;
  TileAt tile_;
  index_t pixels_ = 0, flat_ = 0, ntiles_ = 0;
  alignas(kAlignment) T start_[kMaxPixelTile];
};

// No input channels: the sum is empty, the bias remains.
template <class T>
void fill_with_bias(const ConvGeometry& g, const T* bias, T* y) {
  for (index_t i = 0; i < g.n * g.oc_all; ++i)
    std::fill_n(y + i * g.pixels(), g.pixels(), bias ? bias[i % g.oc_all] : T(0));
}

}  // namespace

template <class T>
void run_conv(const ConvPlan& p, const View<const T>& x, const T* packed, const T* bias, T* y) {
  if (p.g.n * p.g.oc_all * p.g.pixels() == 0) return;
  if (p.g.ic == 0) return fill_with_bias(p.g, bias, y);
  const Scratch scratch(p.scratch_bytes);
  const std::size_t each = scratch_bytes_of_thread(p);
  const index_t tasks = p.g.n * p.g.groups * product(p.tiles) * p.splits;
  parallel_for(p.threads, tasks, [&](index_t task, int thread) {
    Worker<T>(p, x, packed, bias, y, scratch.data() + static_cast<std::size_t>(thread) * each).run(task);
  });
}

template <class T>
void pack_and_run_conv(const ConvPlan& p, const View<const T>& x, const T* w, bool flip, const T* bias, T* y) {
  const Scratch packed(static_cast<std::size_t>(p.packed_elements) * sizeof(T));
  T* const to = reinterpret_cast<T*>(packed.data());
  pack_conv(p, w, flip, to);
  run_conv(p, x, static_cast<const T*>(to), bias, y);
}

#define NDNN_INSTANTIATE(T)                                                                       \
  template void run_conv<T>(const ConvPlan&, const View<const T>&, const T*, const T*, T*);        \
  template void pack_and_run_conv<T>(const ConvPlan&, const View<const T>&, const T*, bool, const T*, T*);
NDNN_INSTANTIATE(float)
NDNN_INSTANTIATE(double)
#undef NDNN_INSTANTIATE

}  // namespace ndnn
