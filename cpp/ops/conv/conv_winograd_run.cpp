// SPDX-License-Identifier: MIT
// Winograd convolution. One task: a block of tiles of one or several images, part of the channel panels.
//   transform the input of all channels -> one product for each point -> transform the sums -> y
// Sums run over the steps in the same order whatever the block, so results do not depend on the cuts.
#include <atomic>

#include "core/parallel.hpp"
#include "core/scratch.hpp"
#include "ops/conv/conv_stage.hpp"
#include "ops/conv/conv_winograd.hpp"

namespace ndnn {
namespace {

// One image of a block: a phase of one input image, and the tiles of it that the block holds.
struct Part {
  index_t image = 0;
  Axes phase{0, 0, 0}, first{0, 0, 0}, tiles{0, 0, 0};
  bool empty() const { return product(tiles) <= 0; }
};

template <class T>
class Worker {
 public:
  Worker(const ConvPlan& plan, const View<const T>& x, const T* packed, const T* bias, T* y, char* scratch)
      : p_(plan),
        w_(plan.winograd),
        tiles_(tile_kernels<T>(plan.isa)),
        transforms_(winograd_kernels<T>(plan.isa)),
        lanes_(tiles_.lanes),
        at_(winograd_layout(plan, tiles_.lanes)),
        entry_pitch_(pitches(at_.entries)),
        x_(x),
        packed_(packed),
        bias_(bias),
        y_(y) {
    const auto part = [&](std::size_t offset) { return reinterpret_cast<T*>(scratch + offset); };
    front_[0] = part(0);
    front_[1] = part(at_.front_second);
    front_[2] = part(at_.front_third);
    inputs_ = part(at_.inputs);
    sums_ = part(at_.sums);
    rows_ = reinterpret_cast<index_t*>(scratch + at_.rows);
    outs_ = reinterpret_cast<index_t*>(scratch + at_.outs);
    columns_ = reinterpret_cast<index_t*>(scratch + at_.columns);
    blocks_ = reinterpret_cast<Steps*>(scratch + at_.blocks);
    runs_ = reinterpret_cast<CopyRun*>(scratch + at_.runs);
  }

  bool run(index_t task) {
    locate(task);
    for (index_t c = 0; c < p_.g.ic; c += lanes_)
      for (index_t i = 0; i < images_; ++i) transform_input(part(i), i, c);
    list_offsets();
    multiply();
    bool finite = true;
    for (index_t c = channels_.begin; c < channels_.end; c += lanes_)
      for (index_t i = 0; i < images_; ++i) finite = transform_sums(part(i), i, c) && finite;
    return finite;
  }

 private:
  void locate(index_t task) {
    const index_t split = task % p_.splits;
    task /= p_.splits;
    panels_ = {split * p_.panels / p_.splits, (split + 1) * p_.panels / p_.splits};
    channels_ = {panels_.begin * p_.form.panel, std::min(panels_.end * p_.form.panel, p_.g.oc)};
    for (int a = kMaxSpatial - 1; a >= 0; task /= p_.tiles[a--])
      first_[a] = task % p_.tiles[a] * w_.axis[a].block;
    group_ = task % p_.g.groups;
    first_image_ = task / p_.g.groups * p_.images;
    images_ = std::min(p_.images, w_.images - first_image_);
  }

  Part part(index_t i) const {
    Part q;
    index_t image = first_image_ + i;
    for (int a = kMaxSpatial - 1; a >= 0; image /= w_.axis[a--].phases) {
      q.phase[a] = image % w_.axis[a].phases;
      q.first[a] = first_[a];
      q.tiles[a] = std::min(w_.axis[a].block, phase_tiles(p_, a, q.phase[a]) - first_[a]);
    }
    q.image = image;
    return q;
  }

