// SPDX-License-Identifier: MIT
// Elementary functions of vectors. Included after vec.hpp, inside its region and namespace; includes nothing.
// nan gives nan. Bounds are in ulp of the result, the same for float and double, on every instruction set.
#pragma once

template <class T>
struct RealBits;
template <>
struct RealBits<float> {
  using Word = std::uint32_t;
  static constexpr int mantissa = 23, bias = 127;
  static constexpr float round = 0x1.8p23f;  // |x| < 2^22: x + round has rint(x) in its lowest bits
  // ln 2 in two parts; the upper is short, so that its product with an exponent is exact without an FMA
  static constexpr float ln2_high = 0x1.63p-1f, ln2_low = -2.12194440054690583e-4f;
  static constexpr float least_exp = -104, most_exp = 89;  // beyond: 0 and inf
  // (e^r - 1 - r) / r^2 for |r| <= ln(2)/2, the least largest error of its degree: e^r within 2^-28
  static constexpr float exp_tail[] = {4.9999994e-01f, 1.666652e-01f, 4.1668393e-02f, 8.368781e-03f,
                                       1.3814465e-03f};
  static constexpr float least_normal = 0x1p-126f, root_half = 0x1.6a09e6p-1f;
  // of their series: remainders below 0.1 ulp
  static constexpr int log_terms = 5, log1p_terms = 7, erf_terms = 11;
  // e^(t*t) * erfc(t) = over(t) / under(t) for 0 <= t <= most_erfc, from where on erfc is 0. They interpolate
  // at Chebyshev's nodes of 1 / (t + 2.25), and of 1 / (t + 3) for double, relative error 2^-27 and 2^-59;
  // these are moved within their rounding to float such that it leaves 2^-26. No term is negative: the sums
  // lose no digits.
  static constexpr float most_erfc = 10.1f;
  static constexpr double erfc_over[] = {17.042972, 21.1584371, 12.5229467, 3.93217388, 0.564195794};
  static constexpr double erfc_under[] = {17.042972, 40.3893803, 41.0543501, 22.6893137, 6.97002124, 1};
};
template <>
struct RealBits<double> {
  using Word = std::uint64_t;
  static constexpr int mantissa = 52, bias = 1023;
  static constexpr double round = 0x1.8p52;
  static constexpr double ln2_high = 0x1.62e4p-1, ln2_low = 1.42860682030941723212e-6;
  static constexpr double least_exp = -746, most_exp = 710;
  static constexpr double exp_tail[] = {1. / 2,       1. / 6,        1. / 24,        1. / 120,
                                        1. / 720,     1. / 5040,     1. / 40320,     1. / 362880,
                                        1. / 3628800, 1. / 39916800, 1. / 479001600, 1. / 6227020800.};
  static constexpr double least_normal = 0x1p-1022, root_half = 0x1.6a09e667f3bcdp-1;
  static constexpr int log_terms = 10, log1p_terms = 16, erf_terms = 19;
  static constexpr double most_erfc = 27.3;
  static constexpr double erfc_over[] = {38624.605736117323, 90609.62841414634,  105352.5666107765,
                                         78461.633375034246, 41066.402719312842, 15712.704931546699,
                                         4445.0636980036461, 919.24288204928905, 133.50970197359183,
                                         12.385049584357077, 0.56418958354785975};
  static constexpr double erfc_under[] = {38624.605736117323, 134192.82886405897, 218148.35333847624,
                                          219478.32872092118, 152207.44857950267, 76610.567448795147,
                                          28653.726273548797, 7996.49015827526,   1640.2915507294515,
                                          237.13978539399653, 21.951928829480146, 1};
};

template <class T>
using Words = typename VecType<typename RealBits<T>::Word>::type;
template <class T>
NDNN_INLINE Words<T> words_of(Vec<T> v) {
  return reinterpret_cast<Words<T>>(v);
}
template <class T>
NDNN_INLINE Vec<T> reals_of(Words<T> v) {
  return reinterpret_cast<Vec<T>>(v);
}
template <class T>
constexpr typename RealBits<T>::Word kSignBit = typename RealBits<T>::Word(1) << (8 * sizeof(T) - 1);

template <class T>
NDNN_INLINE Vec<T> absolute(Vec<T> v) {
  return reals_of<T>(words_of<T>(v) & ~kSignBit<T>);
}
template <class T>
NDNN_INLINE Vec<T> with_sign_of(Vec<T> v, Vec<T> sign) {  // v >= 0
  return reals_of<T>(words_of<T>(v) | (words_of<T>(sign) & kSignBit<T>));
}
// nan passes
template <class T>
NDNN_INLINE Vec<T> clamp(Vec<T> v, T low, T high) {
  return smaller<T>(broadcast(high), larger<T>(broadcast(low), v));
}

