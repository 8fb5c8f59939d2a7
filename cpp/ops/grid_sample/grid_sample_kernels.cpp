// SPDX-License-Identifier: MIT
// Compiled once per instruction set. Lanes are points.
#include "ops/grid_sample/grid_sample_kernels.hpp"

#include <type_traits>
#include <utility>

#include "core/isa_begin.hpp"
#include "core/vec.hpp"
#include "core/vec_lanes.hpp"

template <class T>
using Words = LaneIndex<T>;
template <class T>
NDNN_INLINE Words<T> load_words(const SampleWord<T>* p) {
  Words<T> v;
  __builtin_memcpy(&v, p, sizeof(v));
  return v;
}
template <class T>
NDNN_INLINE void store_words(SampleWord<T>* p, Words<T> v) {
  __builtin_memcpy(p, &v, sizeof(v));
}
template <class T>
NDNN_INLINE Words<T> words(index_t n) {
  return Words<T>{} + static_cast<SampleWord<T>>(n);
}

// Whole numbers below and as numbers: |v| < 2^31 (float), 2^51 (double).
template <class T>
NDNN_INLINE Words<T> floor_word(Vec<T> v) {
  if constexpr (sizeof(T) == 4) {
    const Words<T> i = __builtin_convertvector(v, Words<T>);
    return i + (__builtin_convertvector(i, Vec<T>) > v);  // true is -1
  } else {
    // There is no conversion before AVX-512, so the last bits of a sum are taken.
    const Vec<T> big = broadcast(T(6755399441055744.0));
    const Vec<T> sum = v + big;
    return ((Words<T>)sum - (Words<T>)big) + ((sum - big) > v);
  }
}
template <class T>
NDNN_INLINE Vec<T> as_number(Words<T> i) {
  if constexpr (sizeof(T) == 4) {
    return __builtin_convertvector(i, Vec<T>);
  } else {
    const Vec<T> big = broadcast(T(6755399441055744.0));
    return (Vec<T>)(i + (Words<T>)big) - big;
  }
}
// Of any number; from 2^(digits) on all are whole.
template <class T>
NDNN_INLINE Vec<T> floor_any(Vec<T> v) {
  const T whole = sizeof(T) == 4 ? T(1 << 23) : T(index_t{1} << 50);
  const auto small = (v < whole) & (v > -whole);
  return small ? as_number<T>(floor_word<T>(small ? v : Vec<T>{})) : v;
}

// The rules of one axis. What is compared is such that nan becomes the smallest value.
template <class T>
struct Place {
  T size, last, scale;  // scale: positions per unit of the grid's coordinate
  bool align;

  explicit Place(const PlaceArgs<T>& a)
      : size(static_cast<T>(a.size)),
        last(static_cast<T>(a.size - 1)),
        scale((a.align_corners ? last : size) / 2),
        align(a.align_corners) {}

  // The barrier keeps both roundings: with one, nearest would choose otherwise where a position lies halfway.
  NDNN_INLINE Vec<T> position(Vec<T> g) const {
    if (align) return (g + 1) * scale;
    Vec<T> p = (g + 1) * size;
    keep_in_register(p);
    return (p - 1) * T(0.5);
  }
  NDNN_INLINE Vec<T> within(Vec<T> p, T low, T high) const {
    p = p > low ? p : broadcast(low);
    return p < high ? p : broadcast(high);
  }
  NDNN_INLINE Vec<T> reflect(Vec<T> p, Vec<T>& slope) const {
    const T low = align ? T(0) : T(-0.5), span = align ? last : size;
    if (span == 0) return slope = Vec<T>{};
    Vec<T> r = p - low;
    slope = r < 0 ? -slope : slope;
    r = r < 0 ? -r : r;
    r -= floor_any<T>(r / (2 * span)) * (2 * span);
    slope = r >= span ? -slope : slope;
    return (r >= span ? 2 * span - r : r) + low;
  }
  template <SamplePadding kPadding>
  NDNN_INLINE Vec<T> padded(Vec<T> p, Vec<T>& slope) const {
    if constexpr (kPadding == SamplePadding::zeros) {
      return within(p, T(-2), size + 1);
    } else {
      if constexpr (kPadding == SamplePadding::reflection) p = reflect(p, slope);
      slope = (p > 0) & (p < last) ? slope : Vec<T>{};
      return within(p, T(0), last);
    }
  }
};

