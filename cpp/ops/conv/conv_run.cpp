// SPDX-License-Identifier: MIT
// The loop nest: image and group, tile of outputs, part of the channel panels -> one task.
//   for each reduction block: stage the input once, then every panel over every pixel tile.
// Every output is summed in the same order whatever the number of threads.
// Tried without gain: prefetching the next block's input (1 to 6 % slower) or the lines of y that the next
// transposition writes, the next panel's weights, and outputs dealt so that these stores are aligned.
#include <cstring>

#include "core/parallel.hpp"
#include "core/scratch.hpp"
#include "ops/conv/conv_stage.hpp"
#include "ops/conv/conv_winograd.hpp"
#include "ops/conv/epilogue_kernels.hpp"

namespace ndnn {
namespace {

template <class T>
class Worker {
 public:
  Worker(const ConvPlan& plan, const View<const T>& x, const T* packed, const Epilogue<T>& epilogue, T* y,
         char* scratch)
      : p_(plan),
        kernels_(tile_kernels<T>(plan.isa)),
        finish_(plan.isa, epilogue, y),
        x_(x),
        packed_(packed),
        bias_(epilogue.bias),
        y_(y) {
    const ScratchLayout at = scratch_layout(plan);
    staged_ = reinterpret_cast<T*>(scratch);
    sums_ = reinterpret_cast<T*>(scratch + at.sums);
    rows_ = reinterpret_cast<index_t*>(scratch + at.rows);
    outs_ = reinterpret_cast<index_t*>(scratch + at.outs);
    columns_ = reinterpret_cast<index_t*>(scratch + at.columns);
    steps_ = reinterpret_cast<Steps*>(scratch + at.steps);
    tiles_ = reinterpret_cast<PixelTile*>(scratch + at.tiles);
    runs_ = reinterpret_cast<CopyRun*>(scratch + at.runs);
    on_pixels_ = plan.form.algorithm == ConvAlgorithm::lanes_on_pixels;
    stored_channels_ = packed_channels(plan, kernels_.lanes);
    in_place_ = plan.in_place;
    for (int a = 0; a < kMaxSpatial; ++a)
      output_step_[a] = in_place_ ? p_.g.axis[a].stride * x_.stride[2 + a] : p_.stage[a].step * p_.pitch[a];
  }

