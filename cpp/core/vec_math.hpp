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
  static constexpr int degree = 7;                         // Taylor's remainder for |r| <= ln(2)/2: 0.1 ulp
  static constexpr float least_normal = 0x1p-126f, root_half = 0x1.6a09e6p-1f;
  static constexpr int log_terms = 5, erf_terms = 11;  // of their series: remainders below 0.1 ulp
  // e^(t*t) * erfc(t) = u * P(2u - 1) for u = k / (t + k); P interpolates at Chebyshev's nodes of
  // 0 <= t <= most_erfc, from where on erfc is 0; relative error 2^-27 here, 2^-57 for double
  static constexpr float erfc_k = 3, most_erfc = 10.1f;
  static constexpr float erfc[] = {3.580023e-01f,   2.9446483e-01f, 1.967428e-01f,   1.0348888e-01f,
                                   3.9842427e-02f,  8.945481e-03f,  -4.0563926e-04f, -1.0258564e-03f,
                                   -1.6655865e-04f, 1.11343266e-04f};
};
template <>
struct RealBits<double> {
  using Word = std::uint64_t;
  static constexpr int mantissa = 52, bias = 1023;
  static constexpr double round = 0x1.8p52;
  static constexpr double ln2_high = 0x1.62e4p-1, ln2_low = 1.42860682030941723212e-6;
  static constexpr double least_exp = -746, most_exp = 710;
  static constexpr int degree = 13;  // remainder 0.04 ulp
  static constexpr double least_normal = 0x1p-1022, root_half = 0x1.6a09e667f3bcdp-1;
  static constexpr int log_terms = 10, erf_terms = 19;
  static constexpr double erfc_k = 4, most_erfc = 27.3;
  static constexpr double erfc[] = {
      0.27399891525012277,    0.24413718227022052,    0.1933021755663094,      0.13521345782830527,
      0.08271289696949509,    0.04350273431010423,    0.019095378727514302,    0.006592513333161514,
      0.0015280139117887696,  7.023973339263365e-05,  -0.00011376315777900479, -4.420329648960674e-05,
      -9.088390604748416e-07, 4.715535872518233e-06,  1.1736924474005357e-06,  -3.567316426146716e-07,
      -2.116276019508663e-07, 1.979474284846362e-08,  3.103180995857141e-08,   -8.960485700842807e-10,
      -3.807637719412761e-09, 1.8065564302114134e-10, 2.2031707608271298e-10};
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
  v = v < broadcast(low) ? broadcast(low) : v;
  return v > broadcast(high) ? broadcast(high) : v;
}

// 1/2!, 1/3!, ...
template <class T>
constexpr T kInverseFactorial[] = {T(1) / 2,       T(1) / 6,        T(1) / 24,        T(1) / 120,
                                   T(1) / 720,     T(1) / 5040,     T(1) / 40320,     T(1) / 362880,
                                   T(1) / 3628800, T(1) / 39916800, T(1) / 479001600, T(1) / T(6227020800)};

// c[0] + c[1] x + ... for the first kN of an array of constants
template <class T, int kN>
NDNN_INLINE Vec<T> polynomial(Vec<T> x, const T* c) {
  Vec<T> p = broadcast(c[kN - 1]);
#pragma GCC unroll 32
  for (int i = kN - 2; i >= 0; --i) p = p * x + c[i];
  return p;
}

// x + low = exponent * ln 2 + r, |r| <= ln(2)/2; |low| is far below |x|.
template <class T>
struct Reduced {
  Words<T> exponent;  // modulo 2^(bits of a word)
  Vec<T> expm1_of_r;
};
template <class T>
NDNN_INLINE Reduced<T> reduce(Vec<T> x, Vec<T> low) {
  using B = RealBits<T>;
  const Vec<T> shifted = (x + low) * T(1.44269504088896340736) + B::round;
  const Vec<T> k = shifted - B::round;
  const Vec<T> r = x - k * B::ln2_high - k * B::ln2_low + low;
  const Vec<T> p = polynomial<T, B::degree - 1>(r, kInverseFactorial<T>);
  return {words_of<T>(shifted) - words_of<T>(broadcast(B::round)), r + r * r * p};
}
template <class T>
NDNN_INLINE Reduced<T> reduce(Vec<T> x) {
  using B = RealBits<T>;
  const Vec<T> shifted = x * T(1.44269504088896340736) + B::round;
  const Vec<T> k = shifted - B::round;
  const Vec<T> r = x - k * B::ln2_high - k * B::ln2_low;
  const Vec<T> p = polynomial<T, B::degree - 1>(r, kInverseFactorial<T>);
  return {words_of<T>(shifted) - words_of<T>(broadcast(B::round)), r + r * r * p};
}

