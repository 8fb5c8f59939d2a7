// SPDX-License-Identifier: MIT
// Compiled once per instruction set.
#include "ops/loss/cross_entropy_kernels.hpp"

#include <limits>
#include <utility>

#include "core/isa_begin.hpp"
#include "core/vec.hpp"
#include "core/vec_math.hpp"
#include "ops/loss/wide_sum.hpp"

template <class T>
constexpr T kLowest = -std::numeric_limits<T>::infinity();

template <class T>
NDNN_INLINE Vec<T> load_first(const T* p, index_t n) {
  return n >= kLanes<T> ? load(p) : load_part(p, n);
}
template <class T>
NDNN_INLINE void store_first(T* p, Vec<T> v, index_t n) {
  if (n >= kLanes<T>) store(p, v);
  else store_part(p, v, n);
}

template <class T>
using Chosen = typename VecType<ClassWord<T>>::type;
template <class T>
NDNN_INLINE Chosen<T> load_chosen(const ClassWord<T>* p, index_t n) {
  // Bits are all that load() moves.
  return reinterpret_cast<Chosen<T>>(load_first(reinterpret_cast<const T*>(p), n));
}

template <class T>
index_t choose(const CrossEntropyTile<T>& t, const index_t* target, index_t ignore_index, const T* weights) {
  index_t bad = 0;
  const auto classes = static_cast<std::uint64_t>(t.classes);
  for (index_t i = 0; i < t.count; ++i) {
    const index_t c = target[i];
    const bool exists = static_cast<std::uint64_t>(c) < classes, ignored = c == ignore_index;
    bad += !exists && !ignored;
    t.chosen[i] = exists && !ignored ? static_cast<ClassWord<T>>(c) : ClassWord<T>(-1);
  }
  for (index_t i = 0; i < t.count; ++i)
    t.chosen_weight[i] = t.chosen[i] < 0 ? T(0) : weights ? weights[t.chosen[i]] : T(1);
  return bad;
}

template <class T, Spread kSpread>
LossAndWeight losses(const CrossEntropyTile<T>& t, T* y) {
  constexpr index_t kL = kLanes<T>;
  WideSum<T> sum, weight;
  for (index_t i = 0; i < t.count; i += kL) {
    const index_t n = t.count - i < kL ? t.count - i : kL;
    const Vec<T> log_sum = load_first(t.log + i, n);
    Vec<T> loss;
    if constexpr (kSpread == Spread::likely) {
      loss = load_first(t.mass + i, n) * log_sum - load_first(t.dot + i, n);
      weight.add(keep_first<T>(broadcast(T(1)), n));
    } else {
      const Vec<T> w = load_first(t.chosen_weight + i, n);
      loss = t.share * w * (log_sum - load_first(t.picked + i, n));
      if constexpr (kSpread == Spread::even) loss += t.even_mass * log_sum - load_first(t.dot + i, n);
      loss = load_chosen<T>(t.chosen + i, n) >= 0 ? loss : Vec<T>{};
      weight.add(keep_first<T>(w, n));
    }
    sum.add(keep_first<T>(loss, n));
    if (y) store_first(y + i, loss, n);
  }
  return {sum.total(), weight.total()};
}

template <class T, Spread kSpread>
void factors(const CrossEntropyTile<T>& t) {
  for (index_t i = 0; i < t.count; i += kLanes<T>) {
    const index_t n = t.count - i;
    Vec<T> each = t.grad ? t.scale * load_first(t.grad + i, n) : broadcast(t.scale), all;
    if constexpr (kSpread == Spread::likely) {
      all = each * load_first(t.mass + i, n);
    } else {
      each = load_chosen<T>(t.chosen + i, n) >= 0 ? each : Vec<T>{};
      const Vec<T> own = each * t.share * load_first(t.chosen_weight + i, n);
      store_first(t.own + i, own, n);
      all = each * t.even_mass + own;
    }
    store_first(t.each + i, each, n);
    store_first(t.factor + i, all / load_first(t.sum + i, n), n);
  }
}

template <class T>
void logarithms(const CrossEntropyTile<T>& t) {
  for (index_t i = 0; i < t.count; i += kLanes<T>)
    store_first(t.log + i, log<T>(load_first(t.sum + i, t.count - i)), t.count - i);
}

// n >= kLanes; the last vector overlaps the one before. A nan may be lost; it comes back with e^(nan - m).
template <class T>
NDNN_INLINE T largest_of_row(const T* x, index_t n) {
  constexpr index_t kL = kLanes<T>;
  Vec<T> best[4];
#pragma GCC unroll 4
  for (auto& b : best) b = load(x + n - kL);
  index_t c = 0;
  for (; c + 4 * kL <= n; c += 4 * kL)
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) best[k] = larger<T>(best[k], load(x + c + k * kL));
  for (; c + kL <= n; c += kL) best[0] = larger<T>(best[0], load(x + c));
  const Vec<T> all = larger<T>(larger<T>(best[0], best[1]), larger<T>(best[2], best[3]));
  return across<T>(all, [](Vec<T> a, Vec<T> b) { return larger<T>(a, b); })[0];
}