template <class T>
NDNN_INLINE void put_tap(const PlaceArgs<T>& a, int tap, index_t at, Words<T> i, Vec<T> weight,
                         Vec<T> slope) {
  AxisTaps<T>& t = a.tile->axis[a.axis];
  const Words<T> inside = (i >= 0) & (i < words<T>(a.size));
  store_words<T>(&t.inside[tap][at], inside);
  store_words<T>(&t.offset[tap][at], (i & inside) * words<T>(a.stride));
  store(&t.weight[tap][at], weight);
  store(&t.slope[tap][at], slope);
}

// Keys' cubic convolution with a = -3/4 at distances below 1 and below 2, and their derivatives.
template <class T>
NDNN_INLINE Vec<T> cubic_near(Vec<T> d) {
  return (T(1.25) * d - T(2.25)) * d * d + 1;
}
template <class T>
NDNN_INLINE Vec<T> cubic_far(Vec<T> d) {
  return ((T(-0.75) * d + T(3.75)) * d - 6) * d + 3;
}
template <class T>
NDNN_INLINE Vec<T> cubic_near_slope(Vec<T> d) {
  return (T(3.75) * d - T(4.5)) * d;
}
template <class T>
NDNN_INLINE Vec<T> cubic_far_slope(Vec<T> d) {
  return (T(-2.25) * d + T(7.5)) * d - 6;
}

template <class T, SamplePadding kPadding>
NDNN_INLINE void place_cubic(const PlaceArgs<T>& a, const Place<T>& rule, index_t at, Vec<T> p) {
  // Every tap is padded by itself.
  if constexpr (kPadding == SamplePadding::reflection) p = p == p ? p : Vec<T>{};
  else p = rule.within(p, T(-4), rule.size + 3);
  const Vec<T> base = floor_any<T>(p);
  const Vec<T> f = p - base, t = (f >= 0) & (f < 1) ? f : Vec<T>{};  // inf - inf
  const Vec<T> weight[] = {cubic_far<T>(t + 1), cubic_near<T>(t), cubic_near<T>(1 - t), cubic_far<T>(2 - t)};
  const Vec<T> slope[] = {cubic_far_slope<T>(t + 1), cubic_near_slope<T>(t), -cubic_near_slope<T>(1 - t),
                          -cubic_far_slope<T>(2 - t)};
  for (int k = 0; k < 4; ++k) {
    Vec<T> unused{};
    Vec<T> tap = base + T(k - 1);
    if constexpr (kPadding != SamplePadding::zeros) tap = rule.template padded<kPadding>(tap, unused);
    put_tap(a, k, at, floor_word<T>(tap), weight[k], slope[k] * rule.scale);
  }
}

template <class T, SampleMode kMode, SamplePadding kPadding>
void place_all(const PlaceArgs<T>& a) {
  const Place<T> rule(a);
  for (index_t at = 0; at < kTilePoints; at += kLanes<T>) {
    Vec<T> p = rule.position(load(&a.tile->coordinate[a.axis][at]));
    if constexpr (kMode == SampleMode::bicubic) {
      place_cubic<T, kPadding>(a, rule, at, p);
    } else {
      Vec<T> slope = broadcast(rule.scale);
      p = rule.template padded<kPadding>(p, slope);
      const Words<T> i = floor_word<T>(p);
      const Vec<T> f = p - as_number<T>(i);
      if constexpr (kMode == SampleMode::nearest) {  // halves to the even
        const Words<T> up = (f > T(0.5)) | ((f == T(0.5)) & ((i & 1) != 0));
        put_tap(a, 0, at, i - up, broadcast(T(1)), Vec<T>{});
      } else {
        put_tap(a, 0, at, i, 1 - f, -slope);
        put_tap(a, 1, at, i + 1, f, slope);
      }
    }
  }
}

template <class T>
void place(const PlaceArgs<T>& a) {
  using M = SampleMode;
  using P = SamplePadding;
  static constexpr void (*kPlace[3][3])(const PlaceArgs<T>&) = {
      {&place_all<T, M::bilinear, P::zeros>, &place_all<T, M::bilinear, P::border>,
       &place_all<T, M::bilinear, P::reflection>},
      {&place_all<T, M::nearest, P::zeros>, &place_all<T, M::nearest, P::border>,
       &place_all<T, M::nearest, P::reflection>},
      {&place_all<T, M::bicubic, P::zeros>, &place_all<T, M::bicubic, P::border>,
       &place_all<T, M::bicubic, P::reflection>}};
  kPlace[static_cast<int>(a.mode)][static_cast<int>(a.padding)](a);
}