template <class T>
NDNN_INLINE Vec<T> exp(Reduced<T> a) {
  using B = RealBits<T>;
  // 2^exponent as two factors: one alone would not reach the subnormal numbers
  const Words<T> biased = a.exponent + 2 * B::bias, half = biased >> 1;
  const Vec<T> low = reals_of<T>(half << B::mantissa), high = reals_of<T>((biased - half) << B::mantissa);
  return (1 + a.expm1_of_r) * low * high;
}
// e^x within 1.25 ulp: half for 1 + m, a quarter each for r and m, the rest for the terms. One of the
// smallest number where the result is subnormal.
template <class T>
NDNN_INLINE Vec<T> exp(Vec<T> x) {
  return exp<T>(reduce<T>(clamp<T>(x, RealBits<T>::least_exp, RealBits<T>::most_exp)));
}

// e^x - 1 within 3 ulp for x <= 40; beyond, the value at 40.
template <class T>
NDNN_INLINE Vec<T> expm1(Vec<T> x) {
  using B = RealBits<T>;
  const Reduced<T> a = reduce<T>(clamp<T>(x, -40, 40));  // at -40 it is -1, to the last bit
  const Vec<T> scale = reals_of<T>((a.exponent + B::bias) << B::mantissa);
  return scale * a.expm1_of_r + (scale - 1);
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
  const Vec<T> e = exp<T>(-absolute<T>(x));
  return (x < 0 ? e : broadcast(T(1))) / (1 + e);
}
// x / (1 + e^-x) within 4 ulp where e^-|x| is normal; nan for -inf, as 0 * inf.
template <class T>
NDNN_INLINE Vec<T> silu(Vec<T> x) {
  const Vec<T> e = exp<T>(-absolute<T>(x));
  return (x < 0 ? x * e : x) / (1 + e);
}

// 2/3, 2/5, ...: log(1 + f) = 2 atanh(s) = s * (2 + 2/3 s^2 + 2/5 s^4 + ...) for s = f / (2 + f)
template <class T>
constexpr T kAtanh[] = {T(2) / 3,  T(2) / 5,  T(2) / 7,  T(2) / 9,  T(2) / 11,
                        T(2) / 13, T(2) / 15, T(2) / 17, T(2) / 19, T(2) / 21};

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

// log(1 + e^-|x|) within 2 ulp: what softplus(x) has above max(x, 0), and log(sigmoid(x)) below min(x, 0).
template <class T>
NDNN_INLINE Vec<T> log1p_exp(Vec<T> x) {
  const Vec<T> e = exp<T>(-absolute<T>(x)), u = 1 + e;
  return log_of_normal<T>(u, Vec<T>{}, (e - (u - 1)) / u);
}
// log(1 + e^x) within 2 ulp where e^-|x| is normal.
template <class T>
NDNN_INLINE Vec<T> softplus(Vec<T> x) {
  return (x > 0 ? x : Vec<T>{}) + log1p_exp<T>(x);
}
// log(1 / (1 + e^-x)) within 2 ulp where e^-|x| is normal.
template <class T>
NDNN_INLINE Vec<T> log_sigmoid(Vec<T> x) {
  return (x < 0 ? x : Vec<T>{}) - log1p_exp<T>(x);
}

// erfc(t), and e^(-t*t) beside it, within 6 ulp for t >= 0 where they are normal.
template <class T>
struct Erfc {
  Vec<T> value, exp_of_square;
};
template <class T>
NDNN_INLINE Erfc<T> erfc_and_exp(Vec<T> t) {
  using B = RealBits<T>;
  constexpr auto kLowHalf = (typename B::Word(1) << (B::mantissa + 2) / 2) - 1;
  t = t > B::most_erfc ? broadcast(B::most_erfc) : t;
  const Vec<T> u = B::erfc_k / (t + B::erfc_k);
  const Vec<T> high = reals_of<T>(words_of<T>(t) & ~kLowHalf);  // its square is exact
  const Vec<T> e = exp<T>(reduce<T>(-(high * high), (high - t) * (high + t)));
  constexpr int kN = sizeof(B::erfc) / sizeof(T);
  return {u * polynomial<T, kN>(2 * u - 1, B::erfc) * e, e};
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
  return t < T(0.875) ? inner : with_sign_of<T>(1 - erfc_and_exp<T>(t).value, x);
}
