// SPDX-License-Identifier: MIT
// Each activation once: its value, and the gradient g of its result turned into that of its input. `s` is
// the input, or the result where the table in activation.hpp says so. p: the parameters. Included after
// vec_math.hpp, inside its region and namespace. Comparisons are such that nan passes, and an infinite g does
// not reach a zero.
#pragma once

#define NDNN_VALUE   \
  template <class T> \
  static NDNN_INLINE Vec<T> value([[maybe_unused]] Vec<T> x, [[maybe_unused]] const T* p)
#define NDNN_GRADIENT                                                                      \
  template <class T>                                                                       \
  static NDNN_INLINE Vec<T> gradient([[maybe_unused]] Vec<T> g, [[maybe_unused]] Vec<T> s, \
                                     [[maybe_unused]] const T* p)

struct Relu {
  NDNN_VALUE { return x < 0 ? Vec<T>{} : x; }
  NDNN_GRADIENT { return s <= 0 ? Vec<T>{} : g; }
};
// p: slope below 0
struct LeakyRelu {
  NDNN_VALUE { return x > 0 ? x : x * p[0]; }
  NDNN_GRADIENT { return s > 0 ? g : g * p[0]; }
};
// p: least, most
struct Hardtanh {
  NDNN_VALUE { return clamp<T>(x, p[0], p[1]); }
  NDNN_GRADIENT { return (s <= p[0]) | (s >= p[1]) ? Vec<T>{} : g; }
};
// p: threshold, value up to it
struct Threshold {
  NDNN_VALUE { return x <= p[0] ? broadcast(p[1]) : x; }
  NDNN_GRADIENT { return s <= p[0] ? Vec<T>{} : g; }
};
// p: a, b, c of a * (e^(c x) - 1) below 0, b * x above
struct Elu {
  NDNN_VALUE { return x > 0 ? x * p[1] : expm1<T>(x * p[2]) * p[0]; }
  NDNN_GRADIENT { return s > 0 ? g * p[1] : g * (exp<T>(s * p[2]) * (p[0] * p[2])); }
};
struct Sigmoid {
  NDNN_VALUE { return sigmoid<T>(x); }
  NDNN_GRADIENT { return g * ((1 - s) * s); }
};
struct Tanh {
  NDNN_VALUE { return tanh<T>(x); }
  NDNN_GRADIENT { return g * (1 - s * s); }
};
struct Tanhshrink {
  NDNN_VALUE { return x - tanh<T>(x); }
  NDNN_GRADIENT {
    const Vec<T> t = tanh<T>(s);
    return g * (t * t);
  }
};
struct LogSigmoid {
  NDNN_VALUE { return log_sigmoid<T>(x); }
  NDNN_GRADIENT { return g * sigmoid<T>(-s); }
};
// p: beta, threshold, 1 / beta
struct Softplus {
  NDNN_VALUE { return x * p[0] > p[1] ? x : softplus<T>(x * p[0]) * p[2]; }
  NDNN_GRADIENT { return s * p[0] > p[1] ? g : g * sigmoid<T>(s * p[0]); }
};
struct Softsign {
  NDNN_VALUE { return x / (1 + absolute<T>(x)); }
  NDNN_GRADIENT {
    const Vec<T> d = 1 + absolute<T>(s);
    return g / (d * d);
  }
};
// p: the bend
struct Hardshrink {
  NDNN_VALUE { return (x >= -p[0]) & (x <= p[0]) ? Vec<T>{} : x; }
  NDNN_GRADIENT { return value<T>(s, p) == 0 ? Vec<T>{} : g; }
};
struct Softshrink {
  NDNN_VALUE { return x - clamp<T>(x, -p[0], p[0]); }
  NDNN_GRADIENT { return (s >= -p[0]) & (s <= p[0]) ? Vec<T>{} : g; }
};
struct Hardsigmoid {
  NDNN_VALUE { return clamp<T>(x + 3, 0, 6) * T(1. / 6); }
  NDNN_GRADIENT { return (s > -3) & (s < 3) ? g * T(1. / 6) : Vec<T>{}; }
};
struct Hardswish {
  NDNN_VALUE { return x * (clamp<T>(x + 3, 0, 6) * T(1. / 6)); }
  NDNN_GRADIENT {
    const Vec<T> inner = g * (s * T(1. / 3) + T(0.5));
    return s <= -3 ? Vec<T>{} : s < 3 ? inner : g;
  }
};

