// SPDX-License-Identifier: MIT
// The loop nest: group, block of rows (taps and input channels), some panels of output channels, part of the
// reduction -> one task.
//   for each tile of outputs: stage its input, then every panel: pack its dy, multiply, add.
// Sums of a tile are formed apart and added in a fixed order, those of parts in the order of the parts.
#include <cstring>

#include "core/parallel.hpp"
#include "core/scratch.hpp"
#include "ops/conv/conv_weight_gradient_task.hpp"
#include "ops/conv/weight_gradient_kernels.hpp"

namespace ndnn {
namespace {

// lanes_on_outputs and lanes_on_inputs.
template <class T>
class Worker {
 public:
  Worker(const WeightGradientPlan& plan, const View<const T>& x, const T* dy, bool flip, char* scratch)
      : p_(plan), g_(plan.in.g), kernels_(tile_kernels<T>(plan.in.isa)), x_(x), dy_(dy), flip_(flip) {
    const WeightGradientScratch at = weight_gradient_scratch(plan);
    staged_ = reinterpret_cast<T*>(scratch);
    packed_ = reinterpret_cast<T*>(scratch + at.packed);
    sums_ = reinterpret_cast<T*>(scratch + at.sums);
    rows_ = reinterpret_cast<index_t*>(scratch + at.rows);
    outs_ = reinterpret_cast<index_t*>(scratch + at.outs);
    pixels_ = reinterpret_cast<index_t*>(scratch + at.pixels);
    numbers_ = reinterpret_cast<index_t*>(scratch + at.numbers);
    steps_ = reinterpret_cast<Steps*>(scratch + at.steps);
    runs_ = reinterpret_cast<CopyRun*>(scratch + at.runs);
    for (index_t i = 0; i < outputs_of_tile(plan.in); ++i) numbers_[i] = i;
  }

  void run(const GradientTask& task, T* dw) {
    t_ = task;
    list_rows();
    bool first = true;
    for_each_tile(p_, t_, [&](const TileAt& tile) {
      tile_ = tile;
      tile_.group = t_.groups.begin;
      list_pixels();
      const T* const from = stage(first);
      for (index_t i = t_.panels.begin; i < t_.panels.end; ++i) {
        const Panel panel = panel_of(p_.in, kernels_.lanes, i);
        pack(panel);
        multiply(from, panel, first);
      }
      first = false;
    });
    for (index_t i = t_.panels.begin; i < t_.panels.end; ++i) store(panel_of(p_.in, kernels_.lanes, i), dw);
  }

 private:
  // Sums lie as dw does: channels, then taps. So do the rows, whose neighbours then read the same lines of x;
  // but where padding is skipped, those of one tap are together.
  void list_rows() {
    channels_ = t_.block.channels.size();
    taps_ = t_.block.steps() / channels_;
    const index_t plane = p_.in.in_place ? x_.stride[1] : p_.in.plane_pitch;
    Block one = t_.block;
    one.channels = {0, 1};
    list_columns(p_.in, one, 0, rows_);
    const index_t tap_step = p_.skips_padding ? channels_ : 1, channel_step = p_.skips_padding ? 1 : taps_;
    for (index_t tap = taps_ - 1; tap >= 0; --tap) {  // from behind: the first offsets are overwritten last
      const index_t offset = rows_[tap];
      for (index_t c = channels_ - 1; c >= 0; --c) {
        const index_t row = tap * tap_step + c * channel_step;
        rows_[row] = offset + c * plane;
        outs_[row] = c * taps_ + (flip_ ? taps_ - 1 - tap : tap);
      }
    }
  }

  // The input of each output of the tile, in the order of dy.
  void list_pixels() {
    index_t image = p_.in.image_pitch, step[kMaxSpatial];
    for (int a = 0; a < kMaxSpatial; ++a)
      step[a] = p_.in.in_place ? g_.axis[a].stride * x_.stride[2 + a] : p_.in.stage[a].step * p_.in.pitch[a];
    if (p_.in.in_place) image = x_.stride[0];
    index_t* pixel = pixels_;
    for (index_t i = 0; i < tile_.images; ++i)
      for (index_t d = 0; d < tile_.size[0]; ++d)
        for (index_t h = 0; h < tile_.size[1]; ++h) {
          index_t at = i * image + d * step[0] + h * step[1];
          for (index_t w = 0; w < tile_.size[2]; ++w, at += step[2]) *pixel++ = at;
        }
    steps_of_tile_ = pixel - pixels_;
  }

