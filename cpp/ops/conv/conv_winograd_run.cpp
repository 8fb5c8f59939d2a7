// SPDX-License-Identifier: MIT
// Winograd convolution. One task: a block of tiles of one or several images, part of the channel panels.
//   transform the input of all channels -> one product for each point -> transform the sums -> y
// Sums run over the steps in the same order whatever the block, so results do not depend on the cuts.
#include <atomic>

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
        w_(plan.winograd),
        tiles_(tile_kernels<T>(plan.isa)),
        transforms_(winograd_kernels<T>(plan.isa)),
        lanes_(tiles_.lanes),
        at_(winograd_layout(plan, tiles_.lanes)),
        entry_pitch_(pitches(at_.entries)),
        tile_pitch_(pitches({1, w_.axis[1].block * w_.axis[1].phases, w_.axis[2].block * w_.axis[2].phases})),
        x_(x),
        packed_(packed),
        bias_(epilogue.bias),
        finish_(plan.isa, epilogue, y),
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
    const Range groups = locate(task);
    list_offsets();
    bool finite = true;
    for (group_ = groups.begin; group_ < groups.end; ++group_) {
      for (index_t c = 0; c < p_.g.ic; c += lanes_)
        for (index_t i = 0; i < images_; ++i) transform_input(i, c);
      multiply();
      for (index_t c = channels_.begin; c < channels_.end; c += lanes_)
        for (index_t i = 0; i < images_; ++i) finite = transform_sums(i, c) && finite;
    }
    return finite;
  }

 private:
  Range locate(index_t task) {
    const index_t split = task % p_.splits;
    task /= p_.splits;
    panels_ = {split * p_.panels / p_.splits, (split + 1) * p_.panels / p_.splits};
    channels_ = {panels_.begin * p_.form.panel, std::min(panels_.end * p_.form.panel, p_.g.oc)};
    for (int a = kMaxSpatial - 1; a >= 0; task /= p_.tiles[a--]) {
      first_[a] = task % p_.tiles[a] * w_.axis[a].block;
      most_tiles_[a] = tiles_in_phase(a, 0);
      size_[a] = std::min(at_.outputs[a], p_.g.axis[a].out - first_[a] * outputs_of_tiles(p_, a));
    }
    const index_t parts = ceil_div(p_.g.groups, p_.group_block), first = task % parts * p_.group_block;
    first_image_ = task / parts * p_.images;
    images_ = std::min(p_.images, p_.g.n - first_image_);
    return {first, std::min(first + p_.group_block, p_.g.groups)};
  }
  index_t tiles_in_phase(int a, index_t phase) const {
    return std::clamp<index_t>(phase_tiles(p_, a, phase) - first_[a], 0, w_.axis[a].block);
  }

  // Channels [c, c + lanes) of one image: patch[position][channel] -> inputs.
  void transform_input(index_t image, index_t c) {
    T* const patch = front_[1];
    stage(image, c, patch);
    const int a = w_.rows;
    const WinogradAxis& v = w_.axis[a];
    const Axes pitch = pitches(at_.patch);
    T* const to = inputs_ + c / at_.channels * at_.block_pitch + c % at_.channels +
                  image * product(at_.entries) * at_.channels;
    const index_t row = pitch[a] * lanes_, column = pitch[w_.columns] * lanes_;
    const index_t entry_row = entry_pitch_[a] * at_.channels;
    for (index_t f = 0; f < entries_of(p_, w_.flat, most_tiles_[w_.flat]); ++f) {
      const T* const slice = patch + f * pitch[w_.flat] * lanes_;
      T* const entries = to + f * entry_pitch_[w_.flat] * at_.channels;
      if (!v.transformed()) {
        transform_columns(slice, column, entries_of(p_, a, most_tiles_[a]), row, entries, entry_row);
        continue;
      }
      const index_t width = patch_length(p_, w_.columns, most_tiles_[w_.columns]);
      for (index_t g = 0; g < v.groups; ++g)
        for (index_t phase = 0; phase < v.phases; ++phase)
          for (index_t i = 0; i < tiles_in_phase(a, phase); ++i) {
            const index_t position = phase + i * v.outputs * v.step + group_offset(p_, a, g);
            T* const half = front_[2];
            transforms_.input[v.points]({slice + position * row,
                                         v.step * row,
                                         half,
                                         at_.patch[w_.columns] * lanes_,
                                         {width, 1},
                                         {column, 0},
                                         {lanes_, 0}});
            transform_columns(half, lanes_, v.points, at_.patch[w_.columns] * lanes_,
                              entries + ((g * v.phases + phase) * v.block + i) * entry_row,
                              w_.axis[w_.columns].points * at_.input_pitch);
          }
    }
  }
  // Along the second axis: positions at `step`; `n` of them, at from_next each, go to to_next each.
  void transform_columns(const T* from, index_t step, index_t n, index_t from_next, T* to,
                         index_t to_next) const {
    const WinogradAxis& v = w_.axis[w_.columns];
    const index_t entry = entry_pitch_[w_.columns] * at_.channels;
    for (index_t g = 0; g < v.groups; ++g)
      for (index_t phase = 0; phase < v.phases; ++phase)
        transforms_.input[v.points]({from + (phase + group_offset(p_, w_.columns, g)) * step,
                                     v.step * step,
                                     to + (g * v.phases + phase) * v.block * entry,
                                     at_.input_pitch,
                                     {tiles_in_phase(w_.columns, phase), n},
                                     {v.outputs * v.step * step, from_next},
                                     {entry, to_next}});
  }

  // x, padded with zeros, with the channels of a vector side by side. Rows are transposed where they stand
  // (64 channels at 56x56: 629 -> 664 GFLOP/s), short ones together if they follow each other. Others, and
  // channels a multiple of 4 KB apart (16 rows of a block would share a cache set), are first copied.
  void stage(index_t image, index_t c, T* patch) {
    StageRuns runs;
    for (int a = 0; a < kMaxSpatial; ++a) {
      const Window& w = p_.g.axis[a];
      const index_t output = first_[a] * outputs_of_tiles(p_, a);
      runs_[a] = clipped_run(0, w.position(output, 0), 1, patch_length(p_, a, most_tiles_[a]), w.in);
      runs.first[a] = runs_ + a;
      runs.count[a] = 1;
    }
    const T* x = x_.data + (first_image_ + image) * x_.stride[0] + (group_ * p_.g.ic + c) * x_.stride[1];
    const index_t page = 4096 / index_t(sizeof(T)), width = runs_[2].n;
    const bool long_rows = width >= lanes_, joined = x_.stride[3] == width && runs_[1].n * width >= lanes_;
    if ((long_rows || joined) && x_.stride[4] == 1 && x_.stride[1] % page != 0 && c + lanes_ <= p_.g.ic) {
      if (c == 0) std::fill_n(patch, product(at_.patch) * lanes_, T(0));
      return transpose_rows(x, long_rows, patch);
    }
    T* const planes = front_[0];
    for (index_t i = 0; i < lanes_; ++i) {
      if (c + i < p_.g.ic) stage_plane(p_, x_, runs, x + i * x_.stride[1], planes + i * p_.plane_pitch);
      else std::fill_n(planes + i * p_.plane_pitch, product(at_.patch), T(0));
    }
    tiles_.transpose(planes, p_.plane_pitch, lanes_, round_up(product(at_.patch), lanes_), patch, lanes_);
  }
  void transpose_rows(const T* x, bool long_rows, T* patch) const {
    const Axes pitch = pitches(at_.patch);
    const CopyRun &d = runs_[0], &h = runs_[1], &w = runs_[2];
    for (index_t i = 0; i < d.n; ++i) {
      const T* from = x + (d.from + i) * x_.stride[2] + h.from * x_.stride[3] + w.from;
      if (!long_rows) transpose_run(from, h.n * w.n, front_[0]);
      T* to = patch + ((d.lead + i) * pitch[0] + h.lead * pitch[1] + w.lead) * lanes_;
      for (index_t j = 0; j < h.n; ++j, from += x_.stride[3], to += pitch[1] * lanes_) {
        if (long_rows) transpose_run(from, w.n, to);
        else std::copy_n(front_[0] + j * w.n * lanes_, w.n * lanes_, to);
      }
    }
  }
  // n >= lanes positions; the last vectors overlap those before.
  void transpose_run(const T* from, index_t n, T* to) const {
    const index_t whole = n / lanes_ * lanes_, rest = n - lanes_;
    tiles_.transpose(from, x_.stride[1], lanes_, whole, to, lanes_);
    if (whole != n) tiles_.transpose(from + rest, x_.stride[1], lanes_, lanes_, to + rest * lanes_, lanes_);
  }

  // Calls fn(tile along the axis, entry along the axis) for every tile of all phases.
  template <class Fn>
  void for_each_tile(int a, Fn&& fn) const {
    for (index_t phase = 0; phase < w_.axis[a].phases; ++phase)
      for (index_t i = 0; i < tiles_in_phase(a, phase); ++i) {
        const index_t tile = phase * w_.axis[a].block + i;
        fn(tile, tile * tile_step(p_, a));
      }
  }
  // Row and column offsets of the products, and the runs of steps that make one chain each.
  void list_offsets() {
    nrows_ = 0;
    for (index_t i = 0; i < images_; ++i)
      for_each_tile(0, [&](index_t d, index_t ed) {
        for_each_tile(1, [&](index_t h, index_t eh) {
          for_each_tile(2, [&](index_t w, index_t ew) {
            const index_t entry = ed * entry_pitch_[0] + eh * entry_pitch_[1] + ew;
            rows_[nrows_] = (i * product(at_.entries) + entry) * at_.channels;
            outs_[nrows_++] = i * w_.block_tiles() + d * tile_pitch_[0] + h * tile_pitch_[1] + w;
          });
        });
      });
    index_t* column = columns_;
    nblocks_ = 0;
    const WinogradAxis* v = w_.axis;
    for (index_t b = 0; b < at_.channel_blocks; ++b) {
      const index_t channels = std::min(at_.channels, p_.g.ic - b * at_.channels);
      index_t chain = kWinogradSteps;
      for (index_t d = 0; d < v[0].groups; ++d)
        for (index_t h = 0; h < v[1].groups; ++h)
          for (index_t w = 0; w < v[2].groups; ++w) {
            const index_t entry = d * group_step(p_, 0) * entry_pitch_[0] +
                                  h * group_step(p_, 1) * entry_pitch_[1] + w * group_step(p_, 2);
            if (chain + channels > kWinogradSteps) {
              blocks_[nblocks_++].begin = column - columns_;
              chain = 0;
            }
            chain += channels;
            for (index_t c = 0; c < channels; ++c) *column++ = b * at_.block_pitch + entry * at_.channels + c;
            blocks_[nblocks_ - 1].end = column - columns_;
          }
    }
  }

  // For every product: sums[tile][channel] over all steps, chain after chain.
  void multiply() {
    const index_t stored = packed_channels(p_, lanes_);
    const T* w = packed_ + group_ * w_.products() * at_.steps * stored;
    for (index_t product = 0; product < w_.products(); ++product, w += at_.steps * stored)
      for (index_t i = panels_.begin; i < panels_.end; ++i) {
        const Panel panel = panel_of(p_, lanes_, i);
        const index_t vectors = panel.width / lanes_;
        // Rows dealt evenly: so many tiles of one row more, then the others.
        const index_t parts = ceil_div(nrows_, index_t{tiles_.channel_rows[vectors - 1]});
        const index_t rows = nrows_ / parts, higher = nrows_ % parts;
        const T* const own = w + panel.first * at_.steps;
        for (index_t b = 0; b < nblocks_; ++b) {
          const T* const next = own + blocks_[b].end * panel.width;
          const index_t elements = (blocks_[b].end - blocks_[b].begin) * panel.width;
          TileArgs<T> args{inputs_ + product * at_.input_pitch,
                           rows_,
                           columns_,
                           blocks_ + b,
                           1,
                           own,
                           b == 0 ? zeros_ : nullptr,
                           sums_ + product * at_.sum_pitch + panel.first - channels_.begin,
                           at_.sum_row,
                           outs_};
          for (index_t part = 0; part < parts; part += args.tiles) {
            const index_t height = rows + (part < higher), left = (part < higher ? higher : parts) - part;
            args.tiles = p_.weights_stream ? 1 : left;
            if (p_.weights_stream) prefetch_part(next, elements, part, parts);
            tiles_.channels[vectors - 1][height - 1](args);
            args.row += args.tiles * height;
            args.out += args.tiles * height;
          }
        }
      }
  }

  // Weights that come from beyond L2 would hold up the first rows of every panel. So the calls for the block
  // before fetch them, each its part. 512 channels at 28x28: 675 -> 748 GFLOP/s; slower where parts are few.
  static void prefetch_part(const T* next, index_t elements, index_t part, index_t parts) {
    constexpr index_t kLine = kAlignment / index_t(sizeof(T)), kLeastParts = 4;
    if (parts < kLeastParts) return;
    const index_t lines = elements / kLine;
    for (index_t k = part * lines / parts; k < (part + 1) * lines / parts; ++k)
      __builtin_prefetch(next + k * kLine, 0, 2);
  }

  // Output channels [c, c + lanes) of one image: sums -> outputs[position][channel] -> y.
  bool transform_sums(index_t image, index_t c) {
    T *const half = front_[0], *const outputs = front_[1];
    const index_t count = std::min<index_t>(lanes_, channels_.end - c);
    std::fill_n(start_, lanes_, T(0));
    if (bias_) std::copy_n(bias_ + group_ * p_.g.oc + c, count, start_);
    const int a = w_.rows;
    const WinogradAxis &v = w_.axis[a], &u = w_.axis[w_.columns];
    const Axes pitch = pitches(at_.outputs);
    const index_t row = pitch[a] * lanes_, column = pitch[w_.columns] * lanes_;
    const index_t half_row = at_.outputs[w_.columns] * lanes_, sum_row = tile_pitch_[a] * at_.sum_row;
    const auto& last = transforms_.last_output;
    bool finite = true;
    for (index_t f = 0; f < most_tiles_[w_.flat]; ++f) {
      const T* const sums =
          sums_ + (image * w_.block_tiles() + f * tile_pitch_[w_.flat]) * at_.sum_row + c - channels_.begin;
      T* const slice = outputs + f * pitch[w_.flat] * lanes_;
      if (!v.transformed()) {
        for (index_t phase = 0; phase < u.phases; ++phase)
          finite &= last[u.points][u.outputs](
              sum_columns(phase, sums, most_tiles_[a], sum_row, slice, column, row), start_);
        continue;
      }
      for (index_t phase = 0; phase < v.phases; ++phase)
        for (index_t i = 0; i < tiles_in_phase(a, phase); ++i) {
          const T* const from = sums + (phase * v.block + i) * sum_row;
          for (index_t k = 0; k < u.phases; ++k)
            transforms_.output[u.points][u.outputs](
                sum_columns(k, from, v.points, u.points * at_.sum_pitch, half, lanes_, half_row));
          finite &= last[v.points][v.outputs]({half,
                                               half_row,
                                               slice + (phase + i * v.outputs * v.phases) * row,
                                               v.phases * row,
                                               {size_[w_.columns], 1},
                                               {lanes_, 0},
                                               {column, 0}},
                                              start_);
        }
    }
    store(image, c, count, outputs);
    return finite;
  }
  // The sums of one phase along the second axis, `n` rows of them, into positions `step` apart.
  TransformArgs<T> sum_columns(index_t phase, const T* from, index_t n, index_t from_next, T* to,
                               index_t step, index_t to_next) const {
    const WinogradAxis& u = w_.axis[w_.columns];
    const index_t tile = tile_pitch_[w_.columns] * at_.sum_row;
    return {from + phase * u.block * tile,
            at_.sum_pitch,
            to + phase * step,
            u.phases * step,
            {tiles_in_phase(w_.columns, phase), n},
            {tile, from_next},
            {u.outputs * u.phases * step, to_next}};
  }

  void store(index_t image, index_t c, index_t count, T* outputs) const {
    const Window* a = p_.g.axis;
    const Axes pitch = pitches(at_.outputs), y_pitch = pitches({1, a[1].out, a[2].out});
    T* y = y_ + ((first_image_ + image) * p_.g.oc_all + group_ * p_.g.oc + c) * p_.g.pixels();
    for (int i = 0; i < kMaxSpatial; ++i) y += first_[i] * outputs_of_tiles(p_, i) * y_pitch[i];
    // Whole rows of y are one run of pixels.
    const bool run = size_[2] == y_pitch[1];
    const index_t rows = run ? 1 : size_[1], width = run ? size_[1] * size_[2] : size_[2];
    for (index_t d = 0; d < size_[0]; ++d) {
      T* const slice = outputs + d * pitch[0] * lanes_;
      if (run && size_[2] != pitch[1]) close_gaps(slice, pitch[1]);
      for (index_t h = 0; h < rows; ++h) {
        T* const to = y + d * y_pitch[0] + h * y_pitch[1];
        tiles_.transpose(slice + h * pitch[1] * lanes_, lanes_, width, count, to, p_.g.pixels());
        finish_(to, p_.g.pixels(), count, width);
      }
    }
  }
  // Rows follow each other without the outputs beyond the last one of y.
  void close_gaps(T* slice, index_t pitch) const {
    for (index_t h = 1; h < size_[1]; ++h)
      std::copy_n(slice + h * pitch * lanes_, size_[2] * lanes_, slice + h * size_[2] * lanes_);
  }

  const ConvPlan& p_;
  const WinogradPlan& w_;
  const TileKernels<T>& tiles_;
  const WinogradKernels<T>& transforms_;
  const int lanes_;
  const WinogradLayout at_;
  const Axes entry_pitch_, tile_pitch_;
  const View<const T>& x_;
  const T *packed_, *bias_;
  const Finish<T> finish_;
  T* y_;
  T *front_[3], *inputs_, *sums_;
  index_t *rows_, *outs_, *columns_;
  Steps* blocks_;
  CopyRun* runs_;
  Range panels_, channels_;
  Axes first_{0, 0, 0}, most_tiles_{0, 0, 0};  // tiles of the block in each phase: the first, and how many
  Axes size_{0, 0, 0};                         // outputs of the block
  index_t group_ = 0, first_image_ = 0, images_ = 0, nrows_ = 0, nblocks_ = 0;
  alignas(kAlignment) T start_[kMaxPixelTile], zeros_[kMaxPixelTile] = {};
};

}  // namespace

template <class T>
bool run_winograd(const ConvPlan& p, const View<const T>& x, const T* packed, const Epilogue<T>& epilogue,
                  T* y) {
  const Scratch scratch(p.scratch_bytes);
  const std::size_t each = p.scratch_bytes / static_cast<std::size_t>(p.threads);
  std::atomic<bool> finite{true};
  parallel_for(p.threads, winograd_tasks(p), [&](index_t task, int thread) {
    Worker<T> worker(p, x, packed, epilogue, y, scratch.data() + static_cast<std::size_t>(thread) * each);
    if (!worker.run(task)) finite.store(false, std::memory_order_relaxed);
  });
  return finite.load();
}

template bool run_winograd<float>(const ConvPlan&, const View<const float>&, const float*,
                                  const Epilogue<float>&, float*);
template bool run_winograd<double>(const ConvPlan&, const View<const double>&, const double*,
                                   const Epilogue<double>&, double*);

}  // namespace ndnn
