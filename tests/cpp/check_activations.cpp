// SPDX-License-Identifier: MIT
// The activations, and exp, against the C library in long double, over every exponent.
#include <cmath>
#include <cstdio>
#include <limits>

#include "check.hpp"
#include "ndnn_isas.hpp"
#include "ops/conv/epilogue_kernels.hpp"
#include "vec_math_kernels.hpp"

namespace ndnn {

#define NDNN_DECLARE(isa)        \
  namespace isa {                \
  extern const VecMath vec_math; \
  }
NDNN_FOR_EACH_ISA(NDNN_DECLARE)
#undef NDNN_DECLARE

const VecMath& vec_math(Isa isa) {
#define NDNN_TABLE(isa) &isa::vec_math,
  static constexpr PerIsa<VecMath> all{{NDNN_FOR_EACH_ISA(NDNN_TABLE)}};
#undef NDNN_TABLE
  return all.get(isa);
}

namespace selftest {
namespace {

using Real = long double;
constexpr Real kUlps = 4, kExpUlps = 1.25L;  // the bounds of vec_math.hpp

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

void check_exp(Isa isa, Tally& tally) {
  const auto e = [](Real v) { return std::exp(v); };
  const auto run = [&](auto kernel, auto x) {
    x.resize(x.size() / 16 * 16);
    auto y = x;
    kernel(y.data(), static_cast<index_t>(y.size()));
    judge(isa, "exp", x, y, kExpUlps, 0, e, tally);
  };
  run(vec_math(isa).exp_f32, samples<float>());
  run(vec_math(isa).exp_f64, samples<double>());
}

}  // namespace

void check_activations(const std::vector<Isa>& isas, Tally& tally) {
  for (const Isa isa : isas) {
    check_activations<float>(isa, tally);
    check_activations<double>(isa, tally);
    check_exp(isa, tally);
  }
}

}  // namespace selftest
}  // namespace ndnn
