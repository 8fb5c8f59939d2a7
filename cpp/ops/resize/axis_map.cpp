// SPDX-License-Identifier: MIT
#include "ops/resize/axis_map.hpp"

#include <algorithm>

namespace ndnn {
namespace {

bool all_equal(const std::vector<double>& v) {
  return std::all_of(v.begin(), v.end(), [&](double x) { return x == v.front(); });
}

void set_taps(AxisMap& m) {
  m.taps = 1;
  for (const index_t n : m.count) m.taps = std::max(m.taps, n);
}

// Entries of a transposed map, in sum; beyond kMostWeights factors of x stand in for weights.
constexpr index_t kMostWeights = index_t{1} << 20;

}  // namespace

AxisMap identity_map(index_t n) {
  AxisMap m;
  m.in = m.out = n;
  return m;
}

AxisMap scaled_identity(index_t n, double factor) {
  AxisMap m = identity_map(n);
  for (index_t i = 0; i < n; ++i) m.first.push_back(i);
  m.count.assign(n, 1);
  m.scale.assign(n, factor);
  return m;
}

AxisMap window_map(const Window& w) {
  AxisMap m;
  m.in = w.in;
  m.out = w.out;
  m.size = w.kernel;
  m.stride = w.stride;
  m.pad = w.pad_lo;
  if (w.trivial()) return m;
  m.first.resize(w.out);
  m.count.resize(w.out);
  for (index_t o = 0; o < w.out; ++o) {
    const index_t begin = w.position(o, 0);
    m.first[o] = std::clamp<index_t>(begin, 0, w.in);
    m.count[o] = std::clamp<index_t>(begin + w.kernel, 0, w.in) - m.first[o];
  }
  set_taps(m);
  return m;
}

AxisMap adaptive_map(index_t in, index_t out) {
  if (in == out) return identity_map(in);
  AxisMap m;
  m.in = in;
  m.out = out;
  if (in % out == 0) m.size = m.stride = in / out;
  m.first.resize(out);
  m.count.resize(out);
  m.scale.resize(out);
  const auto product = [](index_t a, index_t b) { return static_cast<__int128>(a) * b; };
  for (index_t o = 0; o < out; ++o) {
    m.first[o] = static_cast<index_t>(product(o, in) / out);
    m.count[o] = static_cast<index_t>((product(o + 1, in) + out - 1) / out) - m.first[o];
    m.scale[o] = 1 / double(m.count[o]);
  }
  set_taps(m);
  return m;
}

AxisMap transposed(const AxisMap& m) {
  AxisMap t;
  t.in = m.out;
  t.out = m.in;
  if (m.identity()) return t;
  t.first.resize(t.out);
  t.count.resize(t.out);
  index_t begin = 0, end = 0, entries = 0;
  for (index_t i = 0; i < t.out; ++i) {
    while (begin < m.out && m.end(begin) <= i) ++begin;
    end = std::max(begin, end);
    while (end < m.out && m.first[end] <= i) ++end;
    t.first[i] = begin;
    t.count[i] = end - begin;
    entries += end - begin;
  }
  set_taps(t);
  const bool same = m.weight.empty() && (m.scale.empty() || all_equal(m.scale));
  if (same) {
    if (!m.scale.empty()) t.scale.assign(t.out, m.scale.front());
    if (m.size > 0 && m.stride == 1) {
      t.size = m.size;
      t.stride = 1;
      t.pad = m.size - 1 - m.pad;
    }
  } else if (m.weight.empty() && entries > kMostWeights) {
    t.before = m.scale;
  } else {
    t.weight.assign(t.out * t.taps, 0);
    for (index_t i = 0; i < t.out; ++i)
      for (index_t k = 0; k < t.count[i]; ++k) {
        const index_t o = t.first[i] + k, tap = i - m.first[o];
        if (tap >= m.count[o]) continue;
        t.weight[i * t.taps + k] =
            (m.weight.empty() ? 1 : m.weight[o * m.taps + tap]) * (m.scale.empty() ? 1 : m.scale[o]);
      }
  }
  return t;
}

void gather_scales(AxisMap* maps, int count) {
  AxisMap* last = nullptr;
  for (int a = 0; a < count; ++a)
    if (!maps[a].identity()) last = &maps[a];
  if (!last) return;
  double factor = 1;
  for (int a = 0; a < count; ++a) {
    AxisMap& m = maps[a];
    if (&m == last || m.scale.empty() || !all_equal(m.scale)) continue;
    factor *= m.scale.front();
    m.scale.clear();
  }
  if (factor == 1) return;
  if (last->scale.empty()) last->scale.assign(last->out, 1);
  for (double& s : last->scale) s *= factor;
}

}  // namespace ndnn
