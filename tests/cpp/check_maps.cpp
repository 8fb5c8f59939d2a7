// SPDX-License-Identifier: MIT
// Elementwise operators and softmax on random sizes and strides, against themselves without gaps (bit for
// bit) and against plain sums. Arrays are heap blocks of exactly their size.
#include <cmath>
#include <cstdio>
#include <limits>

#include "arrays.hpp"
#include "check.hpp"
#include "ops/activation/activation.hpp"
#include "ops/softmax/softmax.hpp"

namespace ndnn::selftest {
namespace {

template <class T>
Walk<const T> walk_of(const View<const T>& v) {
  return Walk<const T>(v.data, 5, v.shape.data(), v.stride.data());
}
template <class T>
Walk<T> dense_walk(T* data, index_t n) {
  const index_t one = 1;
  return Walk<T>(data, 1, &n, &one);
}
template <class T>
std::vector<T> in_order(const Walk<const T>& w, index_t n) {
  std::vector<T> all(static_cast<std::size_t>(n));
  if (n) gather(w, 0, n, all.data());
  return all;
}

std::array<index_t, 5> random_shape(Random& r) {
  std::array<index_t, 5> shape{};
  for (index_t& s : shape) s = r.between(1, 4);
  shape[4] = r.between(r.between(0, 9) ? 1 : 0, 70);
  if (r.between(0, 20) == 0) shape[r.between(0, 4)] = 3000;  // more than a piece, and a task
  return shape;
}

void judge(bool good, const char* what, const char* name, Isa isa, std::size_t item, Tally& tally) {
  ++(good ? tally.passed : tally.failed);
  if (!good) std::printf("FAILED %s: %s float%d %s\n", name, what, int(item * 8), isa_name(isa));
}

template <class T>
bool same_bits(const T* a, const std::vector<T>& b) {
  return b.empty() || std::memcmp(a, b.data(), b.size() * sizeof(T)) == 0;
}

template <class T>
void check_map(int map, const std::vector<Isa>& isas, Random& r, Tally& tally) {
  const std::array<index_t, 5> shape = random_shape(r);
  const index_t n = elements(shape);
  const auto layout = [&] { return kLayouts[r.between(0, 4)]; };
  const Input<T> a(layout(), shape, r), b(layout(), shape, r), c(layout(), shape, r);
  const Walk<const T> walks[] = {walk_of(a.view), walk_of(b.view), walk_of(c.view)};
  const std::vector<T> plain[] = {in_order(walks[0], n), in_order(walks[1], n), in_order(walks[2], n)};
  const Walk<const T> dense[] = {dense_walk(plain[0].data(), n), dense_walk(plain[1].data(), n),
                                 dense_walk(plain[2].data(), n)};
  const auto y = std::make_unique<T[]>(static_cast<std::size_t>(n));
  const Walk<T> to = dense_walk(y.get(), n);
  const Input<T> room(r.between(0, 1) ? Layout::reversed : Layout::stepped, shape, r);
  const Walk<T> strided(const_cast<T*>(room.view.data), 5, shape.data(), room.view.stride.data());
  for (const Isa isa : isas) {
    MapCall<T> call{map, {dense, dense + 1, dense + 2}, &to, n, {T(0.5), T(1.5), T(0.25), T(-1)}, 12345};
    run_map<T>(call, isa, 1);
    const std::vector<T> want(y.get(), y.get() + n);
    MapCall<T> other = call;
    for (int k = 0; k < 3; ++k) other.in[k] = walks + k;
    run_map<T>(other, isa, 2);
    judge(same_bits(y.get(), want), "strides of operands", map_info(map).name, isa, sizeof(T), tally);
    call.out = &strided;
    run_map<T>(call, isa, 1);
    judge(same_bits(in_order(walk_of(room.view), n).data(), want), "strides of the result",
          map_info(map).name, isa, sizeof(T), tally);
    std::copy(plain[0].begin(), plain[0].end(), y.get());
    const Walk<const T> same = dense_walk<const T>(y.get(), n);
    call.in[0] = &same;
    call.out = &to;
    run_map<T>(call, isa, 1);
    judge(same_bits(y.get(), want), "in place", map_info(map).name, isa, sizeof(T), tally);
  }
}

template <class T>
void check_softmax(bool log, const std::vector<Isa>& isas, Random& r, Tally& tally) {
  const std::array<index_t, 5> shape = random_shape(r);
  const index_t size = elements(shape);
  const int axis = static_cast<int>(r.between(0, 4));
  SoftmaxCall<T> c{};
  c.log = log;
  c.outer = c.inner = 1;
  c.n = shape[axis];
  for (int a = 0; a < axis; ++a) c.outer *= shape[a];
  for (int a = axis + 1; a < 5; ++a) c.inner *= shape[a];
  c.scale = r.between(0, 1) ? T(1) : T(-1);
  const Input<T> x(kLayouts[r.between(0, 4)], shape, r);
  const Walk<const T> from = walk_of(x.view);
  const std::vector<T> plain = in_order(from, size);
  const auto y = std::make_unique<T[]>(static_cast<std::size_t>(size)),
             d = std::make_unique<T[]>(static_cast<std::size_t>(size));
  c.x = &from;
  const double eps = std::numeric_limits<T>::epsilon();
  for (const Isa isa : isas) {
    c.y = nullptr;
    c.out = y.get();
    run_softmax<T>(c, isa, 2);
    SoftmaxCall<T> back = c;
    back.y = y.get();
    back.out = d.get();
    run_softmax<T>(back, isa, 1);
    bool good = true, good_gradient = true;
    for (index_t at = 0; at < size; ++at) {
      const index_t first = at / (c.n * c.inner) * (c.n * c.inner) + at % c.inner;
      double sum = 0, weighted = 0;
      for (index_t k = 0; k < c.n; ++k) sum += std::exp(double(c.scale * plain[first + k * c.inner]));
      for (index_t k = 0; k < c.n; ++k)
        weighted += plain[first + k * c.inner] *
                    (log ? 1 : std::exp(double(c.scale * plain[first + k * c.inner])) / sum);
      const double p = std::exp(double(c.scale * plain[at])) / sum;
      const double want = log ? std::log(p) : p, g = plain[at];
      const double gradient = double(c.scale) * (log ? g - p * weighted : p * (g - weighted));
      good = good && std::fabs(y[at] - want) <= 100 * eps * (1 + std::fabs(want));
      good_gradient = good_gradient && std::fabs(d[at] - gradient) <= 500 * eps * (1 + std::fabs(weighted));
      if (c.n > 100) at += 97;  // long sums: some of them
    }
    judge(good, "value", log ? "log_softmax" : "softmax", isa, sizeof(T), tally);
    judge(good_gradient, "gradient", log ? "log_softmax" : "softmax", isa, sizeof(T), tally);
  }
}

template <class T>
void check_prelu_weight(const std::vector<Isa>& isas, Random& r, Tally& tally) {
  PreluWeightCall<T> c{};
  c.n = r.between(0, 4);
  c.channels = r.between(1, 5) * (r.between(0, 3) ? 1 : 400);
  c.inner = r.between(0, 9) * (c.channels < 10 ? r.between(1, 300) : 1);
  const index_t size = c.n * c.channels * c.inner;
  const auto g = small_integers<T>(size, r), x = small_integers<T>(size, r),
             out = small_integers<T>(c.channels, r);
  c.g = g.get();
  c.x = x.get();
  c.out = out.get();
  std::vector<T> want(static_cast<std::size_t>(c.channels));
  for (index_t i = 0; i < size; ++i)
    if (!(x[i] > 0)) want[i / c.inner % c.channels] += g[i] * x[i];
  for (const Isa isa : isas) {
    run_prelu_weight_gradient<T>(c, isa, 2);
    judge(same_bits(out.get(), want), "weight's gradient", "prelu", isa, sizeof(T), tally);
  }
}

template <class T>
void check_dtype(const std::vector<Isa>& isas, Random& r, Tally& tally) {
  for (int map = 0; map < kMaps; ++map) check_map<T>(map, isas, r, tally);
  for (const bool log : {false, true}) check_softmax<T>(log, isas, r, tally);
  check_prelu_weight<T>(isas, r, tally);
}

}  // namespace

void check_maps(int rounds, std::uint64_t seed, const std::vector<Isa>& isas, Tally& tally) {
  Random r(seed);
  for (int i = 0; i < rounds; ++i) {
    check_dtype<float>(isas, r, tally);
    check_dtype<double>(isas, r, tally);
  }
}

}  // namespace ndnn::selftest