// c[0] + c[1] x + ... for the first kN of an array of constants
template <class T, int kN>
NDNN_INLINE Vec<T> polynomial(Vec<T> x, const T* c) {
  Vec<T> p = broadcast(c[kN - 1]);
#pragma GCC unroll 32
  for (int i = kN - 2; i >= 0; --i) p = p * x + c[i];
  return p;
}

template <class T>
constexpr T kLog2e = T(1.44269504088896340736);
// The same, even and odd powers apart as polynomials of x^2: each step rounds, for large x in full, and these
// are half as many in a row.
template <class T, int kN>
NDNN_INLINE Vec<T> polynomial_by_squares(Vec<T> x, const T* c) {
  const Vec<T> square = x * x;
  Vec<T> p[2] = {broadcast(c[kN - 1]), broadcast(c[kN - 2])};
#pragma GCC unroll 32
  for (int i = kN - 3; i >= 0; --i) {
    Vec<T>& q = p[(kN - 1 - i) % 2];
    q = q * square + c[i];
  }
  return kN % 2 ? p[1] * x + p[0] : p[0] * x + p[1];
}

// x = k * ln 2 + r, |r| <= ln(2)/2.
template <class T>
struct Reduced {
  Vec<T> shifted;  // k + RealBits::round
  Vec<T> r;
  Vec<T> k() const { return shifted - RealBits<T>::round; }
};
template <class T>
NDNN_INLINE Reduced<T> reduce(Vec<T> x) {
  using B = RealBits<T>;
  Reduced<T> a;
  a.shifted = x * kLog2e<T> + B::round;
  a.r = x - a.k() * B::ln2_high - a.k() * B::ln2_low;
  return a;
}
template <class T>
NDNN_INLINE Vec<T> exp_tail(Vec<T> r) {
  return polynomial<T, sizeof(RealBits<T>::exp_tail) / sizeof(T)>(r, RealBits<T>::exp_tail);
}

template <class T>
NDNN_INLINE Vec<T> exp(Reduced<T> a) {
  const Vec<T> p = 1 + a.r * (1 + a.r * exp_tail<T>(a.r));
#if NDNN_VEC_BYTES == 64
  return times_power_of_two<T>(p, a.k());
#else
  // 2^k as two factors: one alone would not reach the subnormal numbers
  using B = RealBits<T>;
  const Words<T> biased = words_of<T>(a.shifted) + (2 * B::bias - words_of<T>(broadcast(B::round)));
  const Words<T> half = biased >> 1;
  return p * reals_of<T>(half << B::mantissa) * reals_of<T>((biased - half) << B::mantissa);
#endif
}
// e^x within 1.25 ulp. One of the smallest number where the result is subnormal.
template <class T>
NDNN_INLINE Vec<T> exp(Vec<T> x) {
  return exp<T>(reduce<T>(clamp<T>(x, RealBits<T>::least_exp, RealBits<T>::most_exp)));
}
// The same for x <= 0, and of -|x| for any.
template <class T>
NDNN_INLINE Vec<T> exp_up_to_1(Vec<T> x) {
  return exp<T>(reduce<T>(larger<T>(broadcast(RealBits<T>::least_exp), x)));
}
template <class T>
NDNN_INLINE Vec<T> exp_of_minus(Vec<T> x) {
  return exp_up_to_1<T>(reals_of<T>(words_of<T>(x) | kSignBit<T>));
}

// e^x - 1 within 3 ulp for x <= 40; beyond, the value at 40.
template <class T>
NDNN_INLINE Vec<T> expm1(Vec<T> x) {
  using B = RealBits<T>;
  const Reduced<T> a = reduce<T>(clamp<T>(x, -40, 40));  // at -40 it is -1, to the last bit
  // the bits of `round` leave the word on its upper end
  const Words<T> scale_bits =
      (words_of<T>(a.shifted) << B::mantissa) +
      (words_of<T>(broadcast(T(1))) - (words_of<T>(broadcast(B::round)) << B::mantissa));
  const Vec<T> scale = reals_of<T>(scale_bits);
  return scale * (a.r + a.r * a.r * exp_tail<T>(a.r)) + (scale - 1);
}

