// SPDX-License-Identifier: MIT
// Compiled once per instruction set. All of it is bound by memory; what is read twice was read into L1 just
// before.
#include "ops/norm/norm_kernels.hpp"

#include <type_traits>
#include <utility>

#include "core/isa_begin.hpp"
#include "core/vec.hpp"

template <class T, int kD>
NDNN_INLINE Vec<T> fold(Vec<T> v) {
  if constexpr (kD == 0) return v;
  else return fold<T, kD / 2>(v + butterfly<T, kD, 1>(v, v, std::make_integer_sequence<int, kLanes<T>>{}));
}
template <class T>
NDNN_INLINE double total(const Vec<T>* v) {
  return double(fold<T, kLanes<T> / 2>((v[0] + v[1]) + (v[2] + v[3]))[0]);
}

// What is summed at element i: `whole` of a vector, `part` of its first `lanes`, where others add zeros.
template <class T>
struct Values {
  const T* x;
  NDNN_INLINE void whole(index_t i, Vec<T>& s, Vec<T>&) const { s += load(x + i); }
  NDNN_INLINE void part(index_t i, index_t lanes, Vec<T>& s, Vec<T>&) const { s += load_part(x + i, lanes); }
  NDNN_INLINE void fetch(index_t, index_t) const {}
};

// A channel's planes lie apart, too short for the hardware to see what comes next; and while deviations are
// summed in L1, memory would rest.
template <class T>
NDNN_INLINE void fetch_lines(const T* p, index_t n) {
  for (index_t i = 0; i < n; i += 64 / index_t(sizeof(T))) __builtin_prefetch(p + i, 0, 2);
}
template <class T>
NDNN_INLINE Vec<T> in_first_lanes(T value, index_t n) {
  T lanes[kLanes<T>];
  for (int i = 0; i < kLanes<T>; ++i) lanes[i] = i < n ? value : T(0);
  return load(lanes);
}
template <class T>
struct Deviations {
  const T* x;
  Vec<T> centre, of_part;
  NDNN_INLINE void whole(index_t i, Vec<T>& s, Vec<T>& q) const { add(load(x + i) - centre, s, q); }
  NDNN_INLINE void part(index_t i, index_t lanes, Vec<T>& s, Vec<T>& q) const {
    add(load_part(x + i, lanes) - of_part, s, q);
  }
  NDNN_INLINE void fetch(index_t i, index_t n) const { fetch_lines(x + i, n); }
  static NDNN_INLINE void add(Vec<T> d, Vec<T>& s, Vec<T>& q) {
    s += d;
    q += d * d;
  }
};
template <class T, bool kWeight>
struct Products {
  const T *g, *x, *weight;
  Vec<T> centre;
  NDNN_INLINE void whole(index_t i, Vec<T>& s, Vec<T>& q) const {
    Vec<T> v = load(g + i);
    if constexpr (kWeight) v *= load(weight + i);
    s += v;
    q += v * (load(x + i) - centre);
  }
  NDNN_INLINE void part(index_t i, index_t lanes, Vec<T>& s, Vec<T>& q) const {
    Vec<T> v = load_part(g + i, lanes);
    if constexpr (kWeight) v *= load_part(weight + i, lanes);
    s += v;
    q += v * (load_part(x + i, lanes) - centre);
  }
  NDNN_INLINE void fetch(index_t i, index_t n) const {
    fetch_lines(g + i, n);
    fetch_lines(x + i, n);
  }
};

// Four chains of each sum; the last vectors of a short run go to different ones too.
template <class T, class Term>
NDNN_INLINE void two_sums(const Runs& r, const Term& term, double out[2]) {
  constexpr index_t kL = kLanes<T>;
  Vec<T> s[4] = {}, q[4] = {};
  for (index_t run = 0; run < r.runs; ++run) {
    index_t i = run * r.ld;
    const index_t end = i + r.n;
    for (; i + 4 * kL <= end; i += 4 * kL) {
      if (r.soon) term.fetch(i + r.soon, 4 * kL);
      term.whole(i, s[0], q[0]);
      term.whole(i + kL, s[1], q[1]);
      term.whole(i + 2 * kL, s[2], q[2]);
      term.whole(i + 3 * kL, s[3], q[3]);
    }
    if (r.soon) term.fetch(i + r.soon, end - i);
    if (i + 2 * kL <= end) {
      term.whole(i, s[0], q[0]);
      term.whole(i + kL, s[1], q[1]);
      i += 2 * kL;
    }
    if (i + kL <= end) {
      term.whole(i, s[2], q[2]);
      i += kL;
    }
    if (i < end) term.part(i, end - i, s[3], q[3]);
  }
  out[0] = total<T>(s);
  out[1] = total<T>(q);
}

