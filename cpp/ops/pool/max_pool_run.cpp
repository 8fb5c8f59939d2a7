// SPDX-License-Identifier: MIT
#include <cmath>
#include <utility>

#include "core/parallel.hpp"
#include "core/scratch.hpp"
#include "ops/pool/max_pool.hpp"

namespace ndnn {
namespace {

// A box of outputs: planes of one run, rows of one depth.
struct Tile {
  index_t run, plane, depth, row, col;  // the first
  index_t planes, rows, cols;
};

Tile tile_at(const MaxPoolPlan& p, index_t i) {
  const Axes out = p.g.out();
  const index_t col_tiles = ceil_div(out[2], p.cols), row_tiles = ceil_div(out[1], p.rows);
  const index_t plane_tiles = ceil_div(p.run, p.planes);
  Tile t;
  t.col = i % col_tiles * p.cols;
  i /= col_tiles;
  t.row = i % row_tiles * p.rows;
  i /= row_tiles;
  t.depth = i % out[0];
  i /= out[0];
  t.plane = i % plane_tiles * p.planes;
  t.run = i / plane_tiles;
  t.planes = std::min(p.planes, p.run - t.plane);
  t.rows = std::min(p.rows, out[1] - t.row);
  t.cols = std::min(p.cols, out[2] - t.col);
  return t;
}

template <class T>
class Tiles {
 public:
  Tiles(const MaxPoolPlan& p, const View<const T>& x, const MaxPoolOutputs<T>& out)
      : p_(p),
        x_(x),
        out_(out),
        kernels_(max_pool_kernels<T>(p.isa)),
        in_place_(max_pool_in_place_kernels<T>(p.isa)) {
    if (p.with_indices) set_tables();
  }

  void run(index_t tile, T* buffer) const {
    const Tile t = tile_at(p_, tile);
    if (p_.in_place) run_in_place(t);
    else if (p_.with_indices) run_with_indices(t, buffer);
    else run_values(t, buffer);
  }

 private:
  // What argmax needs of the outputs whose window begins in the padding.
  void set_tables() {
    const Window& w = p_.window[2];
    const index_t outputs = std::min(ceil_div(w.pad_lo, w.stride), w.out);
    lead_count_ = outputs;
    lead_.resize(static_cast<std::size_t>(outputs) + 64);
    for (index_t o = 0; o < outputs; ++o)
      lead_[o] = static_cast<PoolIndex<T>>(ceil_div(w.pad_lo - o * w.stride, w.dilation) * w.dilation);
    each_row_.resize(static_cast<std::size_t>(p_.buffer_rows));
    for (std::size_t i = 0; i < each_row_.size(); ++i) each_row_[i] = {index_t(i), 1};
  }

  // The columns that a tile reads, and how much of them is padding.
  struct Columns {
    index_t begin, n, left, right;
  };
  Columns columns(const Tile& t) const {
    const Window& w = p_.window[2];
    const index_t first = w.position(t.col, 0), end = w.position(t.col + t.cols - 1, w.kernel - 1) + 1;
    const index_t begin = std::max<index_t>(first, 0), n = std::min(end, w.in) - begin;
    return {begin, n, begin - first, end - first - n - (begin - first)};
  }

  MaxRowsArgs<T> rows_of(const Tile& t, const Columns& c, const Span& depth, T* buffer) const {
    MaxRowsArgs<T> a;
    a.x = x_.data + t.run * p_.run_stride + t.plane * p_.plane_stride + depth.begin * x_.stride[2] +
          c.begin * x_.stride[4];
    a.plane = p_.plane_stride;
    a.depth = p_.window[0].dilation * x_.stride[2];
    a.row = x_.stride[3];
    a.element = c.n == 1 ? 1 : x_.stride[4];
    a.depth_count = depth.count;
    a.rows = &p_.row_spans[t.row];
    a.row_step = p_.window[1].dilation;
    a.out = buffer + c.left;
    a.out_row = p_.buffer_row;
    a.out_plane = p_.buffer_row * p_.buffer_rows * p_.buffer_depth;
    a.planes = t.planes;
    a.count = t.rows;
    a.n = c.n;
    a.left = c.left;
    a.right = c.right;
    return a;
  }

  index_t place(const Tile& t) const {
    const Axes out = p_.g.out();
    return (t.run * p_.run + t.plane) * p_.g.outputs() + (t.depth * out[1] + t.row) * out[2] + t.col;
  }

  void run_values(const Tile& t, T* buffer) const {
    const Window& w = p_.window[2];
    const MaxRowsArgs<T> a = rows_of(t, columns(t), p_.g.axis[0].span(t.depth), buffer);
    kernels_.rows(a);
    MaxAlongArgs<T> along{buffer,   a.out_plane, a.out_row, out_.y + place(t), p_.g.outputs(), w.out,
                          t.planes, t.rows,      t.cols,    w.kernel,          w.dilation,     w.stride};
    if (p_.joined) {
      along.n *= std::exchange(along.rows, 1);
      if (along.n == p_.g.outputs()) along.n *= std::exchange(along.planes, 1);
    }
    kernels_.along(along);
  }

