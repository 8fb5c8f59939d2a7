// SPDX-License-Identifier: MIT
#include "ops/unpool/max_unpool.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "core/parallel.hpp"

namespace ndnn {
namespace {

constexpr index_t kTaskElements = 1 << 15;

// Planes in tasks of a fixed size.
template <class Body>
void for_planes(index_t planes, index_t each, int threads, Body&& body) {
  const index_t per = std::max<index_t>(1, kTaskElements / std::max<index_t>(each, 1));
  parallel_for(threads, ceil_div(planes, per), [&](index_t task, int) {
    for (index_t p = task * per; p < std::min(planes, (task + 1) * per); ++p) body(p);
  });
}

}  // namespace

Axes max_unpool_size(const char* fn, const UnpoolArgs& a, const Axes& in, const Axes* wanted) {
  Axes usual{1, 1, 1};
  for (int i = kMaxSpatial - a.rank; i < kMaxSpatial; ++i) {
    NDNN_CHECK(a.kernel[i] > 0, fn,
               ": kernel_size must be at least 1, but got kernel_size=", tail(a.kernel, a.rank));
    NDNN_CHECK(a.stride[i] > 0, fn, ": stride must be at least 1, but got stride=", tail(a.stride, a.rank));
    NDNN_CHECK(a.padding[i] >= 0, fn,
               ": padding must be at least 0, but got padding=", tail(a.padding, a.rank));
    const Checked size = (Checked(in[i]) - 1) * a.stride[i] - Checked(2) * a.padding[i] + a.kernel[i];
    const Checked most = size + a.stride[i], least = size - a.stride[i];
    NDNN_CHECK(!most.overflow && !least.overflow, fn,
               ": the output must stay within 64-bit sizes, but got size=", tail(in, a.rank),
               ", stride=", tail(a.stride, a.rank), ", kernel_size=", tail(a.kernel, a.rank));
    usual[i] = size.value;
  }
  for (int i = kMaxSpatial - a.rank; wanted && i < kMaxSpatial; ++i)
    NDNN_CHECK((*wanted)[i] > usual[i] - a.stride[i] && (*wanted)[i] < usual[i] + a.stride[i], fn,
               ": output_size must be less than stride=", tail(a.stride, a.rank), " from ",
               tail(usual, a.rank), ", but got output_size=", tail(*wanted, a.rank));
  const Axes out = wanted ? *wanted : usual;
  const Checked elements = Checked(out[0]) * out[1] * out[2] * Checked(8);
  for (const index_t n : out)
    NDNN_CHECK(n > 0 && !elements.overflow, fn, ": the output must not be empty or beyond 64-bit sizes, ",
               "but got output_size=", tail(out, a.rank));
  return out;
}

template <class T>
index_t run_max_unpool(index_t planes, index_t in, index_t out, const T* x, const std::int64_t* indices, T* y,
                       int threads) {
  const index_t none = planes * in;
  std::atomic<index_t> first_bad{none};  // the least of all planes, whichever finds its own first
  for_planes(planes, out, threads, [&](index_t p) {
    T* const to = y + p * out;
    std::memset(to, 0, static_cast<std::size_t>(out) * sizeof(T));
    for (index_t i = p * in; i < (p + 1) * in; ++i) {
      const auto at = static_cast<std::uint64_t>(indices[i]);
      if (at >= static_cast<std::uint64_t>(out)) {
        index_t seen = first_bad.load(std::memory_order_relaxed);
        while (i < seen && !first_bad.compare_exchange_weak(seen, i, std::memory_order_relaxed)) {
        }
        return;
      }
      to[at] = x[i];
    }
  });
  const index_t bad = first_bad.load();
  return bad == none ? -1 : bad;
}

template <class T>
void run_max_unpool_gradient(index_t planes, index_t in, index_t out, const T* dy,
                             const std::int64_t* indices, T* dx, int threads) {
  for_planes(planes, in, threads, [&](index_t p) {
    const T* const from = dy + p * out;
    for (index_t i = p * in; i < (p + 1) * in; ++i) {
      const auto at = static_cast<std::uint64_t>(indices[i]);
      dx[i] = at < static_cast<std::uint64_t>(out) ? from[at] : T(0);
    }
  });
}

template index_t run_max_unpool<float>(index_t, index_t, index_t, const float*, const std::int64_t*, float*,
                                       int);
template index_t run_max_unpool<double>(index_t, index_t, index_t, const double*, const std::int64_t*,
                                        double*, int);
template void run_max_unpool_gradient<float>(index_t, index_t, index_t, const float*, const std::int64_t*,
                                             float*, int);
template void run_max_unpool_gradient<double>(index_t, index_t, index_t, const double*, const std::int64_t*,
                                              double*, int);

}  // namespace ndnn