// tanh(x) within 4 ulp.
template <class T>
NDNN_INLINE Vec<T> tanh(Vec<T> x) {
  const Vec<T> e = expm1<T>(2 * absolute<T>(x));
  return with_sign_of<T>(e / (e + 2), x);
}

// e^-|x| cannot overflow, and keeps its digits where 1 + e^|x| would lose them.
// 1 / (1 + e^-x) within 4 ulp where e^-|x| is normal.
template <class T>
NDNN_INLINE Vec<T> sigmoid(Vec<T> x) {
  const Vec<T> e = exp_of_minus<T>(x);
  return (x < 0 ? e : broadcast(T(1))) / (1 + e);
}
// x / (1 + e^-x) within 4 ulp where e^-|x| is normal; nan for -inf, as 0 * inf.
template <class T>
NDNN_INLINE Vec<T> silu(Vec<T> x) {
  const Vec<T> e = exp_of_minus<T>(x);
  return (x < 0 ? x * e : x) / (1 + e);
}

// 2/3, 2/5, ...: log(1 + f) = 2 atanh(s) = s * (2 + 2/3 s^2 + 2/5 s^4 + ...) for s = f / (2 + f)
template <class T>
constexpr T kAtanh[] = {T(2) / 3,  T(2) / 5,  T(2) / 7,  T(2) / 9,  T(2) / 11, T(2) / 13,
                        T(2) / 15, T(2) / 17, T(2) / 19, T(2) / 21, T(2) / 23, T(2) / 25,
                        T(2) / 27, T(2) / 29, T(2) / 31, T(2) / 33};

// log(v * 2^more) + correction, for normal v above 0.
template <class T>
NDNN_INLINE Vec<T> log_of_normal(Vec<T> v, Vec<T> more, Vec<T> correction) {
  using B = RealBits<T>;
  using Word = typename B::Word;
  // v = 2^k * (1 + f), 1 + f from sqrt(1/2) to sqrt(2)
  const Words<T> one = words_of<T>(broadcast(T(1)));
  const Words<T> biased = (words_of<T>(v) + (one - words_of<T>(broadcast(B::root_half)))) >> B::mantissa;
  const Vec<T> f = reals_of<T>(words_of<T>(v) - ((biased - Word(B::bias)) << B::mantissa)) - 1;
  const Vec<T> k = reals_of<T>(words_of<T>(broadcast(B::round)) + biased) - (B::round + B::bias) + more;
  // 2s = f - s*f, and s*f = f*f/2 - s*f*f/2, which loses no digit of f to the division
  const Vec<T> s = f / (2 + f), z = s * s, half_square = T(0.5) * f * f;
  const Vec<T> rest = s * (half_square + z * polynomial<T, B::log_terms>(z, kAtanh<T>));
  return k * B::ln2_high - ((half_square - (rest + (k * B::ln2_low + correction))) - f);
}

// log(x) within 1 ulp; -inf for 0, nan below.
template <class T>
NDNN_INLINE Vec<T> log(Vec<T> x) {
  using B = RealBits<T>;
  constexpr int kShift = B::mantissa + 1;
  const auto small = x < broadcast(B::least_normal);
  const Vec<T> v = small ? x * T(typename B::Word(1) << kShift) : x;
  const Vec<T> y = log_of_normal<T>(v, small ? broadcast(T(-kShift)) : Vec<T>{}, Vec<T>{});
  const Vec<T> inf = broadcast(T(__builtin_inf()));
  const Vec<T> ends = x == 0 ? -inf : x < 0 ? broadcast(T(__builtin_nan(""))) : x;
  return (x > 0) & (x < inf) ? y : ends;
}

// log(1 + x) within 1.5 ulp; -inf for -1, nan below.
template <class T>
NDNN_INLINE Vec<T> log1p(Vec<T> x) {
  const Vec<T> u = 1 + x, t = u - 1;
  const Vec<T> lost = (x - t) + (1 - (u - t));  // 1 + x = u + lost, exactly
  const Vec<T> y = log_of_normal<T>(u, Vec<T>{}, lost / u);
  const Vec<T> inf = broadcast(T(__builtin_inf()));
  const Vec<T> ends = x == -1 ? -inf : x < -1 ? broadcast(T(__builtin_nan(""))) : x;
  return (x > -1) & (x < inf) ? with_sign_of<T>(absolute<T>(y), x) : ends;
}

