// SPDX-License-Identifier: MIT
// The losses of one element: v[0] the input, v[1] the target, and what else there is; p the parameters.
// Included inside the region and namespace of an instruction set; includes nothing.
#pragma once

template <class T>
NDNN_INLINE Vec<T> sign(Vec<T> x) {
  const Vec<T> one = broadcast(T(1)), zero = Vec<T>{};
  return x > 0 ? one : (x < 0 ? -one : zero);
}
// As where(x >= 0, value, 0): at the bend the gradient passes, as torch's clamp has it.
template <class T>
NDNN_INLINE Vec<T> where_not_negative(Vec<T> x, Vec<T> value) {
  return x >= 0 ? value : Vec<T>{};
}
template <class T>
NDNN_INLINE Vec<T> positive_part(Vec<T> x) {  // nan passes
  return x < 0 ? Vec<T>{} : x;
}

// Functions of x - t alone: of one argument, with the derivative.
template <class T>
struct SquaredLoss {
  static constexpr int kOperands = 2, kGradients = 2;
  static NDNN_INLINE Vec<T> value(const Vec<T>* v, const T*) { return (v[0] - v[1]) * (v[0] - v[1]); }
  template <int kOf>
  static NDNN_INLINE Vec<T> gradient(const Vec<T>* v, const T*) {
    return 2 * (v[kOf] - v[1 - kOf]);
  }
};
template <class T>
struct AbsoluteLoss {
  static constexpr int kOperands = 2, kGradients = 2;
  static NDNN_INLINE Vec<T> value(const Vec<T>* v, const T*) { return absolute<T>(v[0] - v[1]); }
  template <int kOf>
  static NDNN_INLINE Vec<T> gradient(const Vec<T>* v, const T*) {
    return sign<T>(v[kOf] - v[1 - kOf]);
  }
};
template <class T>  // p[0]: delta
struct HuberLoss {
  static constexpr int kOperands = 2, kGradients = 2;
  static NDNN_INLINE Vec<T> value(const Vec<T>* v, const T* p) {
    const Vec<T> z = absolute<T>(v[0] - v[1]);
    return z < p[0] ? T(0.5) * z * z : p[0] * (z - T(0.5) * p[0]);
  }
  template <int kOf>
  static NDNN_INLINE Vec<T> gradient(const Vec<T>* v, const T* p) {
    return clamp<T>(v[kOf] - v[1 - kOf], -p[0], p[0]);
  }
};
template <class T>  // p[0]: beta, p[1]: 1 / beta
struct SmoothL1Loss {
  static constexpr int kOperands = 2, kGradients = 2;
  static NDNN_INLINE Vec<T> value(const Vec<T>* v, const T* p) {
    const Vec<T> z = absolute<T>(v[0] - v[1]);
    return z < p[0] ? T(0.5) * p[1] * z * z : z - T(0.5) * p[0];
  }
  template <int kOf>
  static NDNN_INLINE Vec<T> gradient(const Vec<T>* v, const T* p) {
    return clamp<T>((v[kOf] - v[1 - kOf]) * p[1], -1, 1);
  }
};