  // Channels [c, c + lanes) of one part: planes[channel][position] -> patch[position][channel] -> inputs.
  void transform_input(const Part& q, index_t image, index_t c) {
    if (q.empty()) return;
    T *const planes = front_[0], *const patch = front_[1], *const half = front_[2];
    const index_t channels = std::min<index_t>(lanes_, p_.g.ic - c);
    StageRuns runs;
    CopyRun* run = runs_;
    Axes length;
    for (int a = 0; a < kMaxSpatial; ++a, ++run) {
      const Window& w = p_.g.axis[a];
      const WinogradAxis& v = w_.axis[a];
      const index_t step = v.transformed() ? w.dilation : 1;
      const index_t base = q.phase[a] + q.first[a] * (v.transformed() ? v.outputs * step : w.stride) - w.pad_lo;
      length[a] = patch_length(p_, a, q.tiles[a]);
      *run = clipped_run(0, base, step, length[a], w.in);
      runs.first[a] = run;
      runs.count[a] = 1;
    }
    const T* x = x_.data + q.image * x_.stride[0] + (group_ * p_.g.ic + c) * x_.stride[1];
    for (index_t i = 0; i < lanes_; ++i) {
      if (i < channels) stage_plane(p_, x_, runs, x + i * x_.stride[1], planes + i * p_.plane_pitch);
      else std::fill_n(planes + i * p_.plane_pitch, product(at_.patch), T(0));
    }
    tiles_.transpose(planes, p_.plane_pitch, lanes_, round_up(product(at_.patch), lanes_), patch, lanes_);

    const WinogradAxis &va = w_.axis[w_.rows], &vb = w_.axis[w_.columns];
    const Axes patch_pitch = pitches(at_.patch);
    T* const to = inputs_ + c / at_.channels * at_.block_pitch + c % at_.channels +
                  image * product(at_.entries) * at_.channels;
    const index_t flat = entries_of(p_, w_.flat, q.tiles[w_.flat]), na = q.tiles[w_.rows];
    const index_t column_step = patch_pitch[w_.columns] * lanes_, row_step = patch_pitch[w_.rows] * lanes_;
    for (index_t f = 0; f < flat; ++f)
      for (index_t g = 0; g < (va.transformed() ? va.groups : 1); ++g)
        for (index_t i = 0; i < (va.transformed() ? na : entries_of(p_, w_.rows, na)); ++i) {
          const index_t row = i * va.outputs + g * va.taps;
          const T* from = patch + f * patch_pitch[w_.flat] * lanes_ + row * row_step;
          index_t from_step = column_step, from_product = 0;
          if (va.transformed()) {
            transforms_.input[va.points]({from, row_step, half, at_.patch[w_.columns] * lanes_,
                                          {length[w_.columns], 1}, {column_step, 0}, {lanes_, 0}});
            from = half;
            from_step = lanes_;
            from_product = at_.patch[w_.columns] * lanes_;
          }
          const index_t entry = f * entry_pitch_[w_.flat] + (entry_of_group(p_, w_.rows, g) + i) * entry_pitch_[w_.rows];
          for (index_t h = 0; h < vb.groups; ++h) {
            const index_t e = entry + entry_of_group(p_, w_.columns, h) * entry_pitch_[w_.columns];
            transforms_.input[vb.points]({from + h * vb.taps * from_step, from_step, to + e * at_.channels,
                                          at_.input_pitch,
                                          {q.tiles[w_.columns], va.points},
                                          {vb.outputs * from_step, from_product},
                                          {entry_pitch_[w_.columns] * at_.channels, vb.points * at_.input_pitch}});
          }
        }
  }