// Digit a of a tap's number.
template <class T>
NDNN_INLINE int digit(const SampleTile<T>& t, int tap, int a) {
  for (; a > 0; --a) tap /= t.taps_per_axis;
  return tap % t.taps_per_axis;
}

template <class T, int kRank, int kPerAxis>
void combine_axes(SampleTile<T>& t) {
  constexpr int kTaps = kPerAxis == 1 ? 1 : kPerAxis == 4 ? 16 : kRank == 2 ? 4 : 8;
  Words<T> all = words<T>(-1);
  const Words<T> shift = words<T>(t.shift);
  for (index_t at = 0; at < kTilePoints; at += kLanes<T>) {
#pragma GCC unroll 16
    for (int k = 0; k < kTaps; ++k) {
      Words<T> offset = shift, inside = words<T>(-1);
      Vec<T> weight = broadcast(T(1));
      int d = k;
#pragma GCC unroll 3
      for (int a = 0; a < kRank; ++a, d /= kPerAxis) {
        offset += load_words<T>(&t.axis[a].offset[d % kPerAxis][at]);
        inside &= load_words<T>(&t.axis[a].inside[d % kPerAxis][at]);
        const Vec<T> w = load(&t.axis[a].weight[d % kPerAxis][at]);
        weight = a ? weight * w : w;
      }
      store_words<T>(&t.offset[k][at], offset & inside);
      store_words<T>(&t.inside[k][at], inside);
      store(&t.weight[k][at], weight);
      all &= inside;
    }
  }
  t.masked = false;
  for (int l = 0; l < kLanes<T>; ++l) t.masked |= all[l] == 0;
}
template <class T>
void combine(SampleTile<T>& t) {
  if (t.rank == 3) return t.taps == 1 ? combine_axes<T, 3, 1>(t) : combine_axes<T, 3, 2>(t);
  if (t.taps == 1) return combine_axes<T, 2, 1>(t);
  return t.taps == 4 ? combine_axes<T, 2, 2>(t) : combine_axes<T, 2, 4>(t);
}

// Pairs (x, y) one behind the other.
template <class T>
void split(const T* pairs, index_t n, T* x, T* y) {
  constexpr index_t kL = kLanes<T>;
  index_t i = 0;
  for (; i + kL <= n; i += kL) {
    const Vec<T> a = load(pairs + 2 * i), b = load(pairs + 2 * i + kL);
    store(x + i, every_second<T, 0>(a, b));
    store(y + i, every_second<T, 1>(a, b));
  }
  for (; i < n; ++i) {
    x[i] = pairs[2 * i];
    y[i] = pairs[2 * i + 1];
  }
}

template <class T, bool kMasked>
NDNN_INLINE Vec<T> values(const SampleTile<T>& t, const T* x, int k, index_t at) {
  const Vec<T> v = gather<T>(x, load_words<T>(&t.offset[k][at]));
  if constexpr (kMasked) return (Vec<T>)((Words<T>)v & load_words<T>(&t.inside[k][at]));
  else return v;
}

// One tap of weight 1: copied element by element, in 3.1 ns for 16, and masked afterwards.
template <class T, bool kMasked>
NDNN_INLINE void copy_taps(const SampleTile<T>& t, const T* x, T* y) {
  constexpr index_t kL = kLanes<T>;
  T row[kTilePoints];
  T* const to = kMasked || t.points < kTilePoints ? row : y;
  for (index_t p = 0; p < kTilePoints; ++p) {
    T v = x[t.offset[0][p]];
    keep_in_register(v);  // or GCC gathers
    to[p] = v;
  }
  if (to == y) return;
  for (index_t at = 0; at < t.points; at += kL) {
    Vec<T> v = load(row + at);
    if constexpr (kMasked) v = (Vec<T>)((Words<T>)v & load_words<T>(&t.inside[0][at]));
    if (t.points - at >= kL) store(y + at, v);
    else store_part(y + at, v, t.points - at);
  }
}

