// SPDX-License-Identifier: MIT
// Compiled once per instruction set.
#include "ops/conv/winograd_kernels.hpp"

#include "core/isa_begin.hpp"
#include "core/vec.hpp"

constexpr double kP = 0.625, kQ = 1.5;  // the points of n = 6
constexpr double kP2 = kP * kP, kQ2 = kQ * kQ;

constexpr double point(int n, int j) {
  constexpr double four[] = {0, 1, -1}, six[] = {0, kP, -kP, kQ, -kQ};
  return n == 4 ? four[j] : six[j];
}
constexpr double power(double x, int k) { return k == 0 ? 1 : x * power(x, k - 1); }

// G[j][k] of n points and `taps` taps.
constexpr double weight_coefficient(int n, int taps, int j, int k) {
  if (j == n - 1) return k == taps - 1 ? 1 : 0;
  double divisor = 1;
  for (int l = 0; l < n - 1; ++l)
    if (l != j) divisor *= point(n, j) - point(n, l);
  return power(point(n, j), k) / divisor;
}

template <class T, int kPoints, int kOutputs>
struct Input {
  static constexpr int kFrom = kPoints, kTo = kPoints;
  static NDNN_INLINE void apply(const Vec<T> (&d)[kFrom], Vec<T> (&o)[kTo]) {
    if constexpr (kPoints == 4) {
      o[0] = d[2] - d[0];
      o[1] = d[2] + d[1];
      o[2] = d[2] - d[1];
      o[3] = d[3] - d[1];
    } else {
      constexpr T p = T(kP), q = T(kQ), p2 = T(kP2), q2 = T(kQ2), product = p2 * q2, sum = p2 + q2;
      const Vec<T> a = d[4] - q2 * d[2], b = p * (d[3] - q2 * d[1]);
      const Vec<T> c = d[4] - p2 * d[2], e = q * (d[3] - p2 * d[1]);
      o[0] = product * d[0] + (d[4] - sum * d[2]);
      o[1] = a + b;
      o[2] = a - b;
      o[3] = c + e;
      o[4] = c - e;
      o[5] = product * d[1] + (d[5] - sum * d[3]);
    }
  }
};

template <class T, int kPoints, int kOutputs>
struct Output {
  static constexpr int kFrom = kPoints, kTo = kOutputs;
  static NDNN_INLINE void apply(const Vec<T> (&m)[kFrom], Vec<T> (&y)[kTo]) {
    const Vec<T> even = m[1] + m[2], odd = m[1] - m[2];
    if constexpr (kPoints == 4) {
      y[0] = m[0] + even;
      y[1] = odd;
      if constexpr (kTo > 2) y[2] = even;
    } else {
      constexpr T p = T(kP), q = T(kQ), p2 = T(kP2), q2 = T(kQ2);
      const Vec<T> even_q = m[3] + m[4], odd_q = m[3] - m[4];
      y[0] = m[0] + even + even_q;
      y[1] = p * odd + q * odd_q;
      if constexpr (kTo > 2) y[2] = p2 * even + q2 * even_q;
      if constexpr (kTo > 3) y[3] = p2 * p * odd + q2 * q * odd_q;
      if constexpr (kTo > 4) y[4] = p2 * p2 * even + q2 * q2 * even_q;
    }
    y[kTo - 1] += m[kFrom - 1];
  }
};

template <class T, int kPoints, int kOutputs>
struct Weights {
  static constexpr int kFrom = kPoints - kOutputs + 1, kTo = kPoints;
  struct Matrix {
    T at[kTo][kFrom];
    constexpr Matrix() : at() {
      for (int j = 0; j < kTo; ++j)
        for (int k = 0; k < kFrom; ++k) at[j][k] = T(weight_coefficient(kPoints, kFrom, j, k));
    }
  };
  static NDNN_INLINE void apply(const Vec<T> (&g)[kFrom], Vec<T> (&u)[kTo]) {
    constexpr Matrix matrix;
#pragma GCC unroll 8
    for (int j = 0; j < kTo; ++j) {
      u[j] = matrix.at[j][kFrom - 1] * g[kFrom - 1];
#pragma GCC unroll 8
      for (int k = kFrom - 2; k >= 0; --k)
        if (matrix.at[j][k] != 0) u[j] += matrix.at[j][k] * g[k];
    }
  }
};

// Calls use(vectors) on what each transform yields before it is stored.
template <class T, class Transform, class Use>
NDNN_INLINE void transform_all(const TransformArgs<T>& a, Use&& use) {
  for (index_t i2 = 0; i2 < a.n[1]; ++i2) {
    const T* from = a.from + i2 * a.from_item[1];
    T* to = a.to + i2 * a.to_item[1];
    for (index_t i1 = 0; i1 < a.n[0]; ++i1, from += a.from_item[0], to += a.to_item[0]) {
      Vec<T> in[Transform::kFrom], out[Transform::kTo];
#pragma GCC unroll 8
      for (int j = 0; j < Transform::kFrom; ++j) in[j] = load(from + j * a.from_step);
      Transform::apply(in, out);
      use(out);
#pragma GCC unroll 8
      for (int j = 0; j < Transform::kTo; ++j) store(to + j * a.to_step, out[j]);
    }
  }
}

template <class T, class Transform>
void transform(const TransformArgs<T>& a) {
  transform_all<T, Transform>(a, [](auto&) {});
}

template <class T, class Transform>
bool last_transform(const TransformArgs<T>& a, const T* bias) {
  const Vec<T> b = load(bias);
  Vec<T> seen{};  // stays 0 unless a result is inf or nan
  transform_all<T, Transform>(a, [&](Vec<T>(&out)[Transform::kTo]) {
#pragma GCC unroll 8
    for (int j = 0; j < Transform::kTo; ++j) {
      out[j] += b;
      seen += out[j] * T(0);
    }
  });
  T lanes[kLanes<T>];
  store(lanes, seen);
  bool finite = true;
  for (const T lane : lanes) finite = finite && lane == T(0);
  return finite;
}

template <class T, int kPoints, int kOutputs>
constexpr void add_pair(WinogradKernels<T>& k) {
  k.output[kPoints][kOutputs] = &transform<T, Output<T, kPoints, kOutputs>>;
  k.last_output[kPoints][kOutputs] = &last_transform<T, Output<T, kPoints, kOutputs>>;
  k.weights[kPoints][kOutputs] = &transform<T, Weights<T, kPoints, kOutputs>>;
}

template <class T>
constexpr WinogradKernels<T> make_winograd() {
  WinogradKernels<T> k{};
  k.input[4] = &transform<T, Input<T, 4, 0>>;
  k.input[6] = &transform<T, Input<T, 6, 0>>;
  add_pair<T, 4, 2>(k);
  add_pair<T, 4, 3>(k);
  add_pair<T, 6, 2>(k);
  add_pair<T, 6, 3>(k);
  add_pair<T, 6, 4>(k);
  add_pair<T, 6, 5>(k);
  return k;
}

extern const WinogradKernels<float> winograd_kernels_f32;
extern const WinogradKernels<double> winograd_kernels_f64;
constexpr WinogradKernels<float> winograd_kernels_f32 = make_winograd<float>();
constexpr WinogradKernels<double> winograd_kernels_f64 = make_winograd<double>();

#include "core/isa_end.hpp"