template <class T>
void moments(const T* x, const Runs& r, double out[2]) {
  const double count = double(r.runs) * double(r.n);
  two_sums<T>(r, Values<T>{x}, out);
  const T centre = T(out[0] / count);
  two_sums<T>(r, Deviations<T>{x, broadcast(centre), in_first_lanes(centre, r.n % kLanes<T>)}, out);
  const double mean = out[0] / count, squares = out[1] - out[0] * mean;
  out[0] = double(centre) + mean;
  out[1] = squares < 0 ? 0 : squares;
}

template <class T>
void sums(const T* g, const T* x, const Runs& r, T centre, double out[2]) {
  two_sums<T>(r, Products<T, false>{g, x, nullptr, broadcast(centre)}, out);
}
template <class T>
void row_sums(const T* g, const T* x, index_t n, T centre, const T* weight, double out[2]) {
  const Runs r{1, n, n};
  if (weight) two_sums<T>(r, Products<T, true>{g, x, weight, broadcast(centre)}, out);
  else two_sums<T>(r, Products<T, false>{g, x, nullptr, broadcast(centre)}, out);
}

// In the order of memory: a channel at a time, images that lie a power of two apart share few sets of L1.
template <class T, class MakeTerm>
NDNN_INLINE void sum_planes(const PlaneBlock& b, const MakeTerm& term, double* out) {
  constexpr index_t kL = kLanes<T>;
  Vec<T> s[kPlanesOfBlock], q[kPlanesOfBlock];
  for (index_t c = 0; c < b.count; ++c) s[c] = q[c] = Vec<T>{};
  for (index_t image = 0; image < b.images; ++image) {
    index_t i = image * b.ld;
    for (index_t c = 0; c < b.count; ++c) {
      const auto of = term(c);
      const index_t end = i + b.n;
      if (b.soon) of.fetch(i + b.soon, b.n);
      Vec<T> s0 = s[c], q0 = q[c], s1{}, q1{};
      for (; i + 2 * kL <= end; i += 2 * kL) {
        of.whole(i, s0, q0);
        of.whole(i + kL, s1, q1);
      }
      if (i + kL <= end) {
        of.whole(i, s0, q0);
        i += kL;
      }
      if (i < end) of.part(i, end - i, s1, q1);
      s[c] = s0 + s1;
      q[c] = q0 + q1;
      i = end;
    }
  }
  for (index_t c = 0; c < b.count; ++c) {
    out[2 * c] = double(fold<T, kL / 2>(s[c])[0]);
    out[2 * c + 1] = double(fold<T, kL / 2>(q[c])[0]);
  }
}

template <class T>
void plane_moments(const T* x, const PlaneBlock& b, double* out) {
  const double count = double(b.images) * double(b.n);
  sum_planes<T>(
      b, [&](index_t) { return Values<T>{x}; }, out);
  T centre[kPlanesOfBlock];
  for (index_t c = 0; c < b.count; ++c) centre[c] = T(out[2 * c] / count);
  T used[kLanes<T>];
  for (int l = 0; l < kLanes<T>; ++l) used[l] = T(l < b.n % kLanes<T>);
  sum_planes<T>(
      b,
      [&](index_t c) {
        const Vec<T> v = broadcast(centre[c]);
        return Deviations<T>{x, v, v * load(used)};
      },
      out);
  for (index_t c = 0; c < b.count; ++c) {
    const double mean = out[2 * c] / count, squares = out[2 * c + 1] - out[2 * c] * mean;
    out[2 * c] = double(centre[c]) + mean;
    out[2 * c + 1] = squares < 0 ? 0 : squares;
  }
}
template <class T>
void plane_sums(const T* g, const T* x, const PlaneBlock& b, const T* centre, double* out) {
  sum_planes<T>(
      b,
      [&](index_t c) {
        return Products<T, false>{g, x, nullptr, broadcast(centre[c])};
      },
      out);
}

// Calls whole(i) for the vectors of n elements; the last may overlap the one before. Fewer than a vector:
// part(0, n).
template <class T, class Whole, class Part>
NDNN_INLINE void map_vectors(index_t n, const Whole& whole, const Part& part) {
  constexpr index_t kL = kLanes<T>;
  index_t i = 0;
  for (; i + kL <= n; i += kL) whole(i);
  if (i == n) return;
  if (n > kL) whole(n - kL);
  else part(0, n);
}

template <class T>
void affine(const T* x, T* y, const Runs& r, const Affine<T>* a, index_t step) {
  for (index_t run = 0; run < r.runs; ++run, x += r.ld, y += r.ld, a += step) {
    const Vec<T> centre = broadcast(a->centre), scale = broadcast(a->scale), shift = broadcast(a->shift);
    map_vectors<T>(
        r.n, [&](index_t i) { store(y + i, (load(x + i) - centre) * scale + shift); },
        [&](index_t i, index_t n) { store_part(y + i, (load_part(x + i, n) - centre) * scale + shift, n); });
  }
}

