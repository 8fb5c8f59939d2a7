// SPDX-License-Identifier: MIT
// Norms and optimiser steps on random sizes, in blocks of exactly their size, against the definition in
// double.
#include <cmath>
#include <cstdio>
#include <limits>

#include "arrays.hpp"
#include "check.hpp"
#include "core/parallel.hpp"
#include "ops/norm/norm.hpp"
#include "ops/norm/response_norm.hpp"
#include "ops/optim/optim.hpp"

namespace ndnn::selftest {
namespace {

using Doubles = std::vector<double>;
constexpr double kEps = 1e-3;

template <class T>
std::unique_ptr<T[]> reals(index_t n, Random& r) {
  auto block = std::make_unique<T[]>(static_cast<std::size_t>(n));
  for (index_t i = 0; i < n; ++i) block[i] = T(double(r.between(-4096, 4096)) / 1024 + 3);
  return block;
}

// Elements with one mean and variance: group[i] is that of element i.
struct Definition {
  std::vector<index_t> group, weight;  // of each element
  Doubles mean, var;

  template <class T>
  void measure(const T* x, index_t groups, bool centred) {
    mean.assign(static_cast<std::size_t>(groups), 0);
    var = mean;
    Doubles count = mean;
    for (std::size_t i = 0; i < group.size(); ++i) {
      count[group[i]] += 1;
      if (centred) mean[group[i]] += double(x[i]);
    }
    for (std::size_t g = 0; g < mean.size(); ++g) mean[g] /= count[g];
    for (std::size_t i = 0; i < group.size(); ++i)
      var[group[i]] += std::pow(double(x[i]) - mean[group[i]], 2) / count[group[i]];
  }
  double inverse(std::size_t i) const { return 1 / std::sqrt(var[group[i]] + kEps); }
  template <class T>
  double normal(const T* x, std::size_t i) const {
    return (double(x[i]) - mean[group[i]]) * inverse(i);
  }

  template <class T>
  Doubles output(const T* x, const Doubles& w, const Doubles& b) const {
    Doubles y(group.size());
    for (std::size_t i = 0; i < y.size(); ++i) y[i] = normal(x, i) * w[weight[i]] + b[weight[i]];
    return y;
  }
  template <class T>
  Doubles gradient(const T* g, const T* x, const Doubles& w, bool centred, Doubles& dw, Doubles& db) const {
    Doubles sum(mean.size()), products(mean.size()), count(mean.size()), dx(group.size());
    dw.assign(w.size(), 0);
    db = dw;
    for (std::size_t i = 0; i < group.size(); ++i) {
      const double gw = double(g[i]) * w[weight[i]];
      sum[group[i]] += centred ? gw : 0;
      products[group[i]] += gw * normal(x, i);
      count[group[i]] += 1;
      dw[weight[i]] += double(g[i]) * normal(x, i);
      db[weight[i]] += double(g[i]);
    }
    for (std::size_t i = 0; i < dx.size(); ++i) {
      const index_t k = group[i];
      dx[i] = inverse(i) * (double(g[i]) * w[weight[i]] - (sum[k] + normal(x, i) * products[k]) / count[k]);
    }
    return dx;
  }
};

template <class T>
class NormChecker {
 public:
  NormChecker(std::string what, index_t elements, index_t weights, Random& r, Tally& tally)
      : what_(std::move(what)), tally_(tally), x(reals<T>(elements, r)), g(reals<T>(elements, r)) {
    for (index_t i = 0; i < weights; ++i) {
      w.push_back(double(r.between(-8, 8)) / 4);
      b.push_back(double(r.between(-8, 8)) / 4);
    }
    y = std::make_unique<T[]>(static_cast<std::size_t>(elements));
    std::fill_n(y.get(), elements, std::numeric_limits<T>::quiet_NaN());
  }
  // Errors grow with the sums; what this must find is a wrong element, not an ulp.
  template <class V>
  void judge(const char* part, const V* got, const Doubles& want, double size) {
    const double tolerance = (sizeof(T) == 4 ? 1e-4 : 1e-10) * size;
    for (std::size_t i = 0; i < want.size(); ++i)
      if (!(std::fabs(double(got[i]) - want[i]) <= tolerance * (1 + std::fabs(want[i])))) {
        ++tally_.failed;
        std::printf("FAILED %s of %s float%d: [%zu] = %.9g instead of %.9g\n", part, what_.c_str(),
                    int(sizeof(T) * 8), i, double(got[i]), want[i]);
        return;
      }
    ++tally_.passed;
  }