template <class T, Spread kSpread>
NDNN_INLINE Vec<T> spread_of(const CrossEntropyTile<T>& t, Vec<T> weight, Vec<T> likely) {
  if constexpr (kSpread == Spread::likely) return weight * (t.share * likely + t.even);
  else return weight * t.even;
}

// Of one position: what is added up over its classes, kV vectors or the first n lanes of one at a time.
// Vectors are added to each other before they are widened.
template <class T, Spread kSpread>
struct RowSums {
  WideSum<T> sum, dot, mass;

  template <int kV>
  NDNN_INLINE void add(const CrossEntropyTile<T>& t, const T* x, const T* likely, index_t c, T m, index_t n) {
    Vec<T> e[kV], d[kV], s[kV];
#pragma GCC unroll 4
    for (int k = 0; k < kV; ++k) {
      const index_t at = c + k * kLanes<T>;
      const auto terms = [&](const T* p) { return kV == 1 ? load_first(p + at, n) : load(p + at); };
      d[k] = terms(x) - m;
      e[k] = exp_up_to_1<T>(d[k]);
      if constexpr (kSpread == Spread::none) continue;
      s[k] = spread_of<T, kSpread>(t, terms(t.weight), kSpread == Spread::likely ? terms(likely) : Vec<T>{});
      d[k] *= s[k];
    }
    const auto joined = [&](const Vec<T>* v) {
      if constexpr (kV == 4) return (v[0] + v[1]) + (v[2] + v[3]);
      else return keep_first<T>(v[0], n);
    };
    sum.add(joined(e));
    if constexpr (kSpread != Spread::none) dot.add(joined(d));
    if constexpr (kSpread == Spread::likely) mass.add(joined(s));
  }
};

// One position, lanes along the classes, of which there are a vector at least.
template <class T, Spread kSpread>
void rows(const CrossEntropyTile<T>& t) {
  constexpr index_t kL = kLanes<T>;
  for (index_t i = 0; i < t.count; ++i) {
    const T* const x = t.x + i * t.ld;
    const T* const likely = kSpread == Spread::likely ? t.likely + i * t.likely_ld : nullptr;
    const T m = largest_of_row(x, t.classes);
    RowSums<T, kSpread> sums;
    index_t c = 0;
    for (; c + 4 * kL <= t.classes; c += 4 * kL) sums.template add<4>(t, x, likely, c, m, kL);
    for (; c < t.classes; c += kL) {
      const index_t left = t.classes - c;
      sums.template add<1>(t, x, likely, c, m, left < kL ? left : kL);
    }
    t.largest[i] = m;
    if constexpr (kSpread != Spread::likely) t.picked[i] = t.chosen[i] < 0 ? T(0) : x[t.chosen[i]] - m;
    t.sum[i] = static_cast<T>(sums.sum.total());
    if constexpr (kSpread != Spread::none) t.dot[i] = static_cast<T>(sums.dot.total());
    if constexpr (kSpread == Spread::likely) t.mass[i] = static_cast<T>(sums.mass.total());
  }
  logarithms(t);
}

// kV vectors of positions, or the first n lanes of one. Sums of 32 classes are added apart, so that
// roundings do not pile up over thousands.
template <class T, Spread kSpread, int kV>
NDNN_INLINE void columns_at(const CrossEntropyTile<T>& t, index_t i, index_t n) {
  constexpr index_t kL = kLanes<T>, kBlock = 32;
  const auto at = [&](const T* p, int k) { return kV == 1 ? load_first(p, n) : load(p + k * kL); };
  Vec<T> m[kV], sum[kV] = {}, dot[kV] = {}, mass[kV] = {}, picked[kV] = {};
  Chosen<T> chosen[kV];
#pragma GCC unroll 4
  for (int k = 0; k < kV; ++k)
    if constexpr (kSpread != Spread::likely)
      chosen[k] = load_chosen<T>(t.chosen + i + k * kL, kV == 1 ? n : kL);
#pragma GCC unroll 4
  for (auto& v : m) v = broadcast(kLowest<T>);
  for (index_t c = 0; c < t.classes; ++c)
#pragma GCC unroll 4
    for (int k = 0; k < kV; ++k) m[k] = larger<T>(m[k], at(t.x + c * t.ld + i, k));
  for (index_t first = 0; first < t.classes; first += kBlock) {
    Vec<T> sum_here[kV] = {}, dot_here[kV] = {}, mass_here[kV] = {};
    const index_t end = first + kBlock < t.classes ? first + kBlock : t.classes;
    for (index_t c = first; c < end; ++c) {
#pragma GCC unroll 4
      for (int k = 0; k < kV; ++k) {
        const Vec<T> d = at(t.x + c * t.ld + i, k) - m[k];
        sum_here[k] += exp_up_to_1<T>(d);
        if constexpr (kSpread != Spread::likely)
          picked[k] = chosen[k] == static_cast<ClassWord<T>>(c) ? d : picked[k];
        if constexpr (kSpread != Spread::none) {
          const Vec<T> p = kSpread == Spread::likely ? at(t.likely + c * t.likely_ld + i, k) : Vec<T>{};
          const Vec<T> s = spread_of<T, kSpread>(t, broadcast(t.weight[c]), p);
          dot_here[k] += s * d;
          mass_here[k] += s;
        }
      }
    }
#pragma GCC unroll 4
    for (int k = 0; k < kV; ++k) {
      sum[k] += sum_here[k];
      dot[k] += dot_here[k];
      mass[k] += mass_here[k];
    }
  }
#pragma GCC unroll 4
  for (int k = 0; k < kV; ++k) {
    const index_t o = i + k * kL, left = kV == 1 ? n : kL;
    store_first(t.largest + o, m[k], left);
    store_first(t.sum + o, sum[k], left);
    if constexpr (kSpread != Spread::likely) store_first(t.picked + o, picked[k], left);
    if constexpr (kSpread != Spread::none) store_first(t.dot + o, dot[k], left);
    if constexpr (kSpread == Spread::likely) store_first(t.mass + o, mass[k], left);
  }
}
template <class T, Spread kSpread>
void columns(const CrossEntropyTile<T>& t) {
  constexpr index_t kL = kLanes<T>;
  index_t i = 0;
  for (; i + 2 * kL <= t.count; i += 2 * kL) columns_at<T, kSpread, 2>(t, i, 2 * kL);
  for (; i < t.count; i += kL) columns_at<T, kSpread, 1>(t, i, t.count - i);
  logarithms(t);
}