  void run_with_indices(const Tile& t, T* buffer) const {
    const Span depth = p_.g.axis[0].span(t.depth);
    const Span* const first = &p_.row_spans[t.row];
    const index_t step = p_.window[1].dilation;
    index_t row0 = first->begin, end = 0;  // with gaps, neither need be that of the first and last output
    for (index_t r = 0; r < t.rows; ++r) {
      row0 = std::min(row0, first[r].begin);
      end = std::max(end, first[r].begin + (first[r].count - 1) * step + 1);
    }
    const index_t rows = end - row0;
    const index_t buffer_depth = p_.buffer_row * p_.buffer_rows;
    const Columns c = columns(t);
    for (index_t d = 0; d < depth.count; ++d) {
      const Span one{depth.begin + d * p_.window[0].dilation, 1};
      MaxRowsArgs<T> a = rows_of(t, c, one, buffer + d * buffer_depth);
      a.x += row0 * a.row;
      a.rows = each_row_.data();
      a.count = rows;
      kernels_.rows(a);
    }
    MaxWindowArgs<T> a = windows_of(t, depth);
    a.x = buffer - row0 * p_.buffer_row - a.first;
    a.plane = buffer_depth * p_.buffer_depth;
    a.depth = buffer_depth;
    a.row = p_.buffer_row;
    kernels_.argmax(a);
  }

  MaxWindowArgs<T> windows_of(const Tile& t, const Span& depth) const {
    const Window& w = p_.window[2];
    MaxWindowArgs<T> a;
    a.x = x_.data + t.run * p_.run_stride + t.plane * p_.plane_stride + depth.begin * x_.stride[2];
    a.plane = p_.plane_stride;
    a.depth = p_.window[0].dilation * x_.stride[2];
    a.row = x_.stride[3];
    a.depth_count = depth.count;
    a.rows = &p_.row_spans[t.row];
    a.row_step = p_.window[1].dilation;
    a.first = w.position(t.col, 0);
    a.in = w.in;
    a.first_index = depth.begin * p_.window[1].in * w.in;
    a.index_depth = p_.window[0].dilation * p_.window[1].in * w.in;
    a.index_row = w.in;
    a.lead = lead_.data();
    a.lead_count = lead_count_;
    a.begin = t.col;
    a.y = out_.y + place(t);
    a.indices = out_.indices ? out_.indices + place(t) : nullptr;
    a.saved = out_.saved ? static_cast<PoolIndex<T>*>(out_.saved) + place(t) : nullptr;
    a.y_plane = p_.g.outputs();
    a.y_row = w.out;
    a.planes = t.planes;
    a.count = t.rows;
    a.n = t.cols;
    a.taps = w.kernel;
    a.gap = w.dilation;
    a.stride = w.stride;
    return a;
  }

  void run_in_place(const Tile& t) const {
    const MaxWindowArgs<T> a = windows_of(t, p_.g.axis[0].span(t.depth));
    (p_.with_indices ? in_place_.argmax : in_place_.window)(a);
  }

