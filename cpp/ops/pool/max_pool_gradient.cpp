// SPDX-License-Identifier: MIT
#include <cstring>

#include "core/parallel.hpp"
#include "ops/pool/max_pool.hpp"

namespace ndnn {
namespace {

constexpr index_t kTogether = 4;
constexpr index_t kLeastRow = 12, kMostElements = 8;  // outputs a row, elements an output: where spread pays
constexpr index_t kTileElements = 4096;
constexpr double kOutputCycles = 2, kZeroCycles = 1.5, kSpreadCycles = 4, kTaskCycles = 50e3;

bool overlap_along_row(const PoolAxis& axis) { return axis.regular() && axis.w.kernel > axis.w.stride; }

// By outputs: overlapping windows of 3 are faster than by elements (21 GB/s against 15). kPlanes in turns:
// neighbouring outputs often add to one element, and each would wait for the one before (kernels of 13: 1.26
// ns an output, 0.48 in turns of four). What has no index in the plane (a window without input) goes nowhere.
template <int kPlanes, class T, class I>
void scatter(const PoolGeometry& g, index_t plane, const T* dy, const I* index, T* dx) {
  const auto size = static_cast<std::uint64_t>(g.plane());
  const index_t outputs = g.outputs();
  dy += plane * outputs;
  index += plane * outputs;
  dx += plane * g.plane();
  std::memset(dx, 0, kPlanes * size * sizeof(T));
  for (index_t o = 0; o < outputs; ++o, ++dy, ++index) {
    const T* from = dy;
    const I* i = index;
    T* to = dx;
#pragma GCC unroll 4
    for (int p = 0; p < kPlanes; ++p, from += outputs, i += outputs, to += size) {
      const auto at = static_cast<std::uint64_t>(*i);
      if (at < size) to[at] += *from;
    }
  }
}

// Windows side by side, many to a row: 1.4 to 1.7 times as fast. Rows of 7 outputs go at 0.8, windows of 16
// at 0.9.
bool can_spread(const MaxPoolGradientPlan& p) {
  const Window& w = p.g.axis[2].w;
  if (p.isa != Isa::avx512 || p.wide || p.g.outputs() == 0) return false;
  for (const PoolAxis& a : p.g.axis)
    if (!a.regular() || a.w.extent() > a.w.stride || a.w.pad_lo > 0) return false;
  return (w.stride <= 2 || w.stride == 4) && w.out >= kLeastRow &&
         p.g.plane() / p.g.outputs() <= kMostElements;
}

// Tiles of dx, planes of one depth or rows of one plane.
template <class T>
class Spread {
 public:
  Spread(const MaxPoolGradientPlan& p, const T* dy, const PoolIndex<T>* index, T* dx) : p_(p) {
    const Window &h = p.g.axis[1].w, &w = p.g.axis[2].w;
    all_.dy = dy;
    all_.index = index;
    all_.plane = p.g.outputs();
    all_.outputs = w.out;
    all_.row_stride = h.stride;
    all_.stride = w.stride;
    all_.dx = dx;
    all_.dx_plane = p.g.plane();
    all_.n = w.in;
    const index_t windows = ceil_div(h.in, h.stride), elements = std::min(h.stride, h.in) * w.in;
    windows_ = std::clamp<index_t>(kTileElements / elements, 1, windows);
    row_tiles_ = ceil_div(windows, windows_);
    planes_ = row_tiles_ > 1 ? 1 : std::clamp<index_t>(kTileElements / (h.in * w.in), 1, p.g.n * p.g.c);
  }

  index_t tiles() const { return ceil_div(p_.g.n * p_.g.c, planes_) * p_.g.axis[0].w.in * row_tiles_; }