  // Row and column offsets of the products, and the runs of steps that make one chain each.
  void list_offsets() {
    nrows_ = 0;
    for (index_t i = 0; i < images_; ++i) {
      const Part q = part(i);
      for (index_t d = 0; d < q.tiles[0]; ++d)
        for (index_t h = 0; h < q.tiles[1]; ++h)
          for (index_t w = 0; w < q.tiles[2]; ++w, ++nrows_) {
            const index_t entry = i * product(at_.entries) + entry_of_tile(p_, 0, d) * entry_pitch_[0] +
                                  entry_of_tile(p_, 1, h) * entry_pitch_[1] + entry_of_tile(p_, 2, w);
            rows_[nrows_] = entry * at_.channels;
            outs_[nrows_] = tile_index(i, d, h, w);
          }
    }
    index_t* column = columns_;
    nblocks_ = 0;
    const WinogradAxis* v = w_.axis;
    for (index_t b = 0; b < at_.channel_blocks; ++b) {
      const index_t channels = std::min(at_.channels, p_.g.ic - b * at_.channels);
      index_t chain = 0;
      for (index_t d = 0; d < v[0].groups; ++d)
        for (index_t h = 0; h < v[1].groups; ++h)
          for (index_t w = 0; w < v[2].groups; ++w) {
            const index_t entry = entry_of_group(p_, 0, d) * entry_pitch_[0] +
                                  entry_of_group(p_, 1, h) * entry_pitch_[1] + entry_of_group(p_, 2, w);
            const index_t begin = column - columns_;
            for (index_t c = 0; c < channels; ++c) *column++ = b * at_.block_pitch + entry * at_.channels + c;
            if (chain > 0 && chain + channels <= kWinogradSteps) {
              blocks_[nblocks_ - 1].end = column - columns_;
              chain += channels;
            } else {
              blocks_[nblocks_++] = {begin, column - columns_};
              chain = channels;
            }
          }
    }
  }
  index_t tile_index(index_t image, index_t d, index_t h, index_t w) const {
    return ((image * w_.axis[0].block + d) * w_.axis[1].block + h) * w_.axis[2].block + w;
  }

  // For every product: sums[tile][channel] over all steps, chain after chain.
  void multiply() {
    const index_t stored = packed_channels(p_, lanes_);
    const T* w = packed_ + group_ * w_.products() * at_.steps * stored;
    for (index_t product = 0; product < w_.products(); ++product, w += at_.steps * stored)
      for (index_t i = panels_.begin; i < panels_.end; ++i) {
        const Panel panel = panel_of(p_, lanes_, i);
        const index_t vectors = panel.width / lanes_;
        const index_t parts = ceil_div(nrows_, index_t{tiles_.channel_rows[vectors - 1]});
        for (index_t b = 0; b < nblocks_; ++b)
          for (index_t part = 0; part < parts; ++part) {
            const index_t begin = part * nrows_ / parts, end = (part + 1) * nrows_ / parts;
            const TileArgs<T> args{inputs_ + product * at_.input_pitch, rows_ + begin, columns_,
                                   blocks_ + b, 1, w + panel.first * at_.steps, b == 0 ? zeros_ : nullptr,
                                   sums_ + product * at_.sum_pitch + panel.first - channels_.begin,
                                   at_.sum_row, outs_ + begin};
            tiles_.channels[vectors - 1][end - begin - 1](args);
          }
      }
  }

  // Output channels [c, c + lanes) of one part: sums -> outputs[position][channel] -> y.
  bool transform_sums(const Part& q, index_t image, index_t c) {
    if (q.empty()) return true;
    T *const half = front_[0], *const outputs = front_[1];
    const WinogradAxis &va = w_.axis[w_.rows], &vb = w_.axis[w_.columns];
    const Axes pitch = pitches(at_.outputs), tile_pitch = pitches({1, w_.axis[1].block, w_.axis[2].block});
    const index_t half_row = at_.outputs[w_.columns] * lanes_, column_step = pitch[w_.columns] * lanes_;
    for (index_t f = 0; f < q.tiles[w_.flat]; ++f)
      for (index_t i = 0; i < q.tiles[w_.rows]; ++i) {
        const index_t tile = tile_index(image, 0, 0, 0) + f * tile_pitch[w_.flat] + i * tile_pitch[w_.rows];
        const T* from = sums_ + tile * at_.sum_row + c - channels_.begin;
        T* to = outputs + (f * pitch[w_.flat] + i * va.outputs * pitch[w_.rows]) * lanes_;
        const bool both = va.transformed();
        const index_t to_step = both ? lanes_ : column_step;
        transforms_.output[vb.points][vb.outputs]({from, at_.sum_pitch, both ? half : to, to_step,
                                                   {q.tiles[w_.columns], va.points},
                                                   {tile_pitch[w_.columns] * at_.sum_row, vb.points * at_.sum_pitch},
                                                   {vb.outputs * to_step, half_row}});
        if (both)
          transforms_.output[va.points][va.outputs]({half, half_row, to, pitch[w_.rows] * lanes_,
                                                     {q.tiles[w_.columns] * vb.outputs, 1},
                                                     {lanes_, 0}, {column_step, 0}});
      }
    const index_t count = std::min<index_t>(lanes_, channels_.end - c);
    std::fill_n(start_, lanes_, T(0));
    if (bias_) std::copy_n(bias_ + group_ * p_.g.oc + c, count, start_);
    bool finite = true;
    Axes size;
    for (int a = 0; a < kMaxSpatial; ++a) {
      const index_t done = q.first[a] * w_.axis[a].outputs;
      size[a] = std::min(q.tiles[a] * w_.axis[a].outputs, phase_outputs(p_, a, q.phase[a]) - done);
    }
    for (index_t d = 0; d < size[0]; ++d)
      for (index_t h = 0; h < size[1]; ++h)
        finite = transforms_.add_bias(outputs + (d * pitch[0] + h * pitch[1]) * lanes_, size[2], start_) && finite;
    store(q, c, count, size, outputs);
    return finite;
  }