template <class T>
void gradient(const T* g, const T* x, T* dx, const Runs& r, const NormGradient<T>* a, index_t step) {
  for (index_t run = 0; run < r.runs; ++run, g += r.ld, x += r.ld, dx += r.ld, a += step) {
    const Vec<T> centre = broadcast(a->centre), of_grad = broadcast(a->of_grad),
                 of_input = broadcast(a->of_input), constant = broadcast(a->constant);
    const auto value = [&](Vec<T> gv, Vec<T> xv) {
      return of_grad * gv + (of_input * (xv - centre) + constant);
    };
    map_vectors<T>(
        r.n, [&](index_t i) { store(dx + i, value(load(g + i), load(x + i))); },
        [&](index_t i, index_t n) {
          store_part(dx + i, value(load_part(g + i, n), load_part(x + i, n)), n);
        });
  }
}

template <class T, bool kWeight, bool kBias>
void row_affine_of(const T* x, T* y, index_t n, const Affine<T>& a, const T* weight, const T* bias) {
  const Vec<T> centre = broadcast(a.centre), scale = broadcast(a.scale), shift = broadcast(a.shift);
  map_vectors<T>(
      n,
      [&](index_t i) {
        Vec<T> v = (load(x + i) - centre) * scale + shift;
        if constexpr (kWeight) v *= load(weight + i);
        if constexpr (kBias) v += load(bias + i);
        store(y + i, v);
      },
      [&](index_t i, index_t lanes) {
        Vec<T> v = (load_part(x + i, lanes) - centre) * scale + shift;
        if constexpr (kWeight) v *= load_part(weight + i, lanes);
        if constexpr (kBias) v += load_part(bias + i, lanes);
        store_part(y + i, v, lanes);
      });
}
template <class T>
void row_affine(const T* x, T* y, index_t n, const Affine<T>& a, const T* weight, const T* bias) {
  if (weight && bias) row_affine_of<T, true, true>(x, y, n, a, weight, bias);
  else if (weight) row_affine_of<T, true, false>(x, y, n, a, weight, bias);
  else if (bias) row_affine_of<T, false, true>(x, y, n, a, weight, bias);
  else row_affine_of<T, false, false>(x, y, n, a, weight, bias);
}

template <class T, bool kWeight, bool kParameters>
void row_gradient_of(const T* g, const T* x, T* dx, index_t n, const NormGradient<T>& a, const Affine<T>& m,
                     const T* weight, T* dw, T* db) {
  constexpr index_t kL = kLanes<T>;
  const Vec<T> centre = broadcast(a.centre), of_grad = broadcast(a.of_grad), of_input = broadcast(a.of_input),
               constant = broadcast(a.constant), scale = broadcast(m.scale), shift = broadcast(m.shift);
  index_t i = 0;
  for (; i + kL <= n; i += kL) {
    __builtin_prefetch(g + i + n);  // of the next row: 64x197x768 took 1.1 times as long without
    __builtin_prefetch(x + i + n);
    const Vec<T> gv = load(g + i), d = load(x + i) - centre;
    Vec<T> gw = gv;
    if constexpr (kWeight) gw *= load(weight + i);
    store(dx + i, of_grad * gw + (of_input * d + constant));
    if constexpr (kParameters) {
      store(dw + i, load(dw + i) + gv * (d * scale + shift));
      store(db + i, load(db + i) + gv);
    }
  }
  if (const index_t lanes = n - i) {
    const Vec<T> gv = load_part(g + i, lanes), d = load_part(x + i, lanes) - centre;
    Vec<T> gw = gv;
    if constexpr (kWeight) gw *= load_part(weight + i, lanes);
    store_part(dx + i, of_grad * gw + (of_input * d + constant), lanes);
    if constexpr (kParameters) {
      store_part(dw + i, load_part(dw + i, lanes) + gv * (d * scale + shift), lanes);
      store_part(db + i, load_part(db + i, lanes) + gv, lanes);
    }
  }
}
template <class T>
void row_gradient(const T* g, const T* x, T* dx, index_t n, const NormGradient<T>& a, const Affine<T>& m,
                  const T* weight, T* dw, T* db) {
  if (weight && dw) row_gradient_of<T, true, true>(g, x, dx, n, a, m, weight, dw, db);
  else if (weight) row_gradient_of<T, true, false>(g, x, dx, n, a, m, weight, dw, db);
  else if (dw) row_gradient_of<T, false, true>(g, x, dx, n, a, m, weight, dw, db);
  else row_gradient_of<T, false, false>(g, x, dx, n, a, m, weight, dw, db);
}

