// SPDX-License-Identifier: MIT
#include <cstring>

#include "core/parallel.hpp"
#include "ops/pool/max_pool.hpp"

namespace ndnn {
namespace {

constexpr index_t kTogether = 4;
constexpr double kOutputCycles = 2, kZeroCycles = 0.1, kTaskCycles = 50e3;

bool overlap_along_row(const PoolAxis& axis) { return axis.regular() && axis.w.kernel > axis.w.stride; }

// By outputs: for windows of 2 and 3 as fast as, or faster than, vectors of elements that look for their
// outputs (3x3: 21 GB/s against 15). kPlanes in turns: neighbouring outputs often add to one element, and
// each would wait for the one before (kernels of 13: 1.26 ns an output, 0.48 in turns of four). What has no
// index in the plane (a window without input) goes nowhere.
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

template <class T, class I>
void scatter_all(const MaxPoolGradientPlan& p, const T* dy, const I* index, T* dx) {
  const index_t planes = p.g.n * p.g.c;
  if (planes == 0) return;
  const double wanted = kTaskCycles / (p.cycles / double(planes));
  const double most = std::max(1.0, double(planes) / double(4 * p.threads));
  const index_t per = round_up(static_cast<index_t>(std::clamp(wanted, 1.0, most)), p.together);
  parallel_for(p.threads, ceil_div(planes, per), [&](index_t task, int) {
    const index_t end = std::min(planes, (task + 1) * per);
    index_t plane = task * per;
    if (p.together == kTogether)
      for (; plane + kTogether <= end; plane += kTogether) scatter<kTogether>(p.g, plane, dy, index, dx);
    for (; plane < end; ++plane) scatter<1>(p.g, plane, dy, index, dx);
  });
}

}  // namespace

MaxPoolGradientPlan plan_max_pool_gradient(const PoolGeometry& g, bool wide, int item_bytes,
                                           int max_threads) {
  MaxPoolGradientPlan p;
  p.g = g;
  p.wide = wide && item_bytes == 4;
  p.cycles = double(g.n) * double(g.c) *
             (1 + double(g.outputs()) * kOutputCycles + double(g.plane()) * kZeroCycles * item_bytes / 4);
  p.threads = useful_threads(p.cycles, max_threads);
  if (overlap_along_row(g.axis[2]) && g.n * g.c >= kTogether * p.threads) p.together = kTogether;
  return p;
}

template <class T>
void run_max_pool_gradient(const MaxPoolGradientPlan& p, const T* dy, const void* saved, T* dx) {
  if (p.wide) scatter_all(p, dy, static_cast<const std::int64_t*>(saved), dx);
  else scatter_all(p, dy, static_cast<const PoolIndex<T>*>(saved), dx);
}

template void run_max_pool_gradient<float>(const MaxPoolGradientPlan&, const float*, const void*, float*);
template void run_max_pool_gradient<double>(const MaxPoolGradientPlan&, const double*, const void*, double*);

}  // namespace ndnn
