// SPDX-License-Identifier: MIT
#include "ops/resize/interpolation.hpp"

#include <algorithm>
#include <cmath>

namespace ndnn {
namespace {

// Input elements per output element.
template <class T>
T step_of(const InterpolationAxis& a, bool align_corners) {
  if (align_corners) return a.out > 1 ? static_cast<T>(a.in - 1) / static_cast<T>(a.out - 1) : T(0);
  return a.scale > 0 ? static_cast<T>(1 / a.scale) : static_cast<T>(a.in) / static_cast<T>(a.out);
}

// With one rounding, as torch's has on machines with FMA.
template <class T>
T place_of(T step, index_t o, bool align_corners) {
  const T at = static_cast<T>(o);
  return align_corners ? step * at : std::fma(step, at + T(0.5), T(-0.5));
}

// The piecewise cubic kernel of parameter a at distance |x|.
template <class T>
T cubic(T x, T a) {
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : T(0);
}
template <class T>
T sinc(T x) {
  const T px = static_cast<T>(M_PI) * x;
  return x == 0 ? T(1) : std::sin(px) / px;
}

AxisMap sized(const InterpolationAxis& a, index_t taps) {
  AxisMap m;
  m.in = a.in;
  m.out = a.out;
  m.first.resize(a.out);
  m.count.assign(a.out, 1);
  m.taps = taps;
  if (taps > 1) m.weight.assign(static_cast<std::size_t>(a.out * taps), 0);
  return m;
}

template <class T>
AxisMap nearest_map(const InterpolationAxis& a, bool exact) {
  AxisMap m = sized(a, 1);
  const T step = step_of<T>(a, false);
  bool same = a.in == a.out;
  for (index_t o = 0; o < a.out; ++o) {
    const T exactly = std::max(T(0), place_of(step, o, false)) + T(0.5);
    const auto place = std::floor(static_cast<float>(exact ? exactly : place_of(step, o, true)));
    m.first[o] =
        place < static_cast<float>(a.in) ? std::min(static_cast<index_t>(place), a.in - 1) : a.in - 1;
    same = same && m.first[o] == o;
  }
  return same ? identity_map(a.in) : m;
}

// Cells at `place` of an axis: the whole part, inside, and the rest of it.
template <class T>
index_t split(T place, index_t in, T& rest) {
  const T whole = std::floor(place);
  const index_t at = whole < static_cast<T>(in) ? std::min(static_cast<index_t>(whole), in - 1) : in - 1;
  rest = std::clamp(place - static_cast<T>(at), T(0), T(1));
  return at;
}

template <class T>
AxisMap linear_map(const InterpolationAxis& a, bool align_corners) {
  if (a.in == a.out) return identity_map(a.in);
  AxisMap m = sized(a, 2);
  const T step = step_of<T>(a, align_corners);
  for (index_t o = 0; o < a.out; ++o) {
    T rest;
    m.first[o] = split(std::max(T(0), place_of(step, o, align_corners)), a.in, rest);
    m.count[o] = m.first[o] + 1 < a.in ? 2 : 1;
    m.weight[2 * o] = m.count[o] == 2 ? T(1) - rest : T(1);
    m.weight[2 * o + 1] = m.count[o] == 2 ? rest : T(0);
  }
  return m;
}

// Four pixels; those beyond the edge are the edge's.
template <class T>
AxisMap cubic_map(const InterpolationAxis& a, bool align_corners) {
  AxisMap m = sized(a, 4);
  const T step = step_of<T>(a, align_corners), sharp = T(-0.75);
  bool same = a.in == a.out;
  for (index_t o = 0; o < a.out; ++o) {
    T rest;
    const index_t at = split(place_of(step, o, align_corners), a.in, rest);
    const T weight[] = {cubic(rest + 1, sharp), cubic(rest, sharp), cubic(1 - rest, sharp),
                        cubic(2 - rest, sharp)};
    const auto inside = [&](index_t i) { return std::clamp<index_t>(i, 0, a.in - 1); };
    m.first[o] = inside(at - 1);
    m.count[o] = inside(at + 2) - m.first[o] + 1;
    for (int k = 0; k < 4; ++k) m.weight[4 * o + inside(at - 1 + k) - m.first[o]] += weight[k];
    same = same && rest == 0 && at == o;
  }
  return same ? identity_map(a.in) : m;
}

// A kernel as wide as the pixels of the smaller image, its weights made to sum to 1.
template <class T>
AxisMap antialiased_map(const InterpolationAxis& a, Interpolation mode, bool align_corners) {
  if (a.in == a.out) return identity_map(a.in);
  const T step = step_of<T>(a, align_corners);
  const T half = mode == Interpolation::linear ? T(1) : mode == Interpolation::cubic ? T(2) : T(3);
  const T support = step >= 1 ? half * step : half, narrow = step >= 1 ? 1 / step : T(1);
  const auto kernel = [&](T x) {
    x = std::abs(x);
    if (mode == Interpolation::linear) return x < 1 ? 1 - x : T(0);
    if (mode == Interpolation::cubic) return cubic(x, T(-0.5));
    return x < 3 ? sinc(x) * sinc(x / 3) : T(0);
  };
  const T longest = std::ceil(support) * 2 + 1;
  const index_t taps = longest < static_cast<T>(a.in) ? static_cast<index_t>(longest) : a.in;
  AxisMap m = sized(a, std::max<index_t>(taps, 2));
  const auto inside = [&](T x) {
    return x < static_cast<T>(a.in) ? std::max<index_t>(static_cast<index_t>(x), 0) : a.in;
  };
  const T shift = T(0.5);  // with align_corners too, as in torch: only the step differs
  for (index_t o = 0; o < a.out; ++o) {
    const T center = step * (static_cast<T>(o) + shift);
    const index_t begin = std::min(inside(center - support + 1 - shift), a.in - 1);
    m.first[o] = o ? std::max(begin, m.first[o - 1]) : begin;
    m.count[o] = std::clamp<index_t>(inside(center + support + 1 - shift) - m.first[o], 1, taps);
    double* const w = &m.weight[o * m.taps];
    T sum = 0;
    for (index_t k = 0; k < m.count[o]; ++k) {
      const T x = kernel((static_cast<T>(k + m.first[o]) - center + shift) * narrow);
      w[k] = x;
      sum += x;
    }
    if (sum != 0)
      for (index_t k = 0; k < m.count[o]; ++k) w[k] = static_cast<T>(w[k]) / sum;
    if (o && m.end(o) < m.end(o - 1)) m.count[o] = m.end(o - 1) - m.first[o];
  }
  return m;
}

}  // namespace

template <class T>
AxisMap interpolation_map(const InterpolationAxis& a, Interpolation mode, bool align_corners,
                          bool antialias) {
  if (mode == Interpolation::area) return adaptive_map(a.in, a.out);
  if (antialias) return antialiased_map<T>(a, mode, align_corners);
  if (mode == Interpolation::linear) return linear_map<T>(a, align_corners);
  if (mode == Interpolation::cubic) return cubic_map<T>(a, align_corners);
  return nearest_map<T>(a, mode == Interpolation::nearest_exact);
}

template AxisMap interpolation_map<float>(const InterpolationAxis&, Interpolation, bool, bool);
template AxisMap interpolation_map<double>(const InterpolationAxis&, Interpolation, bool, bool);

}  // namespace ndnn