// Whole rows one after the other, four at a time, so that memory is read in its order and the sums, in L1,
// are loaded and stored a quarter as often.
template <class T, class MakeTerm>
NDNN_INLINE void sum_columns(const Columns& c, T* s, T* q, const MakeTerm& term) {
  constexpr index_t kL = kLanes<T>;
  for (index_t j = 0; j < c.width; ++j) s[j] = 0;
  if (q)
    for (index_t j = 0; j < c.width; ++j) q[j] = 0;
  for (index_t r = 0; r < c.rows; r += 4) {
    const index_t rows = c.rows - r < 4 ? c.rows - r : 4;
    index_t j = 0;
    for (; j + kL <= c.width; j += kL) {
      const auto of = term(j, kL);
      Vec<T> sv = load(s + j), qv{};
      if (q) qv = load(q + j);
      if (rows == 4) {
#pragma GCC unroll 4
        for (index_t u = 0; u < 4; ++u) of.whole((r + u) * c.ld + j, sv, qv);
      } else {
        for (index_t u = 0; u < rows; ++u) of.whole((r + u) * c.ld + j, sv, qv);
      }
      store(s + j, sv);
      if (q) store(q + j, qv);
    }
    if (const index_t lanes = c.width - j) {
      const auto of = term(j, lanes);
      Vec<T> sv = load_part(s + j, lanes), qv{};
      if (q) qv = load_part(q + j, lanes);
      for (index_t u = 0; u < rows; ++u) of.part((r + u) * c.ld + j, lanes, sv, qv);
      store_part(s + j, sv, lanes);
      if (q) store_part(q + j, qv, lanes);
    }
  }
}

template <class T>
NDNN_INLINE Vec<T> load_lanes(const T* p, index_t lanes) {
  return lanes == kLanes<T> ? load(p) : load_part(p, lanes);
}

template <class T>
void column_moments(const T* x, const Columns& c, T* centre, T* sum, T* squares) {
  sum_columns(c, centre, static_cast<T*>(nullptr), [&](index_t, index_t) { return Values<T>{x}; });
  for (index_t j = 0; j < c.width; ++j) centre[j] /= T(c.rows);
  sum_columns(c, sum, squares, [&](index_t j, index_t lanes) {
    const Vec<T> v = load_lanes(centre + j, lanes);
    return Deviations<T>{x, v, v};
  });
}
template <class T>
void column_sums(const T* g, const T* x, const Columns& c, const T* centre, T* sum, T* products) {
  sum_columns(c, sum, products, [&](index_t j, index_t lanes) {
    return Products<T, false>{g, x, nullptr, load_lanes(centre + j, lanes)};
  });
}

template <class T>
void column_affine(const T* x, T* y, const Columns& c, const T* centre, const T* scale, const T* shift) {
  for (index_t r = 0; r < c.rows; ++r, x += c.ld, y += c.ld)
    map_vectors<T>(
        c.width,
        [&](index_t j) {
          store(y + j, (load(x + j) - load(centre + j)) * load(scale + j) + load(shift + j));
        },
        [&](index_t j, index_t n) {
          store_part(y + j,
                     (load_part(x + j, n) - load_part(centre + j, n)) * load_part(scale + j, n) +
                         load_part(shift + j, n),
                     n);
        });
}

template <class T>
void column_gradient(const T* g, const T* x, T* dx, const Columns& c, const T* centre, const T* of_grad,
                     const T* of_input, const T* constant) {
  const auto value = [&](index_t j, auto at) {
    return at(of_grad + j) * at(g + j) + (at(of_input + j) * (at(x + j) - at(centre + j)) + at(constant + j));
  };
  for (index_t r = 0; r < c.rows; ++r, g += c.ld, x += c.ld, dx += c.ld)
    map_vectors<T>(
        c.width, [&](index_t j) { store(dx + j, value(j, [](const T* p) { return load(p); })); },
        [&](index_t j, index_t n) {
          store_part(dx + j, value(j, [n](const T* p) { return load_part(p, n); }), n);
        });
}

template <class T>
constexpr NormKernels<T> kNormKernels = {
    &moments<T>,    &sums<T>,           &plane_moments<T>, &plane_sums<T>,    &affine<T>,
    &gradient<T>,   &column_moments<T>, &column_sums<T>,   &column_affine<T>, &column_gradient<T>,
    &row_affine<T>, &row_sums<T>,       &row_gradient<T>};

extern const NormKernels<float> norm_kernels_f32;
extern const NormKernels<double> norm_kernels_f64;
constexpr NormKernels<float> norm_kernels_f32 = kNormKernels<float>;
constexpr NormKernels<double> norm_kernels_f64 = kNormKernels<double>;

#include "core/isa_end.hpp"
