// SPDX-License-Identifier: MIT
// Separable maps: random windows and weights, small whole numbers, so that every sum is exact.
#include <cstdio>
#include <limits>

#include "arrays.hpp"
#include "check.hpp"
#include "core/parallel.hpp"
#include "ops/resize/resize.hpp"

namespace ndnn::selftest {
namespace {

enum class Kind { identity, windows, weights, whole };

AxisMap random_map(index_t in, Random& r) {
  const auto kind = static_cast<Kind>(r.between(0, 3));
  if (kind == Kind::identity) return identity_map(in);
  Window w;
  w.in = in;
  if (kind == Kind::whole) {
    w.kernel = in;
    return window_map(w);
  }
  w.kernel = r.between(1, r.between(0, 2) ? 4 : 40);
  w.stride = r.between(1, r.between(0, 2) ? 2 : 9);
  w.pad_lo = w.pad_hi = r.between(0, w.kernel / 2);
  if (set_output_size(w, r.between(0, 1))) return identity_map(in);
  if (kind == Kind::windows) {
    AxisMap m = window_map(w);
    if (m.identity()) return m;
    if (r.between(0, 1)) m.scale.assign(m.out, 2);
    return r.between(0, 1) ? transposed(m) : m;
  }
  AxisMap m;
  m.in = in;
  m.out = r.between(1, 3 * in + 20);
  m.taps = r.between(1, std::min<index_t>(in, r.between(0, 3) ? 5 : 30));
  for (index_t o = 0; o < m.out; ++o) {
    m.first.push_back(m.out == 1 ? 0 : (in - m.taps) * o / (m.out - 1));
    m.count.push_back(m.taps);
    for (index_t k = 0; k < m.taps; ++k) m.weight.push_back(double(r.between(-3, 3)));
  }
  return r.between(0, 1) ? transposed(m) : m;
}

double factor(const AxisMap& m, index_t o, index_t k) {
  return (m.weight.empty() ? 1 : m.weight[o * m.taps + k]) * (m.scale.empty() ? 1 : m.scale[o]);
}

template <class T>
std::vector<T> plain(const AxisMaps& maps, const View<const T>& x) {
  std::vector<T> y;
  Axes o, first, count;
  const auto set = [&](int a, index_t at) {
    const bool same = maps[a].identity();
    o[a] = at;
    first[a] = same ? at : maps[a].first[at];
    count[a] = same ? 1 : maps[a].count[at];
  };
  for (index_t plane = 0; plane < x.shape[0] * x.shape[1]; ++plane)
    for (index_t d = 0; d < maps[0].out; ++d)
      for (index_t h = 0; h < maps[1].out; ++h)
        for (index_t w = 0; w < maps[2].out; ++w) {
          set(0, d), set(1, h), set(2, w);
          double sum = 0;
          for (index_t i = 0; i < count[0]; ++i)
            for (index_t j = 0; j < count[1]; ++j)
              for (index_t k = 0; k < count[2]; ++k) {
                const T* const p = x.data + plane / x.shape[1] * x.stride[0] +
                                   plane % x.shape[1] * x.stride[1] + (first[0] + i) * x.stride[2] +
                                   (first[1] + j) * x.stride[3] + (first[2] + k) * x.stride[4];
                double term = double(*p);
                const Axes tap{i, j, k};
                for (int a = 0; a < 3; ++a)
                  if (!maps[a].identity()) term *= factor(maps[a], o[a], tap[a]);
                sum += term;
              }
          y.push_back(T(sum));
        }
  return y;
}

template <class T>
void check_maps(const AxisMaps& maps, const Input<T>& x, const std::vector<Isa>& isas,
                const std::string& text, Tally& tally) {
  const std::vector<T> want = plain(maps, x.view);
  for (const Isa isa : isas)
    for (const int threads : {1, 2}) {
      set_thread_limit(threads);
      AxisMaps joined = maps;
      View<const T> v = x.view;
      const std::array<index_t, 5> dense = dense_strides(v.shape);
      if (join_axes(joined, v.shape) && v.stride != dense) continue;
      if (v.stride[4] != 1) continue;
      if (v.stride == dense) v.stride = dense_strides(v.shape);
      ResizePlan<T> plan = plan_resize<T>(joined, v, isa, threads);
      if (plan.h.identity() && plan.d.identity() && plan.w.map.kind == ColumnPass::none) continue;
      plan.threads = threads;  // also where the plan holds that it does not pay
      const auto y = std::make_unique<T[]>(want.size());
      std::fill_n(y.get(), want.size(), std::numeric_limits<T>::quiet_NaN());
      prepare_scratch(
          static_cast<std::size_t>(round_up(plan.scratch_elements(), 64 / index_t{sizeof(T)}) * threads) *
          sizeof(T));
      run_resize<T>(plan, v.data, y.get());
      for (std::size_t i = 0; i < want.size(); ++i)
        if (!(y[i] == want[i])) {
          ++tally.failed;
          std::printf("FAILED resize float%d %s, columns %d: [%zu] = %g instead of %g\n  %s\n",
                      int(sizeof(T) * 8), isa_name(isa), static_cast<int>(plan.w.map.kind), i, double(y[i]),
                      double(want[i]), text.c_str());
          return;
        }
      ++tally.passed;
    }
}

}  // namespace

void check_resize(int count, std::uint64_t seed, const std::vector<Isa>& isas, Tally& tally) {
  Random r(seed);
  for (int i = 0; i < count; ++i) {
    const index_t largest = r.between(0, 3) ? 24 : 90;
    std::array<index_t, 5> shape{r.between(1, 2), r.between(1, 3), r.between(0, 1) ? 1 : r.between(1, 6),
                                 r.between(1, 12), r.between(1, largest)};
    const AxisMaps maps{random_map(shape[2], r), random_map(shape[3], r), random_map(shape[4], r)};
    for (int axis = 0; axis < kMaxSpatial; ++axis)
      shape[2 + axis] = maps[axis].in;  // transposed: an output's
    const Layout layout = r.between(0, 2) ? Layout::dense : Layout::repeated;
    const std::string text =
        concat("x=", Tuple{shape.data(), 5}, " taps=", maps[0].taps, " ", maps[1].taps, " ", maps[2].taps,
               " out=", maps[0].out, " ", maps[1].out, " ", maps[2].out);
    check_maps<float>(maps, Input<float>(layout, shape, r), isas, text, tally);
    check_maps<double>(maps, Input<double>(layout, shape, r), isas, text, tally);
  }
}

}  // namespace ndnn::selftest