  void run(index_t task) {
    const Range panels = locate(task);
    list_pixel_tiles();
    bool first = true;
    index_t block_number = 0;
    for_each_block(p_, [&](const Block& block) {
      const bool last = ++block_number == p_.blocks;
      list_columns(p_, block, in_place_ ? x_.stride[1] : p_.plane_pitch, columns_);
      from_ = in_place_ ? input_of(block) : stage(block);
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
  const T* stage(const Block& block) {
    stage_block(p_, x_, tile_, block, runs_, staged_);
    const T* from = staged_;
    for (int a = 0; a < kMaxSpatial; ++a) {
      const index_t base = p_.g.axis[a].position(tile_.first[a], block.taps[a].begin);
      from -= clipped_start(p_, a, base) * p_.pitch[a];
    }
    return from;
  }
  const T* input_of(const Block& block) const {
    const T* from =
        x_.data + tile_.image * x_.stride[0] + (tile_.group * p_.g.ic + block.channels.begin) * x_.stride[1];
    for (int a = 0; a < kMaxSpatial; ++a) from += tile_.first[a] * output_step_[a];
    return from;
  }

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
    tile_.image = task / p_.g.groups * p_.images;
    tile_.images = std::min(p_.images, p_.g.n - tile_.image);
    pixels_ = product(tile_.size);
    flat_ = on_pixels_ ? flat_pixels_of(p_, tile_.size) : pixels_;
    return {part * p_.panels / p_.splits, (part + 1) * p_.panels / p_.splits};
  }

  // Deals the outputs of the tile to kernel calls.
  void list_pixel_tiles() {
    ntiles_ = 0;
    if (!on_pixels_ && p_.by_taps) deal_by_taps();
    else if (!on_pixels_) deal_in_order();
    else if (p_.row_tiles) deal_rows();
    else deal_flat();
  }

  // Channels, in the order of y: groups of kRowGroup outputs, a short rest joined to the last one. 49 outputs
  // as 48 and 1 cost 4 % more.
  void deal_in_order() {
    const index_t most = tallest(),
                  groups = std::max<index_t>(1, (flat_ + kRowGroup - 1 - kShortRest) / kRowGroup);
    const bool kept = keeps_sums(p_);
    Walk walk{{0, 0, 0}, tile_.size[1], tile_.size[2]};
    index_t row = 0;
    for (index_t g = 0; g < groups; ++g) {
      const index_t first = row, size = g + 1 < groups ? kRowGroup : flat_ - first;
      const index_t parts = ceil_div(size, most);
      for (index_t i = 0; i < parts; ++i) {
        const index_t begin = i * size / parts, end = (i + 1) * size / parts;
        add_run(first + begin, end - begin, walk);
      }
      tiles_[ntiles_ - 1].closes_group = true;
      for (; row < first + size; ++row) outs_[row] = kept ? row : row - first;
    }
    row = 0;
    for (index_t d = 0; d < tile_.size[0]; ++d)
      for (index_t h = 0; h < tile_.size[1]; ++h)
        for (index_t w = 0; w < tile_.size[2]; ++w) rows_[row++] = row_offset(d, h, w);
  }

  // Channels, box after box of outputs that touch the same taps: no step is wasted on padding.
  void deal_by_taps() {
    TapSegment segments[kMaxSpatial][kMostSegments];
    index_t count[kMaxSpatial];
    for (int a = 0; a < kMaxSpatial; ++a)
      count[a] = tap_segments(p_.g.axis[a], {tile_.first[a], tile_.first[a] + tile_.size[a]}, segments[a]);
    index_t row = 0;
    for (index_t d = 0; d < count[0]; ++d)
      for (index_t h = 0; h < count[1]; ++h)
        for (index_t w = 0; w < count[2]; ++w)
          row = add_box(segments[0][d], segments[1][h], segments[2][w], row);
  }
  index_t add_box(const TapSegment& sd, const TapSegment& sh, const TapSegment& sw, index_t row) {
    const index_t n = sd.outputs.size() * sh.outputs.size() * sw.outputs.size() * tile_.images;
    const index_t parts = ceil_div(n, tallest());
    for (index_t i = 0; i < parts; ++i) {
      const index_t begin = i * n / parts, end = (i + 1) * n / parts;
      tiles_[ntiles_++] = {row + begin, 0, end - begin, 1, false, {sd.taps, sh.taps, sw.taps}};
    }
    const Axes& at = tile_.first;
    for (index_t image = 0; image < tile_.images; ++image)
      for (index_t d = sd.outputs.begin - at[0]; d < sd.outputs.end - at[0]; ++d)
        for (index_t h = sh.outputs.begin - at[1]; h < sh.outputs.end - at[1]; ++h)
          for (index_t w = sw.outputs.begin - at[2]; w < sw.outputs.end - at[2]; ++w, ++row) {
            rows_[row] = image * (in_place_ ? x_.stride[0] : p_.image_pitch) + row_offset(d, h, w);
            outs_[row] = image * pixels_ + (d * tile_.size[1] + h) * tile_.size[2] + w;
          }
    return row;
  }

  // Pixels: all staged positions from the first output to the last, gaps included.
  void deal_flat() {
    const index_t most = index_t{kernels_.pixel_vectors} * kernels_.lanes;
    Walk walk{{0, 0, 0}, p_.stage[1].length, p_.stage[2].length};
    for (index_t begin = 0; begin < flat_; begin += most) {
      add_run(begin, std::min(most, flat_ - begin), walk);
      join_last();
    }
  }
  // The last tile becomes one more of the tile before, where that is its like and ends where it begins. 64 ->
  // 256 channels, 1x1 at 56x56: 229 -> 255 GFLOP/s, 3 -> 64, 3x3 at 224x224: 204 -> 222.
  void join_last() {
    constexpr index_t kMost = 8;  // their sums are in L1 when the epilogue comes
    if (ntiles_ < 2 || tiles_[ntiles_ - 2].repeat == kMost) return;
    PixelTile& a = tiles_[ntiles_ - 2];
    const PixelTile& b = tiles_[ntiles_ - 1];
    const index_t length = a.n * a.repeat;
    const bool alike = a.n == b.n && a.n % kernels_.lanes == 0 && a.taps[0] == b.taps[0] &&
                       a.taps[1] == b.taps[1] && a.taps[2] == b.taps[2];
    if (!alike || a.first + length != b.first || a.c + length != b.c) return;
    ++a.repeat;
    --ntiles_;
  }
  // Pixels: row after row, each cut into even numbers of vectors.
  void deal_rows() {
    const index_t lanes = kernels_.lanes, vectors = ceil_div(tile_.size[2], lanes);
    const index_t parts = ceil_div(vectors, index_t{kernels_.pixel_vectors});
    for (index_t d = 0; d < tile_.size[0]; ++d)
      for (index_t h = 0; h < tile_.size[1]; ++h)
        for (index_t i = 0; i < parts; ++i) {
          const index_t begin = i * vectors / parts * lanes;
          const index_t end = std::min((i + 1) * vectors / parts * lanes, tile_.size[2]);
          PixelTile& t = tiles_[ntiles_++];
          t = {d * p_.pitch[0] + h * p_.pitch[1] + begin,
               (d * tile_.size[1] + h) * tile_.size[2] + begin,
               end - begin,
               1,
               false,
               {}};
          touch(t, 0, {d, d + 1});
          touch(t, 1, {h, h + 1});
          touch(t, 2, {begin, end});
          join_last();
        }
  }

  index_t tallest() const { return kernels_.channel_rows[p_.form.panel / kernels_.lanes - 1]; }
  index_t row_offset(index_t d, index_t h, index_t w) const {
    return d * output_step_[0] + h * output_step_[1] + w * output_step_[2];
  }

  // A position on a grid of `rows` rows of `width`, moved without divisions.
  struct Walk {
    Axes at;
    index_t rows, width;
    void advance(index_t n) {
      for (at[2] += n; at[2] >= width; at[2] -= width) ++at[1];
      for (; at[1] >= rows; at[1] -= rows) ++at[0];
    }
  };
  // n outputs from flat position `first`, where `walk` stands. Their taps: axis by axis, exact where the
  // outputs stay on one position of all axes before.
  void add_run(index_t first, index_t n, Walk& walk) {
    PixelTile& t = tiles_[ntiles_++];
    t = {first, first, n, 1, false, {}};
    const Axes begin = walk.at;
    walk.advance(n - 1);
    bool same = true;
    for (int a = 0; a < kMaxSpatial; ++a) {
      const index_t last = tile_.size[a] - 1;  // the walk may end in a gap
      touch(t, a,
            same ? Range{std::min(begin[a], last), std::min(walk.at[a], last) + 1} : Range{0, last + 1});
      same = same && begin[a] == walk.at[a];
    }
    walk.advance(1);
  }
  void touch(PixelTile& t, int a, Range outputs) const {
    t.taps[a] = touching_taps(p_.g.axis[a], {tile_.first[a] + outputs.begin, tile_.first[a] + outputs.end});
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

  T* output(index_t channel, index_t image = 0) const {
    const Window* a = p_.g.axis;
    const index_t pixel = (tile_.first[0] * a[1].out + tile_.first[1]) * a[2].out + tile_.first[2];
    const index_t plane = (tile_.image + image) * p_.g.oc_all + tile_.group * p_.g.oc + channel;
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
    const bool kept = keeps_sums(p_);
    T* sums =
        sums_ + (kept ? (panel.first - panels.begin * p_.form.panel) * sum_rows(p_, kernels_.lanes) : 0);
    if (first) load_start(panel);
    index_t stored = 0, done = 0;  // outputs in y, outputs summed
    for (index_t i = 0; i < ntiles_; ++i) {
      const PixelTile& t = tiles_[i];
      const TileArgs<T> args{from_, rows_ + t.first,          columns_, steps_, list_steps(block, t),
                             w,     first ? start_ : nullptr, sums,     width,  outs_ + t.first};
      kernels_.channels[vectors - 1][t.n - 1](args);
      if (p_.by_taps) continue;  // out of order: all at the end
      done += t.n;
      if (!last || !t.closes_group) continue;
      store(panel, sums + (kept ? stored * width : 0), done - stored, output(panel.first) + stored);
      stored = done;
    }
    for (index_t image = 0; last && p_.by_taps && image < tile_.images; ++image)
      store(panel, sums + image * pixels_ * width, pixels_, output(panel.first, image));
  }
  // n outputs of a panel, summed.
  void store(const Panel& panel, const T* sums, index_t n, T* out) const {
    kernels_.transpose(sums, panel.width, n, panel.count, out, p_.g.pixels());
    finish_(out, p_.g.pixels(), panel.count, n);
  }

  // sums[channel][staged position]: in y itself where rows have no gaps, else in scratch.
  void pixels_panel(const Block& block, const Panel& panel, const T* w, Range panels, bool first, bool last) {
    const bool direct = p_.in_output;
    const index_t ldc = direct ? p_.g.pixels() : round_up(flat_pixels_of(p_, p_.tile), kMaxPixelTile);
    const index_t part_first = panel_of(p_, kernels_.lanes, panels.begin).first;
    T* sums = direct ? output(panel.first) : sums_ + (panel.first - part_first) * ldc;
    if (first) load_start(panel);
    for (index_t i = 0; i < ntiles_; ++i) {
      const PixelTile& t = tiles_[i];
      const index_t vectors = ceil_div(t.n, index_t{kernels_.lanes}), width = vectors * kernels_.lanes;
      TileArgs<T> args{
          from_ + t.first, nullptr, columns_, steps_,  list_steps(block, t), w, first ? start_ : nullptr,
          sums + t.c,      ldc,     nullptr,  t.repeat};
      const auto kernel = kernels_.pixels[vectors - 1][panel.width - 1];
      if (!direct || t.n == width) {
        kernel(args);
      } else {
        // The last vector would run over the end of the row: by way of scratch.
        args.c = sums_;
        args.ldc = width;
        if (!first) copy_rows(sums + t.c, ldc, sums_, width, panel.count, t.n);
        kernel(args);
        copy_rows(sums_, width, sums + t.c, ldc, panel.count, t.n);
      }
      if (last && direct) finish_(sums + t.c, ldc, panel.count, t.n * t.repeat);
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
        copy_rows(sums + m * ldc + d * p_.pitch[0], p_.pitch[1], out + d * tile_.size[1] * tile_.size[2],
                  tile_.size[2], tile_.size[1], tile_.size[2]);
      finish_(out, pixels_, 1, pixels_);
    }
  }

  const ConvPlan& p_;
  const TileKernels<T>& kernels_;
  const Finish<T> finish_;
  const View<const T>& x_;
  const T *packed_, *bias_;
  T* y_;
  T *staged_, *sums_;
  const T* from_ = nullptr;  // where offsets count from: staged_, or before it
  index_t *rows_, *outs_, *columns_;
  CopyRun* runs_;
  Steps* steps_;
  PixelTile* tiles_;
  bool on_pixels_, in_place_;
  index_t stored_channels_;
  TileAt tile_;
  Axes output_step_;  // elements from the input of one output to that of the next
  index_t pixels_ = 0, flat_ = 0, ntiles_ = 0;
  alignas(kAlignment) T start_[kMaxPixelTile];
};

// No input channels: the sum is empty, the bias remains.
template <class T>
void fill_with_bias(const ConvPlan& p, const Epilogue<T>& epilogue, T* y) {
  const Finish<T> finish(p.isa, epilogue, y);
  const index_t n = p.g.pixels();
  for (index_t i = 0; i < p.g.n * p.g.oc_all; ++i, y += n) {
    std::fill_n(y, n, epilogue.bias ? epilogue.bias[i % p.g.oc_all] : T(0));
    finish(y, n, 1, n);
  }
}

}  // namespace

template <class T>
bool run_conv(const ConvPlan& p, const View<const T>& x, const T* packed, const Epilogue<T>& epilogue, T* y) {
  if (p.g.n * p.g.oc_all * p.g.pixels() == 0) return true;
  if (is_winograd(p.form.algorithm)) return run_winograd(p, x, packed, epilogue, y);
  if (p.g.ic == 0) {
    fill_with_bias(p, epilogue, y);
  } else if (p.form.algorithm == ConvAlgorithm::stencil) {
    run_stencil(p, x, packed, weight_layout(p.g, false), epilogue, y);
  } else {
    const Scratch scratch(p.scratch_bytes);
    const std::size_t each = scratch_bytes_of_thread(p);
    parallel_for(p.threads, tasks_of(p), [&](index_t task, int thread) {
      Worker<T>(p, x, packed, epilogue, y, scratch.data() + static_cast<std::size_t>(thread) * each)
          .run(task);
    });
  }
  return true;
}

template <class T>
void pack_and_run_conv(const ConvPlan& p, const View<const T>& x, const T* w, const WeightLayout& layout,
                       const Epilogue<T>& epilogue, T* y) {
  // A stencil reads the weights where they are.
  if (p.form.algorithm == ConvAlgorithm::stencil && p.g.n * p.g.ic * p.g.oc_all * p.g.pixels() > 0)
    return run_stencil(p, x, w, layout, epilogue, y);
  bool done;
  {
    const Scratch packed(static_cast<std::size_t>(p.packed_elements) * sizeof(T));
    T* const to = reinterpret_cast<T*>(packed.data());
    pack_conv(p, w, layout, to);
    done = run_conv(p, x, static_cast<const T*>(to), epilogue, y);
  }
  if (!done) pack_and_run_conv(direct_plan(p), x, w, layout, epilogue, y);
}

ConvPlan direct_plan(const ConvPlan& p) {
  return plan_conv(p.g, p.item_bytes, p.isa, p.threads, false, true);
}

#define NDNN_INSTANTIATE(T)                                                                                \
  template bool run_conv<T>(const ConvPlan&, const View<const T>&, const T*, const Epilogue<T>&, T*);      \
  template void pack_and_run_conv<T>(const ConvPlan&, const View<const T>&, const T*, const WeightLayout&, \
                                     const Epilogue<T>&, T*);
NDNN_INSTANTIATE(float)
NDNN_INSTANTIATE(double)
#undef NDNN_INSTANTIATE

}  // namespace ndnn
