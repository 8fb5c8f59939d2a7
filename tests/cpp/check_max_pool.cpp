// SPDX-License-Identifier: MIT
// Maximum pooling, its indices, its gradient and unpooling: whole numbers, many of them equal, against the
// definition.
#include <cmath>
#include <cstdio>

#include "arrays.hpp"
#include "check.hpp"
#include "core/parallel.hpp"
#include "ops/pool/max_pool.hpp"
#include "ops/unpool/max_unpool.hpp"

namespace ndnn::selftest {
namespace {

struct PoolCase {
  PoolArgs args;
  std::array<index_t, 5> x;
  bool adaptive = false;
  Axes out{1, 1, 1};
};

// Rows of a whole number of chunks, whose last reads end with the array.
PoolCase whole_chunks(index_t kernel) {
  PoolCase c;
  c.args.rank = 1;
  c.args.kernel[2] = kernel;
  c.args.stride[2] = 2;
  c.x = {1, 2, 1, 1, 6 * 16 + (kernel - 2)};
  return c;
}

PoolCase random_case(Random& r) {
  PoolCase c;
  c.args.rank = static_cast<int>(r.between(1, 3));
  c.args.ceil_mode = r.between(0, 1) == 1;
  c.adaptive = r.between(0, 3) == 0;
  c.x = {r.between(0, 2), r.between(1, 3), 1, 1, 1};
  for (int a = kMaxSpatial - c.args.rank; a < kMaxSpatial; ++a) {
    c.args.kernel[a] = r.between(1, 7);
    c.args.stride[a] = r.between(1, a == 2 ? 9 : 4);
    c.args.dilation[a] = r.between(1, 2);
    c.args.padding[a] = r.between(0, c.args.kernel[a] / 2);
    c.x[2 + a] = c.args.dilation[a] * (c.args.kernel[a] - 1) + r.between(1, a == 2 ? 60 : 9);
    c.out[a] = r.between(1, 5);
  }
  return c;
}

template <class T>
struct Found {
  std::vector<T> y;
  std::vector<std::int64_t> indices;
};

template <class T>
Found<T> plain_pool(const PoolGeometry& g, const View<const T>& x) {
  Found<T> f;
  for (index_t plane = 0; plane < g.n * g.c; ++plane)
    for (index_t o = 0; o < g.outputs(); ++o) {
      const Axes out = g.out(), at{o / (out[1] * out[2]), o / out[2] % out[1], o % out[2]};
      std::array<Span, 3> s;
      for (int a = 0; a < kMaxSpatial; ++a) s[a] = g.axis[a].span(at[a]);
      const auto& axis = g.axis;
      T best = -std::numeric_limits<T>::infinity();
      index_t index = (s[0].begin * axis[1].w.in + s[1].begin) * axis[2].w.in + s[2].begin;
      for (index_t i = 0; i < s[0].count * s[1].count * s[2].count; ++i) {
        const index_t d = s[0].begin + i / (s[1].count * s[2].count) * axis[0].w.dilation;
        const index_t h = s[1].begin + i / s[2].count % s[1].count * axis[1].w.dilation;
        const index_t w = s[2].begin + i % s[2].count * axis[2].w.dilation;
        const T v = x.data[plane / g.c * x.stride[0] + plane % g.c * x.stride[1] + d * x.stride[2] +
                           h * x.stride[3] + w * x.stride[4]];
        if (!(v > best)) continue;
        best = v;
        index = (d * axis[1].w.in + h) * axis[2].w.in + w;
      }
      f.y.push_back(best);
      f.indices.push_back(index);
    }
  return f;
}

template <class T>
class Checker {
 public:
  Checker(const PoolCase& c, Layout layout, Tally& tally)
      : tally_(tally), random_(3), x_(layout, c.x, random_), layout_(layout) {
    g_ = c.adaptive ? adaptive_pool_geometry("selftest", c.args.rank, c.out, c.x)
                    : max_pool_geometry("selftest", c.args, c.x);
    want_ = plain_pool(g_, x_.view);
    name_ = concat(c.adaptive ? "adaptive pool" : "max pool", " x=", Tuple{c.x.data(), 5},
                   " kernel=", tail(c.args.kernel, 3), " stride=", tail(c.args.stride, 3),
                   " padding=", tail(c.args.padding, 3), " dilation=", tail(c.args.dilation, 3),
                   " out=", tail(g_.out(), 3), " ", kLayoutNames[static_cast<int>(layout)]);
  }

