// SPDX-License-Identifier: MIT
#include <cstring>

#include "core/parallel.hpp"
#include "ops/pool/max_pool.hpp"

namespace ndnn {
namespace {

constexpr index_t kLine = 64;             // bytes of the longest vector
constexpr index_t kTileBytes = 16 << 10;  // of dx
constexpr double kScatterCycles = 2, kZeroCycles = 0.15, kTapCycles = 1.5, kTileCycles = 200;

// Outputs whose window spans position i of an axis.
Range sources(const Window& w, index_t i) {
  const index_t first = std::max<index_t>(ceil_div(i + w.pad_lo - w.extent() + 1, w.stride), 0);
  return {first, std::max(first, std::min((i + w.pad_lo) / w.stride + 1, w.out))};
}

// Along the row: those of all positions j * stride + phase, counted from j.
void set_reach(MaxPoolGradientPlan& p) {
  const Window& w = p.g.axis[2].w;
  p.shift = ceil_div(w.pad_lo - w.extent() + 1, w.stride);
  p.reach = (w.pad_lo + w.stride - 1) / w.stride - p.shift + 1;
}

bool set_tile(MaxPoolGradientPlan& p, index_t item) {
  const Window &h = p.g.axis[1].w, &w = p.g.axis[2].w;
  if (p.isa != Isa::avx512 || p.wide || w.stride > 2) return false;
  double known = 1;
  for (const PoolAxis& a : p.g.axis) {
    if (!a.regular()) return false;
    known *= double(a.w.kernel) * double(a.w.dilation);
  }
  if (known > 64) return false;  // before reach is computed
  set_reach(p);
  if (p.reach > kMostSources) return false;
  double taps = double(p.reach);
  for (const int a : {0, 1}) taps *= double(p.g.axis[a].w.kernel) / double(p.g.axis[a].w.stride);
  const double lanes = double(kLine / item);
  const double plane = double(p.g.plane()), outputs = double(p.g.outputs());
  if (plane * taps * kTapCycles / lanes > outputs * kScatterCycles + plane * kZeroCycles) return false;
  const index_t row_bytes = w.in * item;
  p.rows = std::clamp<index_t>(kTileBytes / row_bytes, 1, h.in);
  if (p.rows == h.in)
    p.planes = std::clamp<index_t>(kTileBytes / (row_bytes * h.in), 1, std::max<index_t>(p.g.n * p.g.c, 1));
  return true;
}

// Rows of dx, each of which looks at the outputs that may have one of its elements.
template <class T>
class Gather {
 public:
  Gather(const MaxPoolGradientPlan& p, const T* dy, const PoolIndex<T>* index, T* dx)
      : p_(p), dy_(dy), index_(index), dx_(dx), kernels_(max_pool_in_place_kernels<T>(p.isa)) {
    const Window& h = p.g.axis[1].w;
    sources_.resize(static_cast<std::size_t>(h.in));
    for (index_t i = 0; i < h.in; ++i) {
      const Range r = sources(h, i);
      sources_[i] = {r.begin, r.size()};
    }
    row_tiles_ = ceil_div(h.in, p.rows);
  }

  index_t tiles() const { return ceil_div(p_.g.n * p_.g.c, p_.planes) * p_.g.axis[0].w.in * row_tiles_; }

  void run(index_t i) const {
    const Window &dw = p_.g.axis[0].w, &hw = p_.g.axis[1].w, &ww = p_.g.axis[2].w;
    const index_t row = i % row_tiles_ * p_.rows;
    i /= row_tiles_;
    const index_t d = i % dw.in, plane = i / dw.in * p_.planes;
    const Range depth = sources(dw, d);
    MaxGradientArgs<T> a;
    const index_t from = plane * p_.g.outputs() + depth.begin * hw.out * ww.out;
    a.dy = dy_ + from;
    a.index = index_ + from;
    a.plane = p_.g.outputs();
    a.depth = hw.out * ww.out;
    a.outputs = ww.out;
    a.depth_count = depth.size();
    a.rows = &sources_[row];
    a.first_index = (d * hw.in + row) * ww.in;
    a.index_row = a.dx_row = a.n = ww.in;
    a.shift = p_.shift;
    a.reach = p_.reach;
    a.dx = dx_ + plane * p_.g.plane() + a.first_index;
    a.dx_plane = p_.g.plane();
    a.planes = std::min(p_.planes, p_.g.n * p_.g.c - plane);
    a.count = std::min(p_.rows, hw.in - row);
    a.stride = ww.stride;
    kernels_.gradient(a);
  }

 private:
  const MaxPoolGradientPlan& p_;
  const T* dy_;
  const PoolIndex<T>* index_;
  T* dx_;
  const MaxPoolInPlaceKernels<T>& kernels_;
  std::vector<Span> sources_;
  index_t row_tiles_;
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
    const auto per =
        static_cast<index_t>(std::clamp(wanted, 1.0, double(std::max<index_t>(1, items / (4 * p.threads)))));
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
  const Gather<T> tiles(p, dy, static_cast<const I*>(saved), dx);
  in_tasks(tiles.tiles(), [&](index_t tile, int) { tiles.run(tile); });
}

template void run_max_pool_gradient<float>(const MaxPoolGradientPlan&, const float*, const void*, float*);
template void run_max_pool_gradient<double>(const MaxPoolGradientPlan&, const double*, const void*, double*);

}  // namespace ndnn
