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
};
template <>
struct RealBits<double> {
  using Word = std::uint64_t;
  static constexpr int mantissa = 52, bias = 1023;
  static constexpr double round = 0x1.8p52;
  static constexpr double ln2_high = 0x1.62e4p-1, ln2_low = 1.42860682030941723212e-6;
  static constexpr double least_exp = -746, most_exp = 710;
  static constexpr int degree = 13;  // remainder 0.04 ulp
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

// x = exponent * ln 2 + r, |r| <= ln(2)/2.
template <class T>
struct Reduced {
  Words<T> exponent;  // modulo 2^(bits of a word)
  Vec<T> expm1_of_r;
};
template <class T>
NDNN_INLINE Reduced<T> reduce(Vec<T> x) {
  using B = RealBits<T>;
  const Vec<T> shifted = x * T(1.44269504088896340736) + B::round;
  const Vec<T> k = shifted - B::round;
  const Vec<T> r = x - k * B::ln2_high - k * B::ln2_low;
  Vec<T> p = broadcast(kInverseFactorial<T>[B::degree - 2]);
#pragma GCC unroll 16
  for (int i = B::degree - 3; i >= 0; --i) p = p * r + kInverseFactorial<T>[i];
  return {words_of<T>(shifted) - words_of<T>(broadcast(B::round)), r + r * r * p};
}

// e^x within 1.25 ulp: half for 1 + m, a quarter each for r and m, the rest for the terms. One of the
// smallest number where the result is subnormal.
template <class T>
NDNN_INLINE Vec<T> exp(Vec<T> x) {
  using B = RealBits<T>;
  const Reduced<T> a = reduce<T>(clamp<T>(x, B::least_exp, B::most_exp));
  // 2^exponent as two factors: one alone would not reach the subnormal numbers
  const Words<T> biased = a.exponent + 2 * B::bias, half = biased >> 1;
  const Vec<T> low = reals_of<T>(half << B::mantissa), high = reals_of<T>((biased - half) << B::mantissa);
  return (1 + a.expm1_of_r) * low * high;
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
  return reals_of<T>(words_of<T>(e / (e + 2)) | (words_of<T>(x) & kSignBit<T>));
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