template <class T, int kTaps, bool kMasked>
void sample_taps(const SampleArgs<T>& a) {
  constexpr index_t kL = kLanes<T>;
  const SampleTile<T>& t = *a.tile;
  const T* x = a.x;
  T* y = a.y;
  for (index_t c = 0; c < a.channels; ++c, x += a.x_channel, y += a.y_channel) {
    if constexpr (kTaps == 1) {
      copy_taps<T, kMasked>(t, x, y);
      continue;
    }
    for (index_t at = 0; at < t.points; at += kL) {
      Vec<T> sum{};
#pragma GCC unroll 8
      for (int k = 0; k < kTaps; ++k) sum += load(&t.weight[k][at]) * values<T, kMasked>(t, x, k, at);
      if (t.points - at >= kL) store(y + at, sum);
      else store_part(y + at, sum, t.points - at);
    }
  }
}
template <class T, int kTaps>
NDNN_INLINE void sample_masked(const SampleArgs<T>& a) {
  if (a.tile->masked) sample_taps<T, kTaps, true>(a);
  else sample_taps<T, kTaps, false>(a);
}
template <class T>
void sample(const SampleArgs<T>& a) {
  switch (a.tile->taps) {
    case 1: return sample_masked<T, 1>(a);
    case 4: return sample_masked<T, 4>(a);
    case 8: return sample_masked<T, 8>(a);
    default: return sample_masked<T, 16>(a);
  }
}

template <class T, int kTaps>
void spread_taps(const SampleArgs<T>& a) {
  const SampleTile<T>& t = *a.tile;
  T* x = a.x;
  const T* y = a.y;
  for (index_t c = 0; c < a.channels; ++c, x += a.x_channel, y += a.y_channel)
    for (index_t p = 0; p < t.points; ++p)
#pragma GCC unroll 8
      for (int k = 0; k < kTaps; ++k)
        if (t.inside[k][p]) x[t.offset[k][p]] += t.weight[k][p] * y[p];
}
template <class T>
void spread(const SampleArgs<T>& a) {
  switch (a.tile->taps) {
    case 1: return spread_taps<T, 1>(a);
    case 4: return spread_taps<T, 4>(a);
    case 8: return spread_taps<T, 8>(a);
    default: return spread_taps<T, 16>(a);
  }
}

template <class T>
void dots(const SampleArgs<T>& a, T (*sums)[kTilePoints]) {
  constexpr index_t kL = kLanes<T>;
  const SampleTile<T>& t = *a.tile;
  for (int k = 0; k < t.taps; ++k)
    for (index_t at = 0; at < t.points; at += kL) {
      Vec<T> sum{};
      const T* x = a.x;
      const T* y = a.y + at;
      for (index_t c = 0; c < a.channels; ++c, x += a.x_channel, y += a.y_channel) {
        const Vec<T> dy = t.points - at >= kL ? load(y) : load_part(y, t.points - at);
        sum += dy * values<T, true>(t, x, k, at);
      }
      store(&sums[k][at], sum);
    }
}

template <class T>
void contract(const SampleTile<T>& t, const T (*sums)[kTilePoints], T (*out)[kTilePoints]) {
  for (index_t at = 0; at < t.points; at += kLanes<T>)
    for (int axis = 0; axis < t.rank; ++axis) {
      Vec<T> slope{};
      for (int k = 0; k < t.taps; ++k) {
        Vec<T> product = load(&sums[k][at]);
        for (int b = 0; b < t.rank; ++b) {
          const AxisTaps<T>& taps = t.axis[b];
          product *= load(b == axis ? &taps.slope[digit(t, k, b)][at] : &taps.weight[digit(t, k, b)][at]);
        }
        slope += product;
      }
      store(&out[axis][at], slope);
    }
}

template <class T>
constexpr GridSampleKernels<T> make_grid_sample_kernels() {
  return {&split<T>, &place<T>, &combine<T>, &sample<T>, &spread<T>, &dots<T>, &contract<T>};
}
extern const GridSampleKernels<float> grid_sample_kernels_f32;
extern const GridSampleKernels<double> grid_sample_kernels_f64;
constexpr GridSampleKernels<float> grid_sample_kernels_f32 = make_grid_sample_kernels<float>();
constexpr GridSampleKernels<double> grid_sample_kernels_f64 = make_grid_sample_kernels<double>();

#include "core/isa_end.hpp"