 private:
  std::string what_;
  Tally& tally_;

 public:
  std::unique_ptr<T[]> x, g, y;
  Doubles w, b;
};

template <class T>
void check_channels(const ChannelNorm& p, Random& r, Tally& tally) {
  NormChecker<T> c(concat("norm of ", p.n, " x ", p.channels, " x ", p.size, ", groups=", p.groups, ", ",
                          isa_name(p.isa), ", threads=", p.threads),
                   p.elements(), p.channels, r, tally);
  Definition d;
  for (index_t i = 0; i < p.elements(); ++i) {
    const index_t n = i / p.size / p.channels, channel = i / p.size % p.channels;
    d.weight.push_back(channel);
    d.group.push_back(p.groups ? n * p.groups + channel / (p.channels / p.groups) : channel);
  }
  d.measure(c.x.get(), p.statistics(), true);
  Doubles mean(d.mean.size()), var(d.mean.size()), dw, db, own_dw(c.w.size()), own_db(c.w.size());
  run_channel_norm(p, c.x.get(), c.y.get(), c.w.data(), c.b.data(), kEps, mean.data(), var.data());
  c.judge("mean", mean.data(), d.mean, 1);
  c.judge("var", var.data(), d.var, 1);
  c.judge("output", c.y.get(), d.output(c.x.get(), c.w, c.b), 1);
  const Doubles dx = d.gradient(c.g.get(), c.x.get(), c.w, true, dw, db);
  run_channel_norm_gradient(p, c.g.get(), c.x.get(), c.y.get(), c.w.data(), kEps, mean.data(), var.data(),
                            own_dw.data(), own_db.data());
  const double terms = std::sqrt(double(p.n * p.size));
  c.judge("gradient", c.y.get(), dx, 30);
  c.judge("gradient of weight", own_dw.data(), dw, terms);
  c.judge("gradient of bias", own_db.data(), db, terms);
  if (p.groups) return;
  run_channel_sums(p, c.g.get(), c.x.get(), kEps, mean.data(), var.data(), own_dw.data(), own_db.data());
  c.judge("sum for weight", own_dw.data(), dw, terms);
  c.judge("sum for bias", own_db.data(), db, terms);
  std::vector<Affine<T>> table;
  Doubles want;
  for (index_t i = 0; i < p.channels; ++i) table.push_back({T(i), T(c.w[i]), T(c.b[i])});
  for (index_t i = 0; i < p.elements(); ++i) {
    const index_t k = i / p.size % p.channels;
    want.push_back((double(c.x[i]) - double(k)) * c.w[k] + c.b[k]);
  }
  run_channel_affine(p, c.x.get(), c.y.get(), table.data());
  c.judge("affine map", c.y.get(), want, 1);
}

template <class T>
void check_rows(const RowNorm& p, Random& r, Tally& tally) {
  NormChecker<T> c(concat("norm of ", p.rows, " rows of ", p.n, ", weights=", p.weights,
                          p.centred ? "" : ", rms", ", ", isa_name(p.isa), ", threads=", p.threads),
                   p.rows * p.n, p.weights * p.n, r, tally);
  Definition d;
  for (index_t i = 0; i < p.rows * p.n; ++i) {
    d.group.push_back(i / p.n);
    d.weight.push_back(i / p.n % p.weights * p.n + i % p.n);
  }
  d.measure(c.x.get(), p.rows, p.centred);
  Doubles mean(d.mean.size()), var(d.mean.size()), dw, db, own_dw(c.w.size()), own_db(c.w.size());
  const std::vector<T> w(c.w.begin(), c.w.end()), b(c.b.begin(), c.b.end());
  run_row_norm(p, c.x.get(), c.y.get(), w.data(), b.data(), kEps, mean.data(), var.data());
  c.judge("mean", mean.data(), d.mean, 1);
  c.judge("var", var.data(), d.var, 1);
  c.judge("output", c.y.get(), d.output(c.x.get(), c.w, c.b), 1);
  const Doubles dx = d.gradient(c.g.get(), c.x.get(), c.w, p.centred, dw, db);
  run_row_norm_gradient(p, c.g.get(), c.x.get(), c.y.get(), w.data(), kEps, mean.data(), var.data(),
                        own_dw.data(), own_db.data());
  c.judge("gradient", c.y.get(), dx, 30);
  c.judge("gradient of weight", own_dw.data(), dw, std::sqrt(double(p.rows)));
  c.judge("gradient of bias", own_db.data(), db, std::sqrt(double(p.rows)));
}

template <class T>
void check_lengths(const LengthNorm& p, Random& r, Tally& tally) {
  const index_t size = p.outer * p.n * p.inner, norms = p.outer * p.inner;
  NormChecker<T> c(concat("division by the norm of ", p.outer, " x ", p.n, " x ", p.inner, ", ",
                          isa_name(p.isa), ", threads=", p.threads),
                   size, 0, r, tally);
  const auto of = [&](index_t i) { return i / p.inner / p.n * p.inner + i % p.inner; };
  Doubles squares(static_cast<std::size_t>(norms)), products = squares, want(static_cast<std::size_t>(size)),
                                                    dx = want, own(static_cast<std::size_t>(norms));
  for (index_t i = 0; i < size; ++i) {
    squares[of(i)] += double(c.x[i]) * double(c.x[i]);
    products[of(i)] += double(c.x[i]) * double(c.g[i]);
  }
  for (index_t i = 0; i < size; ++i) {
    const double square = squares[of(i)], norm = std::fmax(std::sqrt(square), p.eps);
    want[i] = double(c.x[i]) / norm;
    dx[i] = double(c.g[i]) / norm;
    if (norm > p.eps) dx[i] -= double(c.x[i]) * products[of(i)] / (square * norm);
  }
  run_length_norm(p, c.x.get(), c.y.get(), own.data());
  c.judge("output", c.y.get(), want, 1);
  run_length_norm_gradient(p, c.g.get(), c.x.get(), c.y.get(), own.data());
  c.judge("gradient", c.y.get(), dx, 1);
}

template <class T>
void check_responses(const ResponseNorm& p, Random& r, Tally& tally) {
  const index_t size = p.n * p.channels * p.pixels;
  NormChecker<T> c(concat("response norm of ", p.n, " x ", p.channels, " x ", p.pixels, ", ", p.before, "+1+",
                          p.after, ", beta=", p.beta, ", ", isa_name(p.isa), ", threads=", p.threads),
                   size, 0, r, tally);
  // The sum of `values` over the channels around i, `before` it and `after` it.
  const auto around = [&](const Doubles& values, index_t i, index_t before, index_t after) {
    const index_t channel = i / p.pixels % p.channels;
    double sum = 0;
    for (index_t k = std::max(-before, -channel); k <= std::min(after, p.channels - 1 - channel); ++k)
      sum += values[i + k * p.pixels];
    return sum;
  };
  Doubles squares(static_cast<std::size_t>(size)), want = squares, through = squares, dx = squares;
  for (index_t i = 0; i < size; ++i) squares[i] = double(c.x[i]) * double(c.x[i]);
  for (index_t i = 0; i < size; ++i) {
    const double base = p.k + p.coefficient * around(squares, i, p.before, p.after);
    want[i] = double(c.x[i]) * std::pow(base, -p.beta);
    dx[i] = double(c.g[i]) * std::pow(base, -p.beta);
    through[i] = dx[i] * double(c.x[i]) / base;
  }
  for (index_t i = 0; i < size; ++i)
    dx[i] -= 2 * p.coefficient * p.beta * double(c.x[i]) * around(through, i, p.after, p.before);
  run_response_norm(p, c.x.get(), c.y.get());
  c.judge("output", c.y.get(), want, 1);
  run_response_norm_gradient(p, c.g.get(), c.x.get(), c.y.get());
  c.judge("gradient", c.y.get(), dx, 30);
}

// One step of each from whole numbers, for sizes around a vector and around a piece.
template <class T>
void check_steps(Isa isa, int threads, Random& r, Tally& tally) {
  for (const index_t n : {index_t(1), r.between(2, 70), r.between(16300, 16500)}) {
    NormChecker<T> c(concat("step of ", n, " elements, ", isa_name(isa)), n, 0, r, tally);
    const auto state = reals<T>(2 * n, r);
    const Doubles m(state.get(), state.get() + n), v(state.get() + n, state.get() + 2 * n);
    const Doubles w(c.x.get(), c.x.get() + n);
    Doubles want(static_cast<std::size_t>(n)), momentum = want;
    for (index_t i = 0; i < n; ++i) {
      momentum[i] = 0.5 * m[i] + 0.25 * (2 * w[i] - double(c.g[i]));
      want[i] = w[i] - 0.125 * (2 * w[i] - double(c.g[i]) + 0.5 * momentum[i]);
    }
    run_sgd<T>(isa, threads, {{c.x.get(), c.g.get(), state.get(), n, -1, 2, 0.5, 0.25, 0.5, 0.125, true}});
    c.judge("sgd", c.x.get(), want, 1);
    c.judge("momentum", state.get(), momentum, 1);
    for (index_t i = 0; i < n; ++i) {
      state[i] = T(m[i]);
      state[n + i] = T(std::fabs(v[i]));
      c.x[i] = T(w[i]);
      const double g = double(c.g[i]), mean = 0.75 * m[i] + 0.25 * g,
                   square = 0.5 * std::fabs(v[i]) + 0.5 * g * g;
      want[i] = 0.5 * w[i] - 0.125 * mean / (std::sqrt(square) + 1);
    }
    run_adam<T>(isa, threads,
                {{c.x.get(), c.g.get(), state.get(), state.get() + n, nullptr, n, 1, 0, 0.5, 0.25, 0.5, 0.5,
                  0.125, 1}});
    c.judge("adam", c.x.get(), want, 1);
  }
}

template <class T>
void check_dtype(int cases, Isa isa, Random& r, Tally& tally) {
  for (int i = 0; i < cases; ++i) {
    const int threads = static_cast<int>(r.between(1, 2));
    set_thread_limit(threads);
    // pixels: columns, one plane a piece, planes in several; images: more than one block of rows
    const index_t size = r.between(0, 9) ? r.between(1, 80) : r.between(2000, 5000);
    const index_t n = size > 15 || r.between(0, 3) ? r.between(1, 5) : r.between(250, 600);
    const index_t group = r.between(1, 3), groups = r.between(1, 4);
    check_channels<T>({n, group * groups, size, 0, isa, threads}, r, tally);
    check_channels<T>({n, group * groups, size, groups, isa, threads}, r, tally);
    const index_t length = r.between(0, 5) ? r.between(1, 90) : r.between(2000, 20000);
    const index_t weights = r.between(1, 3),
                  rows = weights * (length > 90 ? r.between(1, 3) : r.between(1, 200));
    check_rows<T>({rows, length, weights, r.between(0, 1) == 1, isa, threads}, r, tally);
    const index_t inner = r.between(0, 1) ? 1 : r.between(0, 3) ? r.between(2, 40) : r.between(200, 600);
    check_lengths<T>({r.between(1, 70), r.between(0, 3) ? r.between(1, 80) : r.between(200, 600), inner,
                      r.between(0, 3) ? 1e-3 : 1e3, isa, threads},
                     r, tally);
    const index_t channels = r.between(0, 40) ? r.between(1, 30) : r.between(4000, 4200);
    constexpr double kBetas[] = {0.75, 0.5, 1, 0.6};
    check_responses<T>({channels > 30 ? 1 : r.between(1, 9), channels, r.between(1, channels > 30 ? 3 : 150),
                        r.between(0, channels - 1), r.between(0, channels - 1), 0.01, 1.5,
                        kBetas[r.between(0, 3)], isa, threads},
                       r, tally);
  }
  check_steps<T>(isa, 2, r, tally);
}

}  // namespace

void check_norms(int cases, const std::vector<Isa>& isas, Tally& tally) {
  Random r(5);
  for (const Isa isa : isas) {
    check_dtype<float>(cases, isa, r, tally);
    check_dtype<double>(cases, isa, r, tally);
  }
}

}  // namespace ndnn::selftest