// e = e^-|x| and r = 1 / (1 + e) give sigmoid(x) and 1 - sigmoid(x) without cancellation.
struct Silu {
  NDNN_VALUE { return silu<T>(x); }
  NDNN_GRADIENT {
    const Vec<T> e = exp_of_minus<T>(s), r = 1 / (1 + e);
    return g * ((s < 0 ? e * r : r) + s * (e * r * r));
  }
};
// x * sigmoid(z), z = 2 sqrt(2/pi) (x + 0.044715 x^3), which is torch's formula with tanh
struct GeluTanh {
  template <class T>
  static constexpr T kScale = T(1.5957691216057307117598);
  template <class T>
  static constexpr T kCubic = T(0.044715);
  NDNN_VALUE {
    const Vec<T> z = x * kScale<T> * (1 + x * x * kCubic<T>), e = exp_of_minus<T>(z);
    return (x < 0 ? x * e : x) / (1 + e);
  }
  NDNN_GRADIENT {
    const Vec<T> square = s * s, z = s * kScale<T> * (1 + square * kCubic<T>), e = exp_of_minus<T>(z);
    const Vec<T> r = 1 / (1 + e), dz = kScale<T> * (1 + square * (3 * kCubic<T>));
    return g * ((s < 0 ? e * r : r) + s * dz * (e * r * r));
  }
};
// x times the normal distribution's share below x. Its upper tail q is computed, so that neither is lost:
// q(a) = e^(-a*a/2) * Q(a) for a = |x|, and x * (share below x) = max(x, 0) - a * q(a).
struct Gelu {
  template <class T>
  struct Tail {
    Vec<T> a, exp_of_square, q;  // a is |x| up to where q is 0
  };
  static constexpr double kRootHalf = 0.70710678118654752440;
  template <class T>
  static constexpr ErfcRatio<T> kRatio{kRootHalf, 0.5};
  template <class T>
  static NDNN_INLINE Tail<T> tail(Vec<T> x) {
    const Vec<T> a = smaller<T>(broadcast(T(RealBits<T>::most_erfc / kRootHalf)), absolute<T>(x));
    const Vec<T> e = exp_of_product<T>(T(-0.5) * a, a);
    return {a, e, erfc_ratio<T>(a, kRatio<T>) * e};
  }
  NDNN_VALUE {
    const Tail<T> t = tail<T>(x);
    return larger<T>(Vec<T>{}, x) - t.a * t.q;
  }
  NDNN_GRADIENT {
    const Tail<T> t = tail<T>(s);
    const Vec<T> of_a = t.q - t.a * (t.exp_of_square * T(0.39894228040143267794));
    return g * (s > 0 ? 1 - of_a : of_a);
  }
};
// x * tanh(log(1 + n)) for n = e^x: tanh(log(1 + n)) = w / (w + 2), w = n (n + 2); it is 1 from x = 20 on
// (double: 40), where n * n is far from overflow.
struct Mish {
  template <class T>
  static NDNN_INLINE Vec<T> limited(Vec<T> x) {
    return clamp<T>(x, RealBits<T>::least_exp, sizeof(T) == 4 ? 20 : 40);
  }
  NDNN_VALUE {
    const Vec<T> n = exp<T>(reduce<T>(limited<T>(x))), w = n * (n + 2);
    return x * (w / (w + 2));
  }
  NDNN_GRADIENT {
    const Vec<T> x = limited<T>(s), n = exp<T>(reduce<T>(x)), w = n * (n + 2), r = 1 / (w + 2);
    return g * (w * r + x * (4 * r * n) * (r * (n + 1)));
  }
};

#undef NDNN_VALUE
#undef NDNN_GRADIENT