  const MaxPoolPlan& p_;
  const View<const T>& x_;
  const MaxPoolOutputs<T>& out_;
  const MaxPoolKernels<T>& kernels_;
  const MaxPoolInPlaceKernels<T>& in_place_;
  std::vector<PoolIndex<T>> lead_;
  index_t lead_count_ = 0;
  std::vector<Span> each_row_;
};

// One slice (plane, depth) of outputs, window by window: uneven windows, and those too large for a buffer.
template <class T>
void run_slice(const PoolGeometry& g, const View<const T>& x, index_t plane, index_t depth,
               const MaxPoolOutputs<T>& out) {
  const std::array<PoolAxis, kMaxSpatial>& axis = g.axis;
  const T* const from = x.data + plane / g.c * x.stride[0] + plane % g.c * x.stride[1];
  const auto u = [](index_t i) { return static_cast<std::uint64_t>(i); };
  const auto flat = [&](index_t d, index_t h, index_t w) {  // wraps around where no tap is inside
    return static_cast<index_t>((u(d) * u(axis[1].w.in) + u(h)) * u(axis[2].w.in) + u(w));
  };
  const Span ds = axis[0].span(depth);
  index_t to = (plane * axis[0].w.out + depth) * axis[1].w.out * axis[2].w.out;
  for (index_t oh = 0; oh < axis[1].w.out; ++oh) {
    const Span hs = axis[1].span(oh);
    for (index_t ow = 0; ow < axis[2].w.out; ++ow, ++to) {
      const Span ws = axis[2].span(ow);
      T best = -std::numeric_limits<T>::infinity();
      index_t at = flat(ds.begin, hs.begin, ws.begin);
      for (index_t i = 0; i < ds.count; ++i)
        for (index_t j = 0; j < hs.count; ++j) {
          const index_t d = ds.begin + i * axis[0].w.dilation, h = hs.begin + j * axis[1].w.dilation;
          const T* const p = from + d * x.stride[2] + h * x.stride[3];
          for (index_t k = 0; k < ws.count; ++k) {
            const index_t w = ws.begin + k * axis[2].w.dilation;
            const T v = p[w * x.stride[4]];
            if (v > best || v != v) {
              best = v;
              at = flat(d, h, w);
            }
          }
        }
      out.y[to] = best;
      if (out.indices) out.indices[to] = at;
      if (!out.saved) continue;
      const index_t saved = ds.count && hs.count && ws.count ? at : -1;
      if (saved_is_wide<T>(g)) static_cast<std::int64_t*>(out.saved)[to] = saved;
      else static_cast<std::int32_t*>(out.saved)[to] = static_cast<std::int32_t>(saved);
    }
  }
}

// torch's: the last window ends with the input, the others are spread evenly, moved by the sample.
template <class T>
void place_windows(T sample, const Window& w, index_t* starts) {
  const T step = w.out > 1 ? static_cast<T>(w.in - w.kernel) / static_cast<T>(w.out - 1) : T(0);
  for (index_t i = 0; i + 1 < w.out; ++i)
    starts[i] = std::min(
        static_cast<index_t>((static_cast<T>(i) + sample) * step) - static_cast<index_t>(sample * step),
        w.in - w.kernel);
  if (w.out > 0) starts[w.out - 1] = w.in - w.kernel;
}

}  // namespace

template <class T>
void run_max_pool(const MaxPoolPlan& p, const View<const T>& x, const MaxPoolOutputs<T>& out) {
  const index_t depths = p.g.axis[0].w.out;
  if (!p.tiled) {
    const index_t slices = p.g.n * p.g.c * depths;
    parallel_for(p.threads, p.tasks, [&](index_t task, int) {
      const index_t end = std::min(slices, (task + 1) * p.tiles_per_task);
      for (index_t i = task * p.tiles_per_task; i < end; ++i) run_slice(p.g, x, i / depths, i % depths, out);
    });
    return;
  }
  const Scratch scratch(p.scratch_bytes * static_cast<std::size_t>(p.threads));
  const Tiles<T> tiles(p, x, out);
  const Axes o = p.g.out();
  const index_t count =
      p.runs * ceil_div(p.run, p.planes) * o[0] * ceil_div(o[1], p.rows) * ceil_div(o[2], p.cols);
  parallel_for(p.threads, p.tasks, [&](index_t task, int thread) {
    T* const buffer =
        reinterpret_cast<T*>(scratch.data() + static_cast<std::size_t>(thread) * p.scratch_bytes);
    const index_t end = std::min(count, (task + 1) * p.tiles_per_task);
    for (index_t i = task * p.tiles_per_task; i < end; ++i) tiles.run(i, buffer);
  });
}

template <class T>
void run_fractional_max_pool(const PoolGeometry& g, int rank, const View<const T>& x, const T* samples,
                             int threads, const MaxPoolOutputs<T>& out) {
  const index_t each = g.axis[0].w.out + g.axis[1].w.out + g.axis[2].w.out;
  std::vector<index_t> starts(static_cast<std::size_t>(each * threads));
  parallel_for(threads, g.n * g.c, [&](index_t plane, int thread) {
    PoolGeometry own = g;
    index_t* to = starts.data() + thread * each;
    for (int a = kMaxSpatial - rank; a < kMaxSpatial; ++a) {
      // In two dimensions the first sample is that of the last axis; in three they stand in order.
      const int sample = rank == 2 ? kMaxSpatial - 1 - a : a;
      place_windows(samples[plane * rank + sample], g.axis[a].w, to);
      own.axis[a].starts = to;
      to += g.axis[a].w.out;
    }
    for (index_t d = 0; d < g.axis[0].w.out; ++d) run_slice(own, x, plane, d, out);
  });
}

template void run_max_pool<float>(const MaxPoolPlan&, const View<const float>&, const MaxPoolOutputs<float>&);
template void run_max_pool<double>(const MaxPoolPlan&, const View<const double>&,
                                   const MaxPoolOutputs<double>&);
template void run_fractional_max_pool<float>(const PoolGeometry&, int, const View<const float>&, const float*,
                                             int, const MaxPoolOutputs<float>&);
template void run_fractional_max_pool<double>(const PoolGeometry&, int, const View<const double>&,
                                              const double*, int, const MaxPoolOutputs<double>&);

}  // namespace ndnn