// Probabilities v[0], targets v[1], weights v[2]. The logarithms end at -100, as torch's.
template <class T, bool kWeighted>
struct BceLoss {
  static constexpr int kOperands = kWeighted ? 3 : 2, kGradients = 2;
  static NDNN_INLINE Vec<T> weigh(const Vec<T>* v, Vec<T> y) {
    if constexpr (kWeighted) return y * v[2];
    else return y;
  }
  static NDNN_INLINE Vec<T> at_least(Vec<T> x) { return x < -100 ? broadcast(T(-100)) : x; }
  static NDNN_INLINE Vec<T> value(const Vec<T>* v, const T*) {
    return weigh(v, (v[1] - 1) * at_least(log1p<T>(-v[0])) - v[1] * at_least(log<T>(v[0])));
  }
  template <int kOf>
  static NDNN_INLINE Vec<T> gradient(const Vec<T>* v, const T*) {
    if constexpr (kOf == 1) return weigh(v, log1p<T>(-v[0]) - log<T>(v[0]));
    const Vec<T> variance = (1 - v[0]) * v[0], least = broadcast(T(1e-12));
    return weigh(v, (v[0] - v[1]) / (variance < least ? least : variance));
  }
};
// Scores v[0], targets v[1], weights v[2], weights of positive targets v[3].
template <class T, bool kWeighted>
struct BceLogitsLoss {
  static constexpr int kOperands = kWeighted ? 4 : 2, kGradients = 2;
  static NDNN_INLINE Vec<T> value(const Vec<T>* v, const T*) {
    const Vec<T> l = softplus<T>(-v[0]), y = (1 - v[1]) * v[0];
    if constexpr (kWeighted) return v[2] * (y + (1 + (v[3] - 1) * v[1]) * l);
    else return y + l;
  }
  template <int kOf>
  static NDNN_INLINE Vec<T> gradient(const Vec<T>* v, const T*) {
    if constexpr (kOf == 1) {
      if constexpr (kWeighted) return v[2] * ((v[3] - 1) * softplus<T>(-v[0]) - v[0]);
      else return -v[0];
    } else {
      if constexpr (kWeighted) return v[2] * ((v[3] * v[1] + 1 - v[1]) * sigmoid<T>(v[0]) - v[3] * v[1]);
      else return sigmoid<T>(v[0]) - v[1];
    }
  }
};
// p[0]: alpha, not used if negative; p[1]: gamma. Targets are constants.
template <class T>
struct SigmoidFocalLoss {
  static constexpr int kOperands = 2, kGradients = 1;
  static NDNN_INLINE Vec<T> power(Vec<T> q, T exponent) {
    if (exponent == 2) return q * q;
    if (exponent == 1) return q;
    if (exponent == 0) return broadcast(T(1));
    return exp<T>(exponent * log<T>(q));
  }
  static NDNN_INLINE Vec<T> balance(Vec<T> t, const T* p) {
    return p[0] < 0 ? broadcast(T(1)) : p[0] * t + (1 - p[0]) * (1 - t);
  }
  // How wrong the prediction is, from 0 to 1.
  static NDNN_INLINE Vec<T> miss(const Vec<T>* v) {
    return sigmoid<T>(v[0]) * (1 - v[1]) + sigmoid<T>(-v[0]) * v[1];
  }
  static NDNN_INLINE Vec<T> value(const Vec<T>* v, const T* p) {
    const Vec<T> ce = (1 - v[1]) * v[0] + softplus<T>(-v[0]);
    return balance(v[1], p) * ce * power(miss(v), p[1]);
  }
  template <int kOf>
  static NDNN_INLINE Vec<T> gradient(const Vec<T>* v, const T* p) {
    const Vec<T> ce = (1 - v[1]) * v[0] + softplus<T>(-v[0]), q = miss(v);
    const Vec<T> s = sigmoid<T>(v[0]), slope = s * sigmoid<T>(-v[0]) * (1 - 2 * v[1]);
    Vec<T> y = (s - v[1]) * power(q, p[1]);
    // Where q is 0 the slope is, too, and a power below 0 would make nan of it.
    if (p[1] != 0) y += q > 0 ? p[1] * ce * power(q, p[1] - 1) * slope : Vec<T>{};
    return balance(v[1], p) * y;
  }
};