// log(1 + e^-|x|) within 2.5 ulp: what softplus(x) has above max(x, 0), and log(sigmoid(x)) below min(x, 0).
// No exponent to take apart: e is up to 1, so s up to 1/3. 1.4 times as fast as log1p(e).
template <class T>
NDNN_INLINE Vec<T> log1p_exp(Vec<T> x) {
  const Vec<T> e = exp_of_minus<T>(x), s = e / (2 + e), z = s * s, half_square = T(0.5) * e * e;
  const Vec<T> rest = z * polynomial<T, RealBits<T>::log1p_terms>(z, kAtanh<T>);
  return e - (half_square - s * (half_square + rest));  // as log_of_normal()
}
// log(1 + e^x) within 2.5 ulp where e^-|x| is normal.
template <class T>
NDNN_INLINE Vec<T> softplus(Vec<T> x) {
  return (x > 0 ? x : Vec<T>{}) + log1p_exp<T>(x);
}
// log(1 / (1 + e^-x)) within 2.5 ulp where e^-|x| is normal.
template <class T>
NDNN_INLINE Vec<T> log_sigmoid(Vec<T> x) {
  return (x < 0 ? x : Vec<T>{}) - log1p_exp<T>(x);
}

// e^(a*b) of the product as it is before it is rounded, for least_exp <= a*b <= 0.
template <class T>
NDNN_INLINE Vec<T> exp_of_product(Vec<T> a, Vec<T> b) {
  using B = RealBits<T>;
#if NDNN_VEC_BYTES > 16
  Reduced<T> e;
  e.shifted = a * kLog2e<T> * b + B::round;
  e.r = multiply_add<T>(a, b, e.k() * -B::ln2_high) - e.k() * B::ln2_low;  // k * ln2_high is exact
#else
  constexpr auto kUpper = ~((typename B::Word(1) << (B::mantissa + 2) / 2) - 1);
  const Vec<T> ah = reals_of<T>(words_of<T>(a) & kUpper), bh = reals_of<T>(words_of<T>(b) & kUpper);
  const Vec<T> product = a * b;
  Reduced<T> e = reduce<T>(product);
  e.r += (ah * bh - product) + (ah * (b - bh) + (a - ah) * b);
#endif
  return exp<T>(e);
}
// The factor by which e^(-t*t) becomes factor * erfc(t), as a function of t / scale for t >= 0.
template <class T>
struct ErfcRatio {
  static constexpr int kTerms = sizeof(RealBits<T>::erfc_under) / sizeof(double);
  T over[kTerms]{}, under[kTerms]{};
  constexpr ErfcRatio(double scale, double factor) {
    double power = 1;  // the last term of `under` stays 1
    for (int i = kTerms - 1; i >= 0; --i, power /= scale) {
      under[i] = T(RealBits<T>::erfc_under[i] * power);
      if (i < kTerms - 1) over[i] = T(RealBits<T>::erfc_over[i] * power * factor);
    }
  }
};
template <class T>
NDNN_INLINE Vec<T> erfc_ratio(Vec<T> t, const ErfcRatio<T>& r) {
  constexpr int kN = ErfcRatio<T>::kTerms;
  return polynomial_by_squares<T, kN - 1>(t, r.over) / polynomial_by_squares<T, kN>(t, r.under);
}
template <class T>
constexpr ErfcRatio<T> kErfcRatio{1, 1};
// erfc(t) within 6 ulp for t >= 0 where it is normal.
template <class T>
NDNN_INLINE Vec<T> erfc_of_positive(Vec<T> t) {
  t = smaller<T>(broadcast(RealBits<T>::most_erfc), t);
  return erfc_ratio<T>(t, kErfcRatio<T>) * exp_of_product<T>(-t, t);
}

// erf(x) = x + x * series(x^2), the terms being 2/sqrt(pi) - 1 and 2/sqrt(pi) times -1/(1! 3), 1/(2! 5), ...
template <class T>
struct ErfSeries {
  T term[RealBits<T>::erf_terms]{};
  constexpr ErfSeries() {
    double inverse_factorial = 1.1283791670955125739;
    for (int i = 0; i < RealBits<T>::erf_terms; inverse_factorial /= -++i)
      term[i] = T(inverse_factorial / (2 * i + 1) - (i == 0));
  }
};
template <class T>
constexpr ErfSeries<T> kErfSeries{};

// erf(x) within 2 ulp.
template <class T>
NDNN_INLINE Vec<T> erf(Vec<T> x) {
  constexpr int kN = RealBits<T>::erf_terms;
  const Vec<T> t = absolute<T>(x);
  const Vec<T> inner = x + x * polynomial<T, kN>(x * x, kErfSeries<T>.term);
  return t < T(0.875) ? inner : with_sign_of<T>(1 - erfc_of_positive<T>(t), x);
}
