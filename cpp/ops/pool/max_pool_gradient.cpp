// SPDX-License-Identifier: MIT
#include <cstring>

#include "core/parallel.hpp"
#include "core/scratch.hpp"
#include "ops/pool/max_pool.hpp"

namespace ndnn {
namespace {

constexpr index_t kLine = 64;                // bytes of the longest vector
constexpr index_t kTileBytes = 16 << 10;     // of each of the two buffers
constexpr index_t kLargestTile = 256 << 10;  // what a single row of dx may need
constexpr index_t kLongestRow = 4096;        // elements of dx in one tile
constexpr double kScatterCycles = 2, kZeroCycles = 0.15, kTapCycles = 1.5, kTileCycles = 200;

constexpr index_t floor_div(index_t a, index_t b) { return a / b - (a % b < 0); }

// Outputs that may have position i of an axis: [begin, end) within the outputs.
Range sources(const Window& w, index_t shift, index_t reach, index_t i) {
  const index_t first = i / w.stride + shift;
  return {std::clamp<index_t>(first, 0, w.out), std::clamp<index_t>(first + reach, 0, w.out)};
}

void set_reach(MaxPoolGradientPlan& p) {
  for (int a = 0; a < kMaxSpatial; ++a) {
    const Window& w = p.g.axis[a].w;
    const index_t extent = w.dilation * (w.kernel - 1) + 1;
    // position i = j * stride + phase: o * stride in (i + pad - extent, i + pad]
    p.shift[a] = ceil_div(w.pad_lo - extent + 1, w.stride);
    p.reach[a] = floor_div(w.pad_lo + w.stride - 1, w.stride) - p.shift[a] + 1;
  }
}

bool set_tile(MaxPoolGradientPlan& p, index_t item) {
  const Window &h = p.g.axis[1].w, &w = p.g.axis[2].w;
  if (p.wide || w.stride > 2) return false;
  double taps = 1, known = 1;
  for (int a = 0; a < kMaxSpatial; ++a) {
    if (!p.g.axis[a].regular()) return false;
    known *= double(p.g.axis[a].w.kernel);  // bounds reach before it is computed
  }
  if (known > 256 || double(w.dilation) * double(h.dilation) * double(p.g.axis[0].w.dilation) > 64) return false;
  set_reach(p);
  for (int a = 0; a < kMaxSpatial; ++a) taps *= double(p.reach[a]);
  const index_t lanes = (index_t{16} << static_cast<int>(p.isa)) / item;
  const double plane = double(p.g.plane()), outputs = double(p.g.outputs());
  if (plane * taps * kTapCycles / double(lanes) > outputs * kScatterCycles + plane * kZeroCycles) return false;
  p.cols = std::min(w.in, kLongestRow);
  p.buffer_row = round_up(ceil_div(p.cols, w.stride) + p.reach[2] + 2 * kLine / item, kLine / item);
  const index_t row_bytes = p.buffer_row * item * p.reach[0];
  const auto buffer_rows = [&](index_t rows) {
    return std::min(ceil_div(rows, h.stride) + p.reach[1], h.out);
  };
  p.rows = std::clamp((kTileBytes / row_bytes - p.reach[1]) * h.stride, std::min(4 * h.stride, h.in), h.in);
  p.buffer_rows = buffer_rows(p.rows);
  const index_t bytes = p.buffer_rows * row_bytes;
  if (bytes > kLargestTile) return false;
  if (p.rows == h.in) p.planes = std::clamp<index_t>(kTileBytes / bytes, 1, std::max<index_t>(p.g.n * p.g.c, 1));
  p.scratch_bytes = static_cast<std::size_t>(2 * p.planes * bytes);
  return true;
}

// Rows of dx: stages what may have them, index and dy, and lets the kernel look.
template <class T>
class Gather {
 public:
  Gather(const MaxPoolGradientPlan& p, const T* dy, const PoolIndex<T>* index, T* dx)
      : p_(p), dy_(dy), index_(index), dx_(dx), kernels_(max_pool_kernels<T>(p.isa)) {
    const Window& h = p.g.axis[1].w;
    sources_.resize(static_cast<std::size_t>(h.in));
    for (index_t i = 0; i < h.in; ++i) {
      const Range r = sources(h, p.shift[1], p.reach[1], i);
      sources_[i] = {r.begin, r.size()};
    }
    each_row_.resize(static_cast<std::size_t>(p.buffer_rows));
    for (std::size_t i = 0; i < each_row_.size(); ++i) each_row_[i] = {index_t(i), 1};
    row_tiles_ = ceil_div(h.in, p.rows);
    col_tiles_ = ceil_div(p.g.axis[2].w.in, p.cols);
  }

  index_t tiles() const {
    return ceil_div(p_.g.n * p_.g.c, p_.planes) * p_.g.axis[0].w.in * row_tiles_ * col_tiles_;
  }

