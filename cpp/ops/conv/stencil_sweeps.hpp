// SPDX-License-Identifier: MIT
// Sweeps over the input of a tile, as the stencil and its gradient do them: which taps make a column, what of
// them is padding, and the kernel calls.
#pragma once
#include <limits>
#include <numeric>

#include "core/parallel.hpp"
#include "ops/conv/conv_stage.hpp"

namespace ndnn {

// The axis along which a column's taps and the kernel's rows lie: 1, rows of the image; or 2, where the
// kernel is one tap high: then a "row" is a vector, and taps a vector apart share what they load.
struct Sweep {
  int axis = 1;
  index_t tap_step = 1;  // taps this far apart make a column
  index_t row_step = 1;  // outputs this far apart are neighbouring rows
};

inline Sweep choose_sweep(const ConvPlan& p, index_t lanes) {
  Sweep s;
  s.axis = sweeps_along_rows(p.g, lanes) && p.tile[2] >= lanes ? 2 : 1;
  const Window& a = p.g.axis[s.axis];
  const index_t common = std::gcd(a.dilation, a.stride);
  s.tap_step = a.stride / common;
  s.row_step = a.dilation / common;
  if (s.axis == 2) {
    const bool meet = lanes % s.row_step == 0;  // taps whose offsets differ by a vector
    s.tap_step = meet ? lanes / s.row_step * s.tap_step : a.kernel;
    s.row_step = lanes;
  }
  if (s.axis == 2 && p.stage[2].kind == Staging::separate) s.tap_step = a.kernel;
  s.tap_step = std::min(s.tap_step, a.kernel);
  return s;
}

// The sweeps of one tile, all groups.
template <class Args>
class TileSweeps {
 public:
  using T = typename Args::Element;
  TileSweeps(const ConvPlan& p, const SweepKernels<Args>& kernels, const View<const T>& x, const TileAt& tile,
             const Sweep& sweep, const WeightLayout& w, TapColumns* columns)
      : p_(p), tile_(tile), sweep_(sweep), kernels_(kernels), weights_(w), columns_(columns), x_(x.data) {
    const Window* a = p.g.axis;
    args_.columns = args_.end = columns;
    channel_step_ = p.in_place ? x.stride[1] : p.plane_pitch;
    args_.w_step = sweep.tap_step * w.tap_pitch[sweep.axis];
    args_.w_across = w.tap_pitch[3 - sweep.axis];
    args_.x_width = a[2].in;
    for (int i = 0; i < kMaxSpatial; ++i) {
      x_step_[i] = i == 2 ? 1 : x.stride[2 + i];
      out_step_[i] = p.in_place ? a[i].stride * x_step_[i] : p.pitch[i];
    }
    if (!p.in_place) return;
    for (int i = 0; i < kMaxSpatial; ++i) first_ += tile.first[i] * out_step_[i];
    memory_.end = 1;
    const index_t sizes[5] = {p.g.n, p.g.c, a[0].in, a[1].in, a[2].in};
    for (int i = 0; i < 5; ++i)
      (x.stride[i] < 0 ? memory_.begin : memory_.end) += (sizes[i] - 1) * x.stride[i];
    // Before a block is swept, the one below is asked for: 64 channels of 112x112 136 -> 146 GFLOP/s.
    if (sweep.row_step > 1 || !reads_far()) return;
    args_.ahead_rows = a[1].stride;
    args_.ahead_row = x_step_[1];
  }

  // What differs from sweep to sweep, beside x and y, is the caller's to set.
  Args& args() { return args_; }

  // The outputs y of one channel at depth d of the tile; from: the first channel of its group, staged or of
  // x.
  void operator()(index_t d, const T* from, decltype(Args::y) y) {
    const index_t y_row = p_.g.axis[2].out;
    if (p_.in_place) group_ = from - x_;
    depth_ = d;
    from += first_ + d * out_step_[0];
    if (sweep_.axis == 2) return along_rows(from, y);
    args_.x_row = sweep_.row_step * out_step_[1];
    args_.y_row = sweep_.row_step * y_row;
    args_.width = tile_.size[2];
    for (index_t h = 0; h < std::min(sweep_.row_step, tile_.size[1]); ++h) {
      const index_t rows = ceil_div(tile_.size[1] - h, sweep_.row_step);
      prepare(h, rows);
      args_.x = from + h * out_step_[1];
      args_.y = y + h * y_row;
      run(rows, h);
    }
  }