  void run(Isa isa, int threads) {
    set_thread_limit(threads);
    const std::size_t size = want_.y.size();
    const auto y = std::make_unique<T[]>(size);
    const auto indices = std::make_unique<std::int64_t[]>(size);
    const auto saved = std::make_unique<PoolIndex<T>[]>(size);
    for (const bool with_indices : {false, true}) {
      if (size == 0) break;
      MaxPoolPlan plan = plan_max_pool(g_, x_.view.stride, sizeof(T), with_indices, isa, threads);
      plan.threads = threads;
      prepare_scratch(plan.scratch_bytes * static_cast<std::size_t>(threads));
      MaxPoolOutputs<T> out{y.get()};
      if (with_indices) out = {y.get(), indices.get(), saved.get()};
      run_max_pool<T>(plan, x_.view, out);
      judge(std::equal(want_.y.begin(), want_.y.end(), y.get()), "values", isa);
    }
    judge(std::equal(want_.indices.begin(), want_.indices.end(), indices.get()), "indices", isa);
    gradient(isa, threads, saved.get());
    unpool(threads, y.get());
  }

 private:
  void gradient(Isa isa, int threads, const PoolIndex<T>* saved) {
    const index_t planes = g_.n * g_.c, size = planes * g_.plane();
    const auto dy = small_integers<T>(index_t(want_.y.size()), random_);
    std::vector<T> want(static_cast<std::size_t>(size));
    for (std::size_t i = 0; i < want_.y.size(); ++i)
      if (!std::isinf(want_.y[i])) want[index_t(i) / g_.outputs() * g_.plane() + want_.indices[i]] += dy[i];
    const auto dx = std::make_unique<T[]>(want.size());
    MaxPoolGradientPlan plan = plan_max_pool_gradient(g_, false, sizeof(T), isa, threads);
    plan.threads = threads;
    run_max_pool_gradient<T>(plan, dy.get(), saved, dx.get());
    judge(std::equal(want.begin(), want.end(), dx.get()), "gradient", isa);
  }

  void unpool(int threads, const T* y) {
    for (const T v : want_.y)
      if (std::isinf(v)) return;
    const index_t planes = g_.n * g_.c, in = g_.outputs(), out = g_.plane();
    std::vector<T> want(static_cast<std::size_t>(planes * out));
    for (std::size_t i = 0; i < want_.y.size(); ++i)
      want[index_t(i) / in * out + want_.indices[i]] = want_.y[i];
    const auto got = std::make_unique<T[]>(want.size());
    std::vector<std::int64_t> indices = want_.indices;
    const index_t none = run_max_unpool(planes, in, out, y, indices.data(), got.get(), threads);
    judge(none == -1 && std::equal(want.begin(), want.end(), got.get()), "unpooling", Isa::base);
    if (indices.empty()) return;
    const auto back = std::make_unique<T[]>(want_.y.size());
    run_max_unpool_gradient(planes, in, out, got.get(), indices.data(), back.get(), threads);
    judge(std::equal(want_.y.begin(), want_.y.end(), back.get()), "gradient of unpooling", Isa::base);
    const index_t bad = random_.between(0, index_t(indices.size()) - 1);
    indices[bad] = random_.between(0, 1) ? out : std::numeric_limits<std::int64_t>::min();
    judge(run_max_unpool(planes, in, out, y, indices.data(), got.get(), threads) == bad, "wrong index",
          Isa::base);
  }

  void judge(bool good, const char* what, Isa isa) {
    ++(good ? tally_.passed : tally_.failed);
    if (!good)
      std::printf("FAILED %s float%d %s: %s\n", isa_name(isa), int(sizeof(T) * 8), what, name_.c_str());
  }

  Tally& tally_;
  Random random_;
  Input<T> x_;
  Layout layout_;
  PoolGeometry g_;
  Found<T> want_;
  std::string name_;
};

template <class T>
void check_dtype(const PoolCase& c, const std::vector<Isa>& isas, Tally& tally) {
  for (const Layout layout : kLayouts) {
    Checker<T> checker(c, layout, tally);
    for (const Isa isa : isas)
      for (const int threads : {1, 2}) checker.run(isa, threads);
  }
}

}  // namespace

void check_max_pool(int count, std::uint64_t seed, const std::vector<Isa>& isas, Tally& tally) {
  Random r(seed);
  constexpr index_t kKernels[] = {2, 3, 4, 5, 6};
  for (int i = 0; i < count + 5; ++i) {
    const PoolCase c = i < 5 ? whole_chunks(kKernels[i]) : random_case(r);
    check_dtype<float>(c, isas, tally);
    check_dtype<double>(c, isas, tally);
  }
}

}  // namespace ndnn::selftest