  const T* stage(bool first) {
    if (!p_.in.in_place) {
      const StageRuns runs = list_stage_runs(p_.in, tile_, t_.block, runs_);
      stage_images(p_, x_, tile_, t_.block.channels, runs, !first && product(p_.in.tiles) == 1, staged_);
      return staged_;
    }
    const T* from =
        x_.data + tile_.image * x_.stride[0] + (tile_.group * g_.ic + t_.block.channels.begin) * x_.stride[1];
    for (int a = 0; a < kMaxSpatial; ++a) from += tile_.first[a] * g_.axis[a].stride * x_.stride[2 + a];
    return from;
  }

  // dy of the tile as [pixel][channel of the panel].
  void pack(const Panel& panel) {
    const index_t pixels = product(tile_.size), lanes = kernels_.lanes;
    for (index_t i = 0; i < tile_.images; ++i)
      for (index_t c = 0; c < panel.count; c += lanes) {
        const T* const from = dy_ + first_output(g_, tile_) + (i * g_.oc_all + panel.first + c) * g_.pixels();
        kernels_.pack(from, g_.pixels(), std::min(lanes, panel.count - c), pixels, numbers_,
                      packed_ + i * pixels * panel.width + c, panel.width);
      }
  }

  T* sums_of(const Panel& panel) const {
    return sums_ + (panel.first - t_.panels.begin * p_.in.form.panel) * p_.rows();
  }

  void multiply(const T* from, const Panel& panel, bool first) {
    static const T kZeros[kMaxPixelTile] = {};
    TileArgs<T> args{from,           rows_,       pixels_, steps_, 0, packed_, first ? kZeros : nullptr,
                     sums_of(panel), panel.width, outs_};
    if (!p_.skips_padding) {
      steps_[0] = {0, steps_of_tile_};
      args.nsteps = 1;
      multiply_rows(args, taps_ * channels_);
      return;
    }
    const Range* taps = t_.block.taps;
    for (index_t d = taps[0].begin; d < taps[0].end; ++d)
      for (index_t h = taps[1].begin; h < taps[1].end; ++h)
        for (index_t w = taps[2].begin; w < taps[2].end; ++w, args.row += channels_, args.out += channels_) {
          args.nsteps = list_steps({d, h, w});
          if (args.nsteps > 0 || first) multiply_rows(args, channels_);
        }
  }

  // Rows dealt to tiles as evenly as can be: at most two sizes, so at most two calls.
  void multiply_rows(TileArgs<T> args, index_t rows) {
    const index_t vectors = args.ldc / kernels_.lanes;
    const index_t tiles = ceil_div(rows, index_t{kernels_.channel_rows[vectors - 1]});
    const index_t size = rows / tiles, larger = rows % tiles;
    if (larger > 0) {
      args.tiles = larger;
      kernels_.channels[vectors - 1][size](args);
      args.row += larger * (size + 1);
      args.out += larger * (size + 1);
    }
    args.tiles = tiles - larger;
    kernels_.channels[vectors - 1][size - 1](args);
  }

  // The pixels of the tile whose input at this tap is no padding, runs joined.
  index_t list_steps(const Axes& tap) {
    Range seen[kMaxSpatial];
    for (int a = 0; a < kMaxSpatial; ++a) {
      const Range outputs = seeing_outputs(g_.axis[a], tap[a]);
      seen[a] = {std::max(outputs.begin - tile_.first[a], index_t{0}),
                 std::min(outputs.end - tile_.first[a], tile_.size[a])};
      if (seen[a].size() <= 0) return 0;
    }
    index_t n = 0;
    for (index_t i = 0; i < tile_.images; ++i)
      for (index_t d = seen[0].begin; d < seen[0].end; ++d)
        for (index_t h = seen[1].begin; h < seen[1].end; ++h) {
          const index_t row = ((i * tile_.size[0] + d) * tile_.size[1] + h) * tile_.size[2];
          const Steps run{row + seen[2].begin, row + seen[2].end};
          if (n > 0 && steps_[n - 1].end == run.begin) steps_[n - 1].end = run.end;
          else steps_[n++] = run;
        }
    return n;
  }