 private:
  // Rows [0, rows) of outputs row_step apart, from height h of the tile.
  void run(index_t rows, index_t h) {
    if (!p_.in_place) return run(kernels_.staged, 0, rows);
    const auto& kernels = kernels_.in_place[p_.g.axis[2].stride - 1];
    if (!leaves_memory(reach_)) return run(kernels[0], 0, rows);
    // At the ends of the array only.
    const index_t end = kernels_.rows, begin = (rows - 1) / end * end;
    if (begin <= end || leaves_memory(reach(h, end, begin))) return run(kernels[1], 0, rows);
    run(kernels[1], 0, end);
    run(kernels[0], end, begin);
    run(kernels[1], begin, rows);
  }
  void run(typename SweepKernels<Args>::Fn kernel, index_t first, index_t rows) {
    args_.first = first;
    args_.rows = rows;
    kernel(args_);
  }

  // What vectors of these rows, which may begin and end in the padding, read: offsets from a group's input.
  Range reach(index_t h, index_t first, index_t rows) const {
    const index_t channels = (p_.g.ic - 1) * channel_step_;
    Range reach{std::min<index_t>(channels, 0), std::max<index_t>(channels, 0)};
    const auto add = [&](int axis, index_t from, index_t to) {
      const Window& w = p_.g.axis[axis];
      const auto offset = [&](index_t o, index_t k) {
        return std::clamp<index_t>(w.position(tile_.first[axis] + o, k), 0, std::max<index_t>(w.in, 1) - 1) *
               x_step_[axis];
      };
      const index_t low = offset(from, 0), high = offset(to, w.kernel - 1);
      reach.begin += std::min(low, high);
      reach.end += std::max(low, high);
    };
    add(0, depth_, depth_);
    add(1, h + first * sweep_.row_step, h + (rows - 1) * sweep_.row_step);
    const Window& w = p_.g.axis[2];
    const index_t last = tile_.first[2] + round_up(args_.width, kernels_.lanes);
    return {reach.begin + w.position(tile_.first[2], 0), reach.end + w.position(last, w.kernel - 1)};
  }
  // Whether that is more than the memory of x.
  bool leaves_memory(const Range& reach) const {
    return group_ + reach.begin < memory_.begin || group_ + reach.end > memory_.end;
  }

  bool reads_far() const {
    double bytes = p_.item_bytes;
    for (const Window& w : p_.g.axis) bytes *= double(w.in);
    return bytes * double(p_.g.c) > double(caches().l2) / 2;
  }

  void along_rows(const T* from, decltype(Args::y) y) {
    const index_t lanes = kernels_.lanes, width = tile_.size[2];
    list_columns(0);
    args_.x_row = lanes * out_step_[2];
    args_.y_row = lanes;
    for (index_t h = 0; h < tile_.size[1]; ++h) {
      args_.x = from + h * out_step_[1];
      args_.y = y + h * p_.g.axis[2].out;
      args_.width = std::min(width, lanes);
      run(width / lanes, h);
      if (width % lanes == 0) continue;
      // The rest: a vector that overlaps the one before where it may, or a short one.
      const index_t at = Args::kOverlaps ? std::max<index_t>(0, width - lanes) : width / lanes * lanes;
      args_.x += at;
      args_.y += at;
      args_.width = std::min(width - at, lanes);
      run(1, h);
    }
  }

  // From the input of an output to that of its tap k.
  index_t offset(int axis, index_t k) const {
    const Window& w = p_.g.axis[axis];
    return p_.in_place ? (k * w.dilation - w.pad_lo) * x_step_[axis] : tap_offset(p_, axis, k);
  }

  // What depends on depth and height only, and stands for the next channel.
  void prepare(index_t h, index_t rows) {
    if (args_.end != args_.columns && prepared_depth_ == depth_ && prepared_height_ == h) return;
    list_columns(h);
    if (p_.in_place) reach_ = reach(h, 0, rows);
    prepared_depth_ = depth_;
    prepared_height_ = h;
  }

