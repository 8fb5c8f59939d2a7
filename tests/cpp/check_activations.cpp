// SPDX-License-Identifier: MIT
// The activations, and the functions of vec_math.hpp, against the C library in long double, over every
// exponent.
#include <cmath>
#include <cstdio>
#include <limits>

#include "check.hpp"
#include "ndnn_isas.hpp"
#include "ops/conv/epilogue_kernels.hpp"
#include "vec_math_kernels.hpp"

namespace ndnn {

#define NDNN_DECLARE(isa)                    \
  namespace isa {                            \
  extern const VecMath<float> vec_math_f32;  \
  extern const VecMath<double> vec_math_f64; \
  }
NDNN_FOR_EACH_ISA(NDNN_DECLARE)
#undef NDNN_DECLARE

template <class T>
const VecMath<T>& vec_math(Isa isa) {
#define NDNN_F32(isa) &isa::vec_math_f32,
#define NDNN_F64(isa) &isa::vec_math_f64,
  if constexpr (sizeof(T) == 4) {
    static constexpr PerIsa<VecMath<float>> all{{NDNN_FOR_EACH_ISA(NDNN_F32)}};
    return all.get(isa);
  } else {
    static constexpr PerIsa<VecMath<double>> all{{NDNN_FOR_EACH_ISA(NDNN_F64)}};
    return all.get(isa);
  }
#undef NDNN_F32
#undef NDNN_F64
}

namespace selftest {
namespace {

using Real = long double;
constexpr Real kUlps = 4;  // the bound of the activations

Real exact(Activation a, Real x) {
  const auto clamp6 = [](Real v) { return v < 0 ? 0 : v > 6 ? 6 : v; };
  switch (a) {
    case Activation::none: return x;
    case Activation::relu: return x < 0 ? 0 : x;
    case Activation::relu6: return clamp6(x);
    case Activation::leaky_relu: return x > 0 ? x : x * 0.5L;
    case Activation::sigmoid: return 1 / (1 + std::exp(-x));
    case Activation::tanh: return std::tanh(x);
    case Activation::silu: return x / (1 + std::exp(-x));
    case Activation::hardswish: return x * clamp6(x + 3) / 6;
    case Activation::hardsigmoid: return clamp6(x + 3) / 6;
    case Activation::elu: return x > 0 ? x : std::expm1(x);
  }
  return x;
}

template <class T>
T next_to(Real x) {  // distance of x from the next larger number, once x is rounded
  const T v = std::fabs(static_cast<T>(x));
  return std::isinf(v) ? v : std::nextafter(v, std::numeric_limits<T>::infinity()) - v;
}

template <class T>
std::vector<T> samples() {
  std::vector<T> x{0, T(-0.0), std::numeric_limits<T>::infinity(), std::numeric_limits<T>::quiet_NaN()};
  for (T v = std::numeric_limits<T>::denorm_min(); v < std::numeric_limits<T>::max() / 2; v *= T(1.875)) {
    x.push_back(v);
    x.push_back(-v);
  }
  const T bend = sizeof(T) == 4 ? T(85) : T(705);
  for (int i = -20000; i <= 20000; ++i) x.push_back(T(i) / 20000 * (i % 2 ? bend : 3));
  return x;
}

// |y - want(x)| is at most `ulps` of want(x), and (|x| + 4) * `tiny` smallest numbers.
template <class T, class Want>
void judge(Isa isa, const char* name, const std::vector<T>& x, const std::vector<T>& y, Real ulps, int tiny,
           Want&& exact_of, Tally& tally) {
  for (std::size_t i = 0; i < x.size(); ++i) {
    const Real want = exact_of(x[i]);
    const Real least = tiny * (std::fabs(Real(x[i])) + 4) * std::numeric_limits<T>::denorm_min();
    if (static_cast<T>(want) == y[i] || (std::isnan(want) && std::isnan(y[i]))) continue;
    if (std::fabs(want - y[i]) <= ulps * Real(next_to<T>(want)) + least) continue;
    ++tally.failed;
    std::printf("FAILED %s float%d %s: %.17g gives %.17g\n", name, int(sizeof(T) * 8), isa_name(isa),
                double(x[i]), double(y[i]));
    return;
  }
  ++tally.passed;
}

template <class T>
void check_activations(Isa isa, Tally& tally) {
  const std::vector<T> x = samples<T>();
  for (int a = 0; a < kActivations; ++a) {
    std::vector<T> y = x;
    const auto n = static_cast<index_t>(y.size());
    epilogue_kernels<T>(isa).of[a]({y.data(), nullptr, n, 1, n, T(0.5)});
    // e^-|x| is subnormal beyond the last bend: sigmoid and silu are small there, and that is all
    judge(
        isa, kActivationNames[a], x, y, kUlps, 1, [a](Real v) { return exact(Activation(a), v); }, tally);
  }
}

// Each function of vec_math.hpp within the bound stated there.
template <class T>
void check_vec_math(Isa isa, Tally& tally) {
  std::vector<T> x = samples<T>();
  x.resize(x.size() / 16 * 16);
  const auto check = [&](const char* name, VecFn<T> kernel, Real ulps, int tiny, auto&& exact_of) {
    std::vector<T> y = x;
    kernel(y.data(), static_cast<index_t>(y.size()));
    judge(isa, name, x, y, ulps, tiny, exact_of, tally);
  };
  const VecMath<T>& f = vec_math<T>(isa);
  check("exp", f.exp, 1.25L, 0, [](Real v) { return std::exp(v); });
  check("expm1", f.expm1, 3, 0, [](Real v) { return std::expm1(v > 40 ? T(40) : v); });
  check("log", f.log, 1, 0, [](Real v) { return std::log(v); });
  check("log1p", f.log1p, 1.5L, 0, [](Real v) { return std::log1p(v); });
  check("softplus", f.softplus, 2, 1, [](Real v) { return v > 100 ? v : std::log1p(std::exp(v)); });
  check("log_sigmoid", f.log_sigmoid, 2, 1, [](Real v) { return v < -100 ? v : -std::log1p(std::exp(-v)); });
  check("erf", f.erf, 2, 0, [](Real v) { return std::erf(v); });
  check("tanh", f.tanh, 4, 0, [](Real v) { return std::tanh(v); });
  check("sigmoid", f.sigmoid, 4, 1, [](Real v) { return 1 / (1 + std::exp(-v)); });
}

}  // namespace

void check_activations(const std::vector<Isa>& isas, Tally& tally) {
  for (const Isa isa : isas) {
    check_activations<float>(isa, tally);
    check_activations<double>(isa, tally);
    check_vec_math<float>(isa, tally);
    check_vec_math<double>(isa, tally);
  }
}

}  // namespace selftest
}  // namespace ndnn