  void run(index_t i) const {
    const Window &d = p_.g.axis[0].w, &h = p_.g.axis[1].w;
    const index_t window = i % row_tiles_ * windows_, row = window * h.stride;
    i /= row_tiles_;
    const index_t depth = i % d.in, plane = i / d.in * planes_;
    // Elements behind the last window look at it in vain.
    const index_t out_row = std::min(window, h.out - 1), out_depth = std::min(depth / d.stride, d.out - 1);
    const index_t from = plane * all_.plane + (out_depth * h.out + out_row) * all_.outputs;
    MaxSpreadArgs<T> a = all_;
    a.first_index = (depth * h.in + row) * a.n;
    a.dy += from;
    a.index += from;
    a.dx += plane * a.dx_plane + a.first_index;
    a.last = h.out - 1 - out_row;
    a.planes = std::min(planes_, p_.g.n * p_.g.c - plane);
    a.rows = row_tiles_ > 1 ? std::min(windows_ * h.stride, h.in - row) : h.in;
    max_pool_in_place_kernels<T>(p_.isa).spread(a);
  }

 private:
  const MaxPoolGradientPlan& p_;
  MaxSpreadArgs<T> all_;                  // without what depends on the tile
  index_t windows_, row_tiles_, planes_;  // of a tile: rows of windows, planes
};

// Items in tasks of about kTaskCycles and a whole number of `multiple`.
template <class Body>
void for_tasks(const MaxPoolGradientPlan& p, index_t items, index_t multiple, Body&& body) {
  const double wanted = kTaskCycles / (p.cycles / double(items));
  const double most = std::max(1.0, double(items) / double(4 * p.threads));
  const index_t per = round_up(static_cast<index_t>(std::clamp(wanted, 1.0, most)), multiple);
  parallel_for(p.threads, ceil_div(items, per),
               [&](index_t task, int) { body(task * per, std::min(items, (task + 1) * per)); });
}

template <class T, class I>
void scatter_all(const MaxPoolGradientPlan& p, const T* dy, const I* index, T* dx) {
  for_tasks(p, p.g.n * p.g.c, p.together, [&](index_t plane, index_t end) {
    if (p.together == kTogether)
      for (; plane + kTogether <= end; plane += kTogether) scatter<kTogether>(p.g, plane, dy, index, dx);
    for (; plane < end; ++plane) scatter<1>(p.g, plane, dy, index, dx);
  });
}

}  // namespace

MaxPoolGradientPlan plan_max_pool_gradient(const PoolGeometry& g, bool wide, int item_bytes, Isa isa,
                                           int max_threads) {
  MaxPoolGradientPlan p;
  p.g = g;
  p.isa = isa;
  p.wide = wide && item_bytes == 4;
  p.spread = can_spread(p);
  const double lines = double(g.plane()) * item_bytes / 64;
  p.cycles =
      double(g.n) * double(g.c) *
      (p.spread ? lines * kSpreadCycles : 1 + double(g.outputs()) * kOutputCycles + lines * kZeroCycles);
  p.threads = useful_threads(p.cycles, max_threads);
  if (overlap_along_row(g.axis[2]) && g.n * g.c >= kTogether * p.threads) p.together = kTogether;
  return p;
}

template <class T>
void run_max_pool_gradient(const MaxPoolGradientPlan& p, const T* dy, const void* saved, T* dx) {
  if (p.g.n * p.g.c == 0) return;
  const auto* index = static_cast<const PoolIndex<T>*>(saved);
  if (p.wide) return scatter_all(p, dy, static_cast<const std::int64_t*>(saved), dx);
  if (!p.spread) return scatter_all(p, dy, index, dx);
  const Spread<T> tiles(p, dy, index, dx);
  for_tasks(p, tiles.tiles(), 1, [&](index_t tile, index_t end) {
    for (; tile < end; ++tile) tiles.run(tile);
  });
}

template void run_max_pool_gradient<float>(const MaxPoolGradientPlan&, const float*, const void*, float*);
template void run_max_pool_gradient<double>(const MaxPoolGradientPlan&, const double*, const void*, double*);

}  // namespace ndnn