template <class T, Spread kSpread>
void row_gradients(const CrossEntropyTile<T>& t) {
  constexpr index_t kL = kLanes<T>;
  for (index_t i = 0; i < t.count; ++i) {
    const T *const x = t.x + i * t.ld, *const likely = t.likely + i * t.likely_ld;
    T* const dx = t.dx + i * t.dx_ld;
    const T m = t.largest[i], factor = t.factor[i], each = t.each[i];
    for (index_t c = 0; c < t.classes; c += kL) {
      const index_t n = t.classes - c;
      Vec<T> d = exp<T>(load_first(x + c, n) - m) * factor;
      if constexpr (kSpread != Spread::none) {
        const Vec<T> p = kSpread == Spread::likely ? load_first(likely + c, n) : Vec<T>{};
        d -= each * spread_of<T, kSpread>(t, load_first(t.weight + c, n), p);
      }
      store_first(dx + c, d, n);
    }
    if constexpr (kSpread != Spread::likely)
      if (t.chosen[i] >= 0) dx[t.chosen[i]] -= t.own[i];
  }
}

template <class T, Spread kSpread>
void column_gradients(const CrossEntropyTile<T>& t) {
  constexpr index_t kL = kLanes<T>;
  for (index_t c = 0; c < t.classes; ++c)
    for (index_t i = 0; i < t.count; i += kL) {
      const index_t n = t.count - i;
      Vec<T> d = exp<T>(load_first(t.x + c * t.ld + i, n) - load_first(t.largest + i, n));
      d *= load_first(t.factor + i, n);
      if constexpr (kSpread != Spread::none) {
        const T* const likely = t.likely + (kSpread == Spread::likely ? c * t.likely_ld + i : 0);
        const Vec<T> p = kSpread == Spread::likely ? load_first(likely, n) : Vec<T>{};
        d -= load_first(t.each + i, n) * spread_of<T, kSpread>(t, broadcast(t.weight[c]), p);
      }
      if constexpr (kSpread != Spread::likely) {
        const Vec<T> own = load_first(t.own + i, n);
        d -= load_chosen<T>(t.chosen + i, n) == static_cast<ClassWord<T>>(c) ? own : Vec<T>{};
      }
      store_first(t.dx + c * t.dx_ld + i, d, n);
    }
}

template <class T, int... kS>
constexpr CrossEntropyKernels<T> make_cross_entropy(std::integer_sequence<int, kS...>) {
  return {&choose<T>,
          {&rows<T, static_cast<Spread>(kS)>...},
          {&columns<T, static_cast<Spread>(kS)>...},
          {&losses<T, static_cast<Spread>(kS)>...},
          {&factors<T, static_cast<Spread>(kS)>...},
          {&row_gradients<T, static_cast<Spread>(kS)>...},
          {&column_gradients<T, static_cast<Spread>(kS)>...}};
}

extern const CrossEntropyKernels<float> cross_entropy_kernels_f32;
extern const CrossEntropyKernels<double> cross_entropy_kernels_f64;
constexpr CrossEntropyKernels<float> cross_entropy_kernels_f32 =
    make_cross_entropy<float>(std::make_integer_sequence<int, kSpreads>{});
constexpr CrossEntropyKernels<double> cross_entropy_kernels_f64 =
    make_cross_entropy<double>(std::make_integer_sequence<int, kSpreads>{});

#include "core/isa_end.hpp"