template <class T>  // x log x
NDNN_INLINE Vec<T> times_log(Vec<T> x) {
  return x == 0 ? Vec<T>{} : x * log<T>(x);
}
template <class T>
struct KlDivLoss {
  static constexpr int kOperands = 2, kGradients = 2;
  static NDNN_INLINE Vec<T> value(const Vec<T>* v, const T*) { return times_log<T>(v[1]) - v[1] * v[0]; }
  template <int kOf>
  static NDNN_INLINE Vec<T> gradient(const Vec<T>* v, const T*) {
    if constexpr (kOf == 0) return -v[1];
    else return log<T>(v[1]) + 1 - v[0];
  }
};
template <class T>
struct KlDivLogTargetLoss {
  static constexpr int kOperands = 2, kGradients = 2;
  static NDNN_INLINE Vec<T> value(const Vec<T>* v, const T*) { return exp<T>(v[1]) * (v[1] - v[0]); }
  template <int kOf>
  static NDNN_INLINE Vec<T> gradient(const Vec<T>* v, const T*) {
    if constexpr (kOf == 0) return -exp<T>(v[1]);
    else return exp<T>(v[1]) * (v[1] - v[0] + 1);
  }
};
// p[0]: eps; p[1]: 1 adds Stirling's approximation of log(target!), as torch does above 1.
template <class T, bool kLogInput>
struct PoissonLoss {
  static constexpr int kOperands = 2, kGradients = 2;
  static NDNN_INLINE Vec<T> value(const Vec<T>* v, const T* p) {
    const Vec<T> x = v[0], t = v[1];
    Vec<T> y;
    if constexpr (kLogInput) y = exp<T>(x) - t * x;
    else y = x - t * log<T>(x + p[0]);
    if (p[1] != 0) {
      const Vec<T> stirling = t * log<T>(t) - t + T(0.5) * log<T>(T(6.28318530717958647693) * t);
      y += t > 1 ? stirling : Vec<T>{};
    }
    return y;
  }
  template <int kOf>
  static NDNN_INLINE Vec<T> gradient(const Vec<T>* v, const T* p) {
    const Vec<T> x = v[0], t = v[1];
    if constexpr (kOf == 0) {
      if constexpr (kLogInput) return exp<T>(x) - t;
      else return 1 - t / (x + p[0]);
    }
    Vec<T> y;
    if constexpr (kLogInput) y = -x;
    else y = -log<T>(x + p[0]);
    if (p[1] != 0) y += t > 1 ? log<T>(t) + T(0.5) / t : Vec<T>{};
    return y;
  }
};
// Variances v[2], at least p[0]; p[1] is added.
template <class T>
struct GaussianLoss {
  static constexpr int kOperands = 3, kGradients = 3;
  static NDNN_INLINE Vec<T> variance(const Vec<T>* v, const T* p) {
    return v[2] < p[0] ? broadcast(p[0]) : v[2];
  }
  static NDNN_INLINE Vec<T> value(const Vec<T>* v, const T* p) {
    const Vec<T> var = variance(v, p), d = v[0] - v[1];
    return T(0.5) * (log<T>(var) + d * d / var) + p[1];
  }
  template <int kOf>
  static NDNN_INLINE Vec<T> gradient(const Vec<T>* v, const T* p) {
    const Vec<T> var = variance(v, p), d = v[0] - v[1];
    if constexpr (kOf == 2) return T(0.5) * (1 - d * d / var) / var;
    else return (kOf == 0 ? d : -d) / var;
  }
};

template <class T>  // p[0]: margin
struct HingeEmbeddingLoss {
  static constexpr int kOperands = 2, kGradients = 1;
  static NDNN_INLINE Vec<T> value(const Vec<T>* v, const T* p) {
    const Vec<T> zero{};
    return (v[1] != 1 ? positive_part<T>(p[0] - v[0]) : zero) + (v[1] != -1 ? v[0] : zero);
  }
  template <int kOf>
  static NDNN_INLINE Vec<T> gradient(const Vec<T>* v, const T* p) {
    const Vec<T> zero{}, one = broadcast(T(1));
    return (v[1] != 1 ? where_not_negative<T>(p[0] - v[0], -one) : zero) + (v[1] != -1 ? one : zero);
  }
};
template <class T>  // inputs v[0] and v[1], targets v[2], margin p[0]
struct MarginRankingLoss {
  static constexpr int kOperands = 3, kGradients = 2;
  static NDNN_INLINE Vec<T> value(const Vec<T>* v, const T* p) {
    return positive_part<T>(p[0] - v[2] * (v[0] - v[1]));
  }
  template <int kOf>
  static NDNN_INLINE Vec<T> gradient(const Vec<T>* v, const T* p) {
    return where_not_negative<T>(p[0] - v[2] * (v[0] - v[1]), kOf == 0 ? -v[2] : v[2]);
  }
};
template <class T>
struct SoftMarginLoss {
  static constexpr int kOperands = 2, kGradients = 1;
  static NDNN_INLINE Vec<T> value(const Vec<T>* v, const T*) { return softplus<T>(-v[0] * v[1]); }
  template <int kOf>
  static NDNN_INLINE Vec<T> gradient(const Vec<T>* v, const T*) {
    return -v[1] * sigmoid<T>(-v[0] * v[1]);
  }
};
// max(0, margin - x t): margin 1 is the hinge loss, 0 the perceptron's.
template <class T, int kMargin>
struct MarginLoss {
  static constexpr int kOperands = 2, kGradients = 1;
  static NDNN_INLINE Vec<T> value(const Vec<T>* v, const T*) {
    return positive_part<T>(T(kMargin) - v[0] * v[1]);
  }
  template <int kOf>
  static NDNN_INLINE Vec<T> gradient(const Vec<T>* v, const T*) {
    return where_not_negative<T>(T(kMargin) - v[0] * v[1], -v[1]);
  }
};
template <class T>
struct ZeroOneLoss {
  static constexpr int kOperands = 2, kGradients = 0;
  static NDNN_INLINE Vec<T> value(const Vec<T>* v, const T*) {
    return v[0] * v[1] > 0 ? Vec<T>{} : broadcast(T(1));
  }
};