  void store(const Panel& panel, T* dw) const {
    const T* sums = sums_of(panel);
    const index_t filter = g_.ic * g_.taps(), c0 = t_.block.channels.begin;
    if (p_.algorithm == WeightGradientAlgorithm::lanes_on_outputs) {
      T* const to = dw + (t_.groups.begin * g_.oc + panel.first) * filter + first_weight(g_, t_, flip_, c0);
      kernels_.transpose(sums, panel.width, channels_ * taps_, panel.count, to, filter);
      return;
    }
    // Roles are exchanged: channels are filters of dw, lanes its channels.
    for (index_t c = 0; c < channels_; ++c, sums += taps_ * panel.width) {
      T* const to = dw + (t_.groups.begin * g_.ic + c0 + c) * g_.oc * g_.taps() +
                    first_weight(g_, t_, flip_, panel.first);
      if (g_.taps() == 1) std::memcpy(to, sums, static_cast<std::size_t>(panel.count) * sizeof(T));
      else kernels_.transpose(sums, panel.width, taps_, panel.count, to, g_.taps());
    }
  }

  const WeightGradientPlan& p_;
  const ConvGeometry& g_;
  const TileKernels<T>& kernels_;
  const View<const T>& x_;
  const T* dy_;
  bool flip_;
  T *staged_, *packed_, *sums_;
  index_t *rows_, *outs_, *pixels_, *numbers_;
  Steps* steps_;
  CopyRun* runs_;
  GradientTask t_;
  TileAt tile_;
  index_t channels_ = 0, taps_ = 0, steps_of_tile_ = 0;
};

// x and dy in each other's place.
template <class T>
View<const T> dense_view(const ConvGeometry& g, const T* data) {
  const std::array<index_t, 5> shape{g.n, g.c, g.axis[0].in, g.axis[1].in, g.axis[2].in};
  return {data, shape, dense_strides(shape)};
}

constexpr index_t kAdded = 16 << 10;  // elements of one task that adds the parts

}  // namespace

template <class T>
void run_conv_weight_gradient(const WeightGradientPlan& p, const View<const T>& x, const T* dy, bool flip,
                              T* dw) {
  const ConvGeometry& g = p.in.g;
  const index_t weights = p.weights();
  if (weights == 0) return;
  if (g.n * g.pixels() == 0) {
    std::fill_n(dw, weights, T(0));
    return;
  }
  const bool exchanged = p.algorithm == WeightGradientAlgorithm::lanes_on_inputs;
  const View<const T> input = exchanged ? dense_view(g, dy) : x;
  const T* const outputs = exchanged ? x.data : dy;
  const std::size_t threads = static_cast<std::size_t>(p.threads);
  const Scratch scratch(p.scratch_bytes * threads + p.parts_bytes);
  T* const sums = p.parts > 1 ? reinterpret_cast<T*>(scratch.data() + p.scratch_bytes * threads) : dw;
  parallel_for(p.threads, p.tasks(), [&](index_t task, int thread) {
    char* const own = scratch.data() + static_cast<std::size_t>(thread) * p.scratch_bytes;
    const GradientTask t = task_at(p, task);
    T* const to = sums + t.part * weights;
    if (p.swept) run_sweeps(p, input, outputs, flip, t, own, to);
    else if (p.algorithm == WeightGradientAlgorithm::lanes_on_pixels)
      run_dots(p, input, outputs, flip, t, own, to);
    else Worker<T>(p, input, outputs, flip != exchanged, own).run(t, to);
  });
  if (p.parts == 1) return;
  parallel_for(p.threads, ceil_div(weights, kAdded), [&](index_t task, int) {
    const index_t begin = task * kAdded, end = std::min(begin + kAdded, weights);
    std::copy(sums + begin, sums + end, dw + begin);
    for (index_t part = 1; part < p.parts; ++part)
      for (index_t i = begin; i < end; ++i) dw[i] += sums[part * weights + i];
  });
}

template <class T>
void run_conv_bias_gradient(Isa isa, int threads, index_t n, index_t channels, index_t pixels, const T* dy,
                            T* db) {
  const WeightGradientKernels<T>& kernels = weight_gradient_kernels<T>(isa);
  parallel_for(threads, channels, [&](index_t c, int) {
    double sum = 0;
    for (index_t i = 0; i < n; ++i) sum += kernels.sum(dy + (i * channels + c) * pixels, pixels);
    db[c] = T(sum);
  });
}

#define NDNN_INSTANTIATE(T)                                                                                  \
  template void run_conv_weight_gradient<T>(const WeightGradientPlan&, const View<const T>&, const T*, bool, \
                                            T*);                                                             \
  template void run_conv_bias_gradient<T>(Isa, int, index_t, index_t, index_t, const T*, T*);
NDNN_INSTANTIATE(float)
NDNN_INSTANTIATE(double)
#undef NDNN_INSTANTIATE

}  // namespace ndnn
