// SPDX-License-Identifier: MIT
// Padding, blocks and sampling on random sizes: copies against their maps, sums against the copies they are
// the adjoints of. Arrays are heap blocks of exactly their size.
#include <cmath>
#include <cstdio>
#include <limits>

#include "arrays.hpp"
#include "check.hpp"
#include "core/parallel.hpp"
#include "ops/fold/fold.hpp"
#include "ops/grid_sample/grid_sample.hpp"

namespace ndnn::selftest {
namespace {

class Judge {
 public:
  Judge(Tally& tally, std::string name) : tally_(tally), name_(std::move(name)) {}
  void operator()(bool fine, const char* what) {
    if (fine) {
      ++tally_.passed;
      return;
    }
    ++tally_.failed;
    std::printf("FAILED %s of %s\n", what, name_.c_str());
  }

 private:
  Tally& tally_;
  std::string name_;
};

template <class T>
double dot(const T* a, const T* b, index_t n) {
  double sum = 0;
  for (index_t i = 0; i < n; ++i) sum += double(a[i]) * double(b[i]);
  return sum;
}

// The input that element o of the gathered array reads, or -1.
index_t source_of(const GatherPlan& p, index_t o) {
  const auto kw = static_cast<index_t>(p.columns.size());
  const index_t ow = o % p.width(), oh = o / p.width() % p.height(), block = o / p.width() / p.height();
  const index_t tap = block % p.taps();
  index_t plane = block / p.taps();
  const index_t iw = p.columns[tap % kw].source(ow), ih = p.rows[tap / kw].source(oh);
  index_t at = ih * p.row_stride + iw * p.column_stride;
  bool inside = iw >= 0 && ih >= 0;
  for (std::size_t a = p.outer.size(); a-- > 0; plane /= p.outer[a].map.out) {
    const index_t i = p.outer[a].map.source(plane % p.outer[a].map.out);
    inside = inside && i >= 0;
    at += i * p.outer[a].stride;
  }
  return inside ? at : -1;
}

template <class T>
void check_gather(GatherPlan p, const std::vector<Isa>& isas, Random& r, Judge judge) {
  const index_t n = p.inputs(), m = p.gathered();
  if (n == 0 || m == 0) return;
  const auto x = small_integers<T>(n, r), g = small_integers<T>(m, r);
  const auto y = std::make_unique<T[]>(static_cast<std::size_t>(m)),
             back = std::make_unique<T[]>(static_cast<std::size_t>(n));
  for (const Isa isa : isas)
    for (p.threads = 1; p.threads <= 2; ++p.threads) {
      set_thread_limit(p.threads);
      std::fill_n(y.get(), m, std::numeric_limits<T>::quiet_NaN());
      run_gather<T>(p, isa, x.get(), T(0), y.get());
      bool same = true;
      for (index_t o = 0; o < m; ++o) {
        const index_t i = source_of(p, o);
        same = same && y[o] == (i < 0 ? T(0) : x[i]);
      }
      judge(same, "gather");
      std::fill_n(back.get(), n, std::numeric_limits<T>::quiet_NaN());
      run_gather_adjoint<T>(p, isa, g.get(), back.get());
      judge(dot(back.get(), x.get(), n) == dot(g.get(), y.get(), m), "adjoint");
      if (!is_shuffle(p)) continue;
      const auto shuffled = std::make_unique<T[]>(static_cast<std::size_t>(n));
      run_shuffle<T>(p, isa, g.get(), shuffled.get());
      judge(std::equal(back.get(), back.get() + n, shuffled.get()), "shuffle");
    }
}

template <class T>
void check_sampling(const std::vector<Isa>& isas, Random& r, Tally& tally) {
  SamplePlan p{};
  p.mode = static_cast<SampleMode>(r.between(0, 2));
  p.padding = static_cast<SamplePadding>(r.between(0, 2));
  p.align_corners = r.between(0, 1);
  p.rank = p.mode == SampleMode::bicubic ? 2 : static_cast<int>(r.between(2, 3));
  p.n = r.between(1, 3);
  p.c = r.between(1, 40);
  index_t pixels = 1;
  for (int a = 0; a < p.rank; pixels *= p.axis[a++].size) p.axis[a] = {r.between(1, 9), pixels};
  p.x_channel = pixels;
  p.x_image = pixels * p.c;
  p.points = 1;
  for (int a = 2; a >= 0; p.points *= p.out[a--]) {
    p.out[a] = a < 3 - p.rank ? 1 : r.between(1, 12);
    p.grid_stride[a] = p.points * p.rank;
  }
  p.grid_image = p.points * p.rank;
  p.grid_axis = 1;
  Judge judge(tally, concat("sampling, mode ", int(p.mode), ", padding ", int(p.padding), ", rank ", p.rank,
                            ", ", p.c, " channels of ", pixels, ", ", p.points, " points"));
  const index_t n = p.n * p.x_image, m = p.n * p.c * p.points, k = p.n * p.grid_image;
  const auto x = small_integers<T>(n, r), g = small_integers<T>(m, r), grid = small_integers<T>(k, r);
  const T odd[] = {std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity(), T(-1e30), T(3e9)};
  for (index_t i = 0; i < k; ++i) grid[i] = r.between(0, 9) ? grid[i] / 3 : odd[r.between(0, 3)];
  const auto y = std::make_unique<T[]>(static_cast<std::size_t>(m)),
             dx = std::make_unique<T[]>(static_cast<std::size_t>(n));
  const auto dgrid = std::make_unique<T[]>(static_cast<std::size_t>(k));
  for (const Isa isa : isas)
    for (p.threads = 1; p.threads <= 2; ++p.threads) {
      set_thread_limit(p.threads);
      run_grid_sample<T>(p, isa, x.get(), grid.get(), y.get());
      run_grid_sample_input_gradient<T>(p, isa, g.get(), grid.get(), dx.get());
      run_grid_sample_grid_gradient<T>(p, isa, g.get(), x.get(), grid.get(), dgrid.get());
      const double want = dot(g.get(), y.get(), m);
      judge(std::abs(dot(dx.get(), x.get(), n) - want) <= 1e-4 * double(m), "the input's gradient");
      bool finite = true;
      for (index_t i = 0; i < k; ++i) finite = finite && std::isfinite(dgrid[i]);
      judge(finite, "the grid's gradient");
    }
}

GatherPlan random_pad(Random& r) {
  const auto mode = static_cast<PadMode>(r.between(0, 3));
  std::vector<PadAxis> axes;
  index_t next = 1;
  for (index_t a = r.between(1, 4); a-- > 0;) {
    const index_t n = r.between(1, a ? 6 : 70);
    const index_t most = mode == PadMode::reflect ? n - 1 : mode == PadMode::circular ? n : 9;
    axes.insert(axes.begin(), {n, r.between(0, most), r.between(0, most), next});
    next *= n;
    if (mode != PadMode::circular && n > 2 && r.between(0, 4) == 0) axes.front().before = -1;
  }
  return plan_pad(mode, axes, 1);
}

GatherPlan random_unfold(Random& r) {
  UnfoldArgs a{{1, 1, 1}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}};
  index_t size[4] = {r.between(1, 3), r.between(1, 3), 0, 0};
  const bool blocks = r.between(0, 1);
  for (int i = 1; i < 3; ++i) {
    a.kernel[i] = r.between(1, 9);
    a.stride[i] = blocks ? a.kernel[i] : r.between(1, 9);
    a.dilation[i] = blocks ? 1 : r.between(1, 3);
    a.padding[i] = blocks ? 0 : r.between(0, 3);
    size[1 + i] =
        blocks ? a.kernel[i] * r.between(1, 20) : a.dilation[i] * (a.kernel[i] - 1) + 1 + r.between(0, 40);
  }
  const index_t stride[4] = {size[1] * size[2] * size[3], size[2] * size[3], size[3], 1};
  return plan_unfold("selftest", a, size, stride, 1);
}

}  // namespace

void check_fold(const std::vector<Isa>& isas, int count, std::uint64_t seed, Tally& tally) {
  Random r(seed);
  for (int i = 0; i < count; ++i) {
    check_gather<float>(random_pad(r), isas, r, Judge(tally, "pad"));
    check_gather<double>(random_pad(r), isas, r, Judge(tally, "pad"));
    check_gather<float>(random_unfold(r), isas, r, Judge(tally, "unfold"));
    check_gather<double>(random_unfold(r), isas, r, Judge(tally, "unfold"));
    check_sampling<float>(isas, r, tally);
    check_sampling<double>(isas, r, tally);
  }
}

}  // namespace ndnn::selftest