  // Lists the columns of all taps of outputs at depth depth_ and height h of the tile, unless they stand
  // there already. An output's taps have the same order, whether x is read in place or staged.
  void list_columns(index_t h) {
    const Window* a = p_.g.axis;
    const index_t depth = tile_.first[0] + depth_;
    const Range depth_taps = p_.in_place ? touching_taps(a[0], {depth, depth + 1}) : Range{0, a[0].kernel};
    if (args_.end != args_.columns && listed_depth_ == depth_taps && (!p_.in_place || listed_height_ == h))
      return;
    listed_depth_ = depth_taps;
    listed_height_ = h;
    args_.end = args_.columns;
    const Window& across = a[3 - sweep_.axis];
    const index_t taps = a[sweep_.axis].kernel, step = sweep_.tap_step;
    const bool masked = kernels_.in_place[0][0] && sweep_.axis == 1;
    const bool side_by_side = masked && across.stride == 2 && across.dilation == 1;
    // Staged, taps of one phase are neighbours.
    const index_t phases = masked ? 1 : std::min(across.stride, across.kernel);
    for (index_t c = 0; c < p_.g.ic; ++c)
      for (index_t kd = depth_taps.begin; kd < depth_taps.end; ++kd) {
        bool ahead = args_.ahead_rows > 0;
        for (index_t first = 0; first < step; ++first) {
          const index_t all = ceil_div(taps - first, step);
          const index_t parts = ceil_div(all, side_by_side ? kMaxTapsAcross : kMaxColumnTaps);
          for (index_t i = 0; i < parts; ++i) {
            const Range part{first + i * all / parts * step, first + (i + 1) * all / parts * step};
            for (index_t phase = 0; phase < phases; ++phase)
              for (index_t k = phase; k < across.kernel;) {
                const index_t rest = across.kernel - k;
                const int count = !side_by_side || rest == 1 ? 1 : rest % 2 ? 3 : 2;
                list_column({c, kd, part.begin, k}, part.size() / step, count, h, ahead);
                k += count * phases;
                ahead = false;
              }
          }
        }
      }
  }

  // Joined to the last column where it goes on in step.
  void add(const TapColumns& c) {
    TapColumns* const end = columns_ + (args_.end - columns_);
    TapColumns* const last = end - 1;
    const bool joins = end != columns_ && !c.ahead && c.taps == last->taps && c.across == last->across &&
                       c.row_begin == last->row_begin && c.row_end == last->row_end;
    if (joins && last->count == 1) {
      last->x_next = c.x - last->x;
      last->w_next = c.w - last->w;
      last->lane_next = c.lane - last->lane;
    } else if (!joins || c.x != last->x + last->count * last->x_next ||
               c.w != last->w + last->count * last->w_next ||
               c.lane != last->lane + last->count * last->lane_next) {
      *end = c;
      ++args_.end;
      return;
    }
    ++last->count;
  }

  struct Tap {
    index_t channel, depth, along, across;  // along the columns, and across them
  };

  // The columns, `count` side by side, of `taps` taps from `tap` on, sweep_.tap_step apart.
  void list_column(Tap tap, index_t taps, int count, index_t h, bool ahead) {
    const bool separate = sweep_.axis == 1 && p_.stage[1].kind == Staging::separate;
    if (!p_.in_place && (separate || count > 1)) {
      for (index_t i = 0; i < taps; ++i, tap.along += sweep_.tap_step)
        for (int j = 0; j < count; ++j) add(column({tap.channel, tap.depth, tap.along, tap.across + j}, h));
      return;
    }
    TapColumns c = column(tap, h);
    c.taps = taps;
    c.across = count;
    c.ahead = ahead;
    if (c.row_begin < c.row_end) add(c);
  }

  // The column of one tap.
  TapColumns column(const Tap& tap, index_t h) const {
    const Window* a = p_.g.axis;
    const int across = 3 - sweep_.axis;
    Axes k{tap.depth, 0, 0};
    k[sweep_.axis] = tap.along;
    k[across] = tap.across;
    TapColumns c{};
    c.x = tap.channel * channel_step_ + offset(0, k[0]) + offset(1, k[1]) + offset(2, k[2]);
    c.w = tap.channel * weights_.channel_pitch;
    for (int i = 0; i < kMaxSpatial; ++i) c.w += k[i] * weights_.tap_pitch[i];
    c.taps = c.count = c.across = 1;
    c.row_end = std::numeric_limits<index_t>::max() / 2;
    if (!p_.in_place) return c;
    c.lane = a[2].position(tile_.first[2], k[2]);
    const index_t row = a[1].position(tile_.first[1] + h, k[1]), step = sweep_.row_step * a[1].stride;
    const CopyRun rows = clipped_run(0, row, step, tile_.size[1] + a[1].kernel, a[1].in);
    c.row_begin = rows.lead;
    c.row_end = rows.lead + rows.n;
    return c;
  }

  const ConvPlan& p_;
  const TileAt tile_;
  const Sweep sweep_;
  const SweepKernels<Args>& kernels_;
  const WeightLayout& weights_;
  TapColumns* columns_;
  Args args_{};
  Axes x_step_, out_step_;
  const T* x_;
  Range memory_;  // of x, offsets from its first element
  index_t first_ = 0, channel_step_ = 0, group_ = 0, depth_ = 0;
  Range listed_depth_;
  index_t listed_height_ = 0, prepared_depth_ = 0, prepared_height_ = 0;
  Range reach_;  // of all rows
};

}  // namespace ndnn
