// SPDX-License-Identifier: MIT
// Compiled once per instruction set. Bound by the power: two square roots and a division take most of the
// time.
#include "ops/norm/response_norm_kernels.hpp"

#include <cstdint>
#include <type_traits>
#include <utility>

#include "core/isa_begin.hpp"
#include "core/vec.hpp"
#include "core/vec_each.hpp"
#include "core/vec_math.hpp"

template <class T, ResponsePower kPower>
NDNN_INLINE Vec<T> power(Vec<T> base, const ResponseTile<T>& t) {
  if constexpr (kPower == ResponsePower::one) return base;
  if constexpr (kPower == ResponsePower::any) {
    if (t.beta == 0) return broadcast(T(1));
    const Vec<T> p = exp<T>(t.beta * log<T>(absolute<T>(base)));
    return base < 0 ? p * t.of_negative : p;
  }
  const Vec<T> root = square_root<T>(base);
  return kPower == ResponsePower::half ? root : root * square_root<T>(root);
}

// out(c, j, sum, load, store) with the sum of term(i, j, load) over the channels i from c - before to
// c + after. A window is the end of one block of so many channels and the start of the next: its sum is one
// from the end of the first, kept in `ends`, and one from the start of the second. So it costs three
// additions whatever the size, and nothing is subtracted from a sum, which would lose small terms beside
// large ones.
template <class T, class Term, class Out>
NDNN_INLINE void window_sums(const ResponseTile<T>& t, index_t before, index_t after, T* ends,
                             const Term& term, const Out& out) {
  const index_t size = before + 1 + after;
  T start[kResponseWidth];
  for (index_t first = -before; first + before < t.channels; first += size) {
    const index_t low = first < 0 ? 0 : first, next = first + size,
                  high = next < t.channels ? next : t.channels;
    each_vector<T>(t.width, [&](index_t j, auto at, auto) {
      Vec<T> sum{};
      for (index_t i = high - 1; i >= low; --i) {
        sum += term(i, j, at);
        store(ends + (i - low) * kResponseWidth + j, sum);
      }
      store(start + j, Vec<T>{});
    });
    for (index_t i = first; i < next && i + before < t.channels; ++i) {
      const T* const end = ends + ((i < low ? low : i) - low) * kResponseWidth;
      const index_t last = i + size - 1;  // of the window; it starts at i
      each_vector<T>(t.width, [&](index_t j, auto at, auto put) {
        Vec<T> sum = load(start + j);
        if (last >= next && last < t.channels) {
          sum += term(last, j, at);
          store(start + j, sum);
        }
        out(i + before, j, load(end + j) + sum, at, put);
      });
    }
  }
}

template <class T>
struct Squares {
  const T* x;
  index_t ld;
  template <class At>
  NDNN_INLINE Vec<T> operator()(index_t i, index_t j, At at) const {
    const Vec<T> v = at(x + i * ld + j);
    return v * v;
  }
};

template <class T, ResponsePower kPower>
void forward_of(const T* x, T* y, const ResponseTile<T>& t) {
  window_sums(t, t.before, t.after, t.scratch, Squares<T>{x, t.ld},
              [&](index_t c, index_t j, Vec<T> sum, auto at, auto put) {
                const index_t i = c * t.ld + j;
                put(y + i, at(x + i) / power<T, kPower>(t.k + t.coefficient * sum, t));
              });
}

// dx = g / base^beta - 2 coefficient beta x * (sum of g x / base^(beta + 1) over the windows that hold it)
template <class T, ResponsePower kPower>
void gradient_of(const T* g, const T* x, T* dx, const ResponseTile<T>& t) {
  T* const through = t.scratch;
  T* const ends = t.scratch + t.channels * kResponseWidth;
  window_sums(t, t.before, t.after, ends, Squares<T>{x, t.ld},
              [&](index_t c, index_t j, Vec<T> sum, auto at, auto put) {
                const index_t i = c * t.ld + j;
                const Vec<T> base = t.k + t.coefficient * sum, d = at(g + i) / power<T, kPower>(base, t);
                put(dx + i, d);
                store(through + c * kResponseWidth + j, d * at(x + i) / base);
              });
  window_sums(
      t, t.after, t.before, ends,
      [&](index_t i, index_t j, auto) { return load(through + i * kResponseWidth + j); },
      [&](index_t c, index_t j, Vec<T> sum, auto at, auto put) {
        const index_t i = c * t.ld + j;
        put(dx + i, at(dx + i) - t.of_gradient * at(x + i) * sum);
      });
}

template <class T>
void forward(const T* x, T* y, const ResponseTile<T>& t) {
  switch (t.power) {
    case ResponsePower::one: return forward_of<T, ResponsePower::one>(x, y, t);
    case ResponsePower::half: return forward_of<T, ResponsePower::half>(x, y, t);
    case ResponsePower::three_quarters: return forward_of<T, ResponsePower::three_quarters>(x, y, t);
    case ResponsePower::any: return forward_of<T, ResponsePower::any>(x, y, t);
  }
}
template <class T>
void gradient(const T* g, const T* x, T* dx, const ResponseTile<T>& t) {
  switch (t.power) {
    case ResponsePower::one: return gradient_of<T, ResponsePower::one>(g, x, dx, t);
    case ResponsePower::half: return gradient_of<T, ResponsePower::half>(g, x, dx, t);
    case ResponsePower::three_quarters: return gradient_of<T, ResponsePower::three_quarters>(g, x, dx, t);
    case ResponsePower::any: return gradient_of<T, ResponsePower::any>(g, x, dx, t);
  }
}

extern const ResponseNormKernels<float> response_norm_kernels_f32;
extern const ResponseNormKernels<double> response_norm_kernels_f64;
constexpr ResponseNormKernels<float> response_norm_kernels_f32 = {&forward<float>, &gradient<float>};
constexpr ResponseNormKernels<double> response_norm_kernels_f64 = {&forward<double>, &gradient<double>};

#include "core/isa_end.hpp"