  void run(index_t i, T* buffer) const {
    const Window &dw = p_.g.axis[0].w, &hw = p_.g.axis[1].w, &ww = p_.g.axis[2].w;
    const index_t col = i % col_tiles_ * p_.cols;
    i /= col_tiles_;
    const index_t row = i % row_tiles_ * p_.rows;
    i /= row_tiles_;
    const index_t d = i % dw.in, plane = i / dw.in * p_.planes;
    const index_t count = std::min(p_.rows, hw.in - row);
    const Range depth = sources(dw, p_.shift[0], p_.reach[0], d);
    const index_t first = sources_[row].begin;
    const Span& last = sources_[row + count - 1];

    MaxRowsArgs<T> a;
    const index_t begin = col / ww.stride + p_.shift[2];
    const index_t end = begin + p_.buffer_row - kLine / index_t(sizeof(T));
    const index_t from = std::clamp<index_t>(begin, 0, ww.out);
    a.n = std::max<index_t>(std::min(end, ww.out) - from, 0);
    a.left = from - begin;
    a.right = end - from - a.n;
    a.plane = p_.g.outputs();
    a.row = ww.out;
    a.depth = 0;
    a.element = a.depth_count = a.row_step = 1;
    a.rows = each_row_.data();
    a.out_row = p_.buffer_row;
    const index_t buffer_depth = p_.buffer_row * p_.buffer_rows;
    a.out_plane = buffer_depth * p_.reach[0];
    a.planes = std::min(p_.planes, p_.g.n * p_.g.c - plane);
    a.count = last.begin + last.count - first;
    T* const indices = buffer + p_.planes * a.out_plane;
    for (index_t o = depth.begin; o < depth.end; ++o) {
      const index_t at = plane * a.plane + (o * hw.out + first) * ww.out + from;
      const index_t to = (o - depth.begin) * buffer_depth + a.left;
      a.x = dy_ + at;
      a.out = buffer + to;
      kernels_.rows(a);
      // The copy keeps bits, and those of -inf around it are a negative index.
      a.x = reinterpret_cast<const T*>(index_ + at);
      a.out = indices + to;
      kernels_.rows(a);
    }
    const index_t back = first * p_.buffer_row;
    kernels_.gradient({buffer - back, reinterpret_cast<const PoolIndex<T>*>(indices) - back, a.out_plane,
                       buffer_depth, p_.buffer_row, depth.size(), &sources_[row],
                       (d * hw.in + row) * ww.in + col, ww.in, p_.reach[2],
                       dx_ + (plane * dw.in + d) * hw.in * ww.in + row * ww.in + col, p_.g.plane(), ww.in,
                       a.planes, count, std::min(p_.cols, ww.in - col), ww.stride});
  }

 private:
  const MaxPoolGradientPlan& p_;
  const T* dy_;
  const PoolIndex<T>* index_;
  T* dx_;
  const MaxPoolKernels<T>& kernels_;
  std::vector<Span> sources_, each_row_;
  index_t row_tiles_, col_tiles_;
};

// A plane at a time. What has no index in the plane (a window without input) goes nowhere.
template <class T, class I>
void scatter(const PoolGeometry& g, index_t plane, const T* dy, const I* index, T* dx) {
  const auto size = static_cast<std::uint64_t>(g.plane());
  const index_t outputs = g.outputs();
  T* const to = dx + plane * g.plane();
  std::memset(to, 0, size * sizeof(T));
  for (index_t o = plane * outputs; o < (plane + 1) * outputs; ++o) {
    const auto at = static_cast<std::uint64_t>(index[o]);
    if (at < size) to[at] += dy[o];
  }
}

}  // namespace

MaxPoolGradientPlan plan_max_pool_gradient(const PoolGeometry& g, bool wide, int item_bytes, Isa isa,
                                           int max_threads) {
  MaxPoolGradientPlan p;
  p.g = g;
  p.isa = isa;
  p.wide = wide && item_bytes == 4;
  const double planes = double(g.n) * double(g.c);
  p.gather = set_tile(p, item_bytes);
  p.cycles = planes * (double(g.outputs()) * kScatterCycles + double(g.plane()) * kZeroCycles);
  p.threads = useful_threads(p.cycles, max_threads);
  return p;
}

template <class T>
void run_max_pool_gradient(const MaxPoolGradientPlan& p, const T* dy, const void* saved, T* dx) {
  using I = PoolIndex<T>;
  constexpr double kTaskCycles = 50e3;
  const index_t planes = p.g.n * p.g.c;
  if (planes == 0) return;
  const auto in_tasks = [&](index_t items, auto&& body) {
    const double wanted = kTaskCycles / (p.cycles / double(items) + kTileCycles);
    const auto per = static_cast<index_t>(
        std::clamp(wanted, 1.0, double(std::max<index_t>(1, items / (4 * p.threads)))));
    parallel_for(p.threads, ceil_div(items, per), [&](index_t task, int thread) {
      for (index_t i = task * per; i < std::min(items, (task + 1) * per); ++i) body(i, thread);
    });
  };
  if (!p.gather) {
    in_tasks(planes, [&](index_t plane, int) {
      if (p.wide) scatter(p.g, plane, dy, static_cast<const std::int64_t*>(saved), dx);
      else scatter(p.g, plane, dy, static_cast<const I*>(saved), dx);
    });
    return;
  }
  const Scratch scratch(p.scratch_bytes * static_cast<std::size_t>(p.threads));
  const Gather<T> tiles(p, dy, static_cast<const I*>(saved), dx);
  in_tasks(tiles.tiles(), [&](index_t tile, int thread) {
    tiles.run(tile, reinterpret_cast<T*>(scratch.data() + static_cast<std::size_t>(thread) * p.scratch_bytes));
  });
}

template void run_max_pool_gradient<float>(const MaxPoolGradientPlan&, const float*, const void*, float*);
template void run_max_pool_gradient<double>(const MaxPoolGradientPlan&, const double*, const void*, double*);

}  // namespace ndnn
