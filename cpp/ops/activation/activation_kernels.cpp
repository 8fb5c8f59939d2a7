// SPDX-License-Identifier: MIT
// Compiled once per instruction set.
#include "ops/activation/activation_kernels.hpp"

#include <utility>

#include "core/isa_begin.hpp"
#include "core/vec.hpp"
#include "core/vec_math.hpp"
#include "ops/activation/functions.hpp"

// What a map knows beside its operands.
template <class T>
struct Given {
  T p[kMaxParameters];
  std::uint32_t key[2], place;
};

template <class F>
struct ValueOf {
  static constexpr int kOperands = 1;
  template <class T>
  static NDNN_INLINE Vec<T> apply(const Vec<T>* v, const Given<T>& a) {
    return F::value(v[0], a.p);
  }
};
template <class F>
struct GradientOf {
  static constexpr int kOperands = 2;
  template <class T>
  static NDNN_INLINE Vec<T> apply(const Vec<T>* v, const Given<T>& a) {
    return F::gradient(v[0], v[1], a.p);
  }
};

#define NDNN_MAP(name, operands)               \
  struct name {                                \
    static constexpr int kOperands = operands; \
    template <class T>                         \
    static NDNN_INLINE Vec<T> apply(const Vec<T>* v, [[maybe_unused]] const Given<T>& a)
#define NDNN_MAP_END }

NDNN_MAP(Prelu, 2) { return v[0] > 0 ? v[0] : v[0] * v[1]; }
NDNN_MAP_END;
NDNN_MAP(PreluGradient, 3) { return v[1] > 0 ? v[0] : v[0] * v[2]; }
NDNN_MAP_END;
NDNN_MAP(PreluWeightGradient, 2) { return v[1] > 0 ? Vec<T>{} : v[0] * v[1]; }
NDNN_MAP_END;
NDNN_MAP(Glu, 2) { return v[0] * sigmoid<T>(v[1]); }
NDNN_MAP_END;
NDNN_MAP(GluGateGradient, 3) {
  const Vec<T> s = sigmoid<T>(v[2]);
  return v[0] * v[1] * ((1 - s) * s);
}
NDNN_MAP_END;
NDNN_MAP(ScaleShift, 3) { return v[0] * v[1] + v[2]; }
NDNN_MAP_END;
NDNN_MAP(Product, 2) { return v[0] * v[1]; }
NDNN_MAP_END;

template <class T, int... J>
constexpr Words<T> counted(std::integer_sequence<int, J...>) {
  return Words<T>{J...};
}
// Numbers from 0 to 1, the latter excluded: those of the stream `key` at `place` and on. Three rounds of
// shift and multiplication; every bit of the place and of the key reaches every bit of the result.
template <class T>
NDNN_INLINE Vec<T> uniform(const Given<T>& a) {
  using Word = typename RealBits<T>::Word;
  const auto mix = [](Words<T> x, int shift, Word factor) {
    return ((x ^ (x >> shift)) * factor) & Word(0xffffffffu);
  };
  Words<T> x = counted<T>(std::make_integer_sequence<int, kLanes<T>>{}) + Word(a.place);
  x = ((x * Word(0x9e3779b1u)) & Word(0xffffffffu)) ^ Word(a.key[0]);
  x = mix(x, 16, 0x85ebca6bu);
  x = mix(x, 13, 0xc2b2ae35u) ^ Word(a.key[1]);
  x = mix(x, 15, 0x2c1b3c6du);
  x ^= x >> 16;
  constexpr int kBits = RealBits<T>::mantissa < 32 ? RealBits<T>::mantissa : 32;
  const Words<T> one = words_of<T>(broadcast(T(1)));
  return reals_of<T>(one | ((x >> (32 - kBits)) << (RealBits<T>::mantissa - kBits))) - 1;
}
// p: probability to go; what stays is scaled, and each shifted
NDNN_MAP(Dropout, 1) {
  const auto kept = uniform<T>(a) >= a.p[0];
  return v[0] * (kept ? broadcast(a.p[1]) : Vec<T>{}) + (kept ? broadcast(a.p[2]) : broadcast(a.p[3]));
}
NDNN_MAP_END;
// p: least and most slope below 0
template <class T>
NDNN_INLINE Vec<T> random_slope(const Given<T>& a) {
  return a.p[0] + (a.p[1] - a.p[0]) * uniform<T>(a);
}
NDNN_MAP(RandomRrelu, 1) { return v[0] > 0 ? v[0] : v[0] * random_slope<T>(a); }
NDNN_MAP_END;
NDNN_MAP(RandomRreluGradient, 2) { return v[1] > 0 ? v[0] : v[0] * random_slope<T>(a); }
NDNN_MAP_END;

#undef NDNN_MAP
#undef NDNN_MAP_END

// Fewer elements than a vector has; one copy of it serves start and end.
template <class T, class Map>
__attribute__((noinline)) void map_part(const MapArgs<T>& a, index_t i, index_t n) {
  Given<T> given{{a.parameter[0], a.parameter[1], a.parameter[2], a.parameter[3]}, {a.key[0], a.key[1]}, 0};
  given.place = a.place + static_cast<std::uint32_t>(i);
  Vec<T> v[Map::kOperands];
  for (int k = 0; k < Map::kOperands; ++k) v[k] = load_part(a.in[k] + i, n);
  store_part(a.out + i, Map::apply(v, given), n);
}

// Stores past the caches brought nothing on 64 MB: 42 and 43 GB/s.
template <class T, class Map>
void map_all(const MapArgs<T>& a) {
  constexpr index_t kL = kLanes<T>;
  index_t i = 0;
  if (a.n >= 4 * kL) {  // stores that cross no cache line
    const auto past = reinterpret_cast<std::uintptr_t>(a.out) % kVecBytes / sizeof(T);
    i = past ? kL - static_cast<index_t>(past) : 0;
    if (i) map_part<T, Map>(a, 0, i);
  }
  Given<T> given{{a.parameter[0], a.parameter[1], a.parameter[2], a.parameter[3]}, {a.key[0], a.key[1]}, 0};
  const T* in[Map::kOperands];
  for (int k = 0; k < Map::kOperands; ++k) in[k] = a.in[k];
  T* const out = a.out;
  const index_t n = a.n;
  const std::uint32_t place = a.place;
  for (; i + kL <= n; i += kL) {
    given.place = place + static_cast<std::uint32_t>(i);
    Vec<T> v[Map::kOperands];
    for (int k = 0; k < Map::kOperands; ++k) {
      v[k] = load(in[k] + i);
      // Else it may be loaded where it is used, as under the mask of a comparison with another, and wait for
      // that one: gradients of relu and silu from memory took 1.2 and 1.4 times as long.
      if constexpr (Map::kOperands > 1) keep_in_register(v[k]);
    }
    store(out + i, Map::apply(v, given));
  }
  if (i < n) map_part<T, Map>(a, i, n - i);
}

template <class T>
constexpr MapKernels<T> make_maps() {
  return {{
#define NDNN_KERNEL(name, Functor, ...) &map_all<T, ValueOf<Functor>>,
      NDNN_FUNCTIONS(NDNN_KERNEL)
#undef NDNN_KERNEL
#define NDNN_KERNEL(name, Functor, ...) &map_all<T, GradientOf<Functor>>,
          NDNN_FUNCTIONS(NDNN_KERNEL)
#undef NDNN_KERNEL
#define NDNN_KERNEL(name, Functor, ...) &map_all<T, Functor>,
              NDNN_MAPS(NDNN_KERNEL)
#undef NDNN_KERNEL
  }};
}

extern const MapKernels<float> map_kernels_f32;
extern const MapKernels<double> map_kernels_f64;
constexpr MapKernels<float> map_kernels_f32 = make_maps<float>();
constexpr MapKernels<double> map_kernels_f64 = make_maps<double>();

#include "core/isa_end.hpp"