  void store(const Part& q, index_t c, index_t count, const Axes& size, const T* outputs) {
    const Window* a = p_.g.axis;
    const Axes pitch = pitches(at_.outputs), y_pitch = pitches({1, a[1].out, a[2].out});
    T* y = y_ + (q.image * p_.g.oc_all + group_ * p_.g.oc + c) * p_.g.pixels();
    Axes step;
    for (int i = 0; i < kMaxSpatial; ++i) {
      const WinogradAxis& v = w_.axis[i];
      step[i] = y_pitch[i] * (v.transformed() ? a[i].dilation : 1);
      y += q.phase[i] * y_pitch[i] + q.first[i] * v.outputs * step[i];
    }
    // Whole rows of y are one run of pixels.
    const bool run = size[2] == pitch[1] && size[2] == step[1];
    const index_t rows = run ? 1 : size[1], width = run ? size[1] * size[2] : size[2];
    for (index_t d = 0; d < size[0]; ++d)
      for (index_t h = 0; h < rows; ++h) {
        const T* from = outputs + (d * pitch[0] + h * pitch[1]) * lanes_;
        T* to = y + d * step[0] + h * step[1];
        if (step[2] == 1) {
          tiles_.transpose(from, lanes_, width, count, to, p_.g.pixels());
          continue;
        }
        for (index_t i = 0; i < width; ++i)
          for (index_t j = 0; j < count; ++j) to[j * p_.g.pixels() + i * step[2]] = from[i * lanes_ + j];
      }
  }

  const ConvPlan& p_;
  const WinogradPlan& w_;
  const TileKernels<T>& tiles_;
  const WinogradKernels<T>& transforms_;
  const int lanes_;
  const WinogradLayout at_;
  const Axes entry_pitch_;
  const View<const T>& x_;
  const T *packed_, *bias_;
  T* y_;
  T *front_[3], *inputs_, *sums_;
  index_t *rows_, *outs_, *columns_;
  Steps* blocks_;
  CopyRun* runs_;
  Range panels_, channels_;
  Axes first_{0, 0, 0};
  index_t group_ = 0, first_image_ = 0, images_ = 0, nrows_ = 0, nblocks_ = 0;
  alignas(kAlignment) T start_[kMaxPixelTile], zeros_[kMaxPixelTile] = {};
};

}  // namespace

template <class T>
bool run_winograd(const ConvPlan& p, const View<const T>& x, const T* packed, const T* bias, T* y) {
  const Scratch scratch(p.scratch_bytes);
  const std::size_t each = p.scratch_bytes / static_cast<std::size_t>(p.threads);
  std::atomic<bool> finite{true};
  parallel_for(p.threads, winograd_tasks(p), [&](index_t task, int thread) {
    Worker<T> worker(p, x, packed, bias, y, scratch.data() + static_cast<std::size_t>(thread) * each);
    if (!worker.run(task)) finite.store(false, std::memory_order_relaxed);
  });
  return finite.load();
}

template bool run_winograd<float>(const ConvPlan&, const View<const float>&, const float*, const float*, float*);
template bool run_winograd<double>(const ConvPlan&, const View<const double>&, const double*, const double*,
                                   double*);

}  // namespace ndnn
