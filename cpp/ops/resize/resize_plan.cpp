// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <functional>

#include "core/parallel.hpp"
#include "ops/resize/resize.hpp"

namespace ndnn {
namespace {

// Cycles an output element, measured on Zen 5 with 16 lanes; only their ratios matter.
constexpr double kRowTap = 0.06, kStore = 0.06, kGatherTap = 1.2, kDot = 6, kDotVector = 0.6;
constexpr double kPermuteTap[] = {0.08, 0.12, 0.3};  // from 1, 2, 4 vectors

constexpr index_t kLongestWindow = 32;  // of windows1 and windows2
constexpr index_t kBlockBytes = 24 << 10;
constexpr double kTaskBytes = 128 << 10;

bool all_equal(const std::vector<double>& v) {
  return std::adjacent_find(v.begin(), v.end(), std::not_equal_to<>()) == v.end();
}
// Is every output the sum of all inputs?
bool sums_everything(const AxisMap& m) {
  const auto whole = [&](index_t n) { return n == m.in; };
  return !m.identity() && (m.in == 1 || m.out == 1) && std::all_of(m.count.begin(), m.count.end(), whole) &&
         m.weight.empty() && m.before.empty() && all_equal(m.scale);
}

// One axis of both; the inner one comes second.
AxisMap joined(const AxisMap& a, const AxisMap& b) {
  if (a.identity()) return identity_map(a.in * b.in);
  AxisMap m;
  m.in = m.taps = a.in * b.in;
  m.out = a.out * b.out;
  m.first.assign(m.out, 0);
  m.count.assign(m.out, m.in);
  m.scale.assign(m.out, (a.scale.empty() ? 1 : a.scale[0]) * (b.scale.empty() ? 1 : b.scale[0]));
  return m;
}

template <class T>
std::vector<T> rounded(const std::vector<double>& v) {
  return std::vector<T>(v.begin(), v.end());
}

template <class T>
RowTable<T> row_table(AxisMap&& m) {
  RowTable<T> t;
  t.taps = m.taps;
  t.weight = rounded<T>(m.weight);
  t.scale = rounded<T>(m.scale);
  t.first = std::move(m.first);
  t.count = std::move(m.count);
  return t;
}

// The input that output o takes as tap k; one that it lacks is its last. Along o it never decreases.
index_t place_of(const AxisMap& m, index_t o, index_t k) {
  return std::min(m.first[o] + std::min(k, std::max<index_t>(m.count[o], 1) - 1), m.in - 1);
}
// Where block b of outputs begins and which is its last.
template <class T>
Range block_of(const ResizeKernels<T>& kernels, index_t out, index_t b) {
  const index_t begin = std::min(b * kernels.lanes, kernels.last_block(out));
  return {begin, std::min(begin + kernels.lanes, out)};
}

// The largest distance of the places of one tap in a block of outputs.
template <class T>
index_t longest_span(const AxisMap& m, const ResizeKernels<T>& kernels) {
  index_t span = 1;
  for (index_t b = 0; b < ceil_div(m.out, kernels.lanes); ++b) {
    const Range block = block_of(kernels, m.out, b);
    for (index_t k = 0; k < m.taps; ++k)
      span = std::max(span, place_of(m, block.end - 1, k) - place_of(m, block.begin, k) + 1);
  }
  return span;
}

// Is every output one input, if any?
bool copies(const AxisMap& m) { return m.taps == 1 && m.weight.empty() && m.scale.empty(); }
// Has an output no input?
bool has_gaps(const AxisMap& m) { return std::find(m.count.begin(), m.count.end(), 0) != m.count.end(); }

struct Choice {
  ColumnPass kind;
  double cycles;  // an output
};

template <class T>
Choice choose_columns(const AxisMap& m, const ResizeKernels<T>& kernels) {
  if (m.identity()) return {ColumnPass::none, 0};
  const index_t lanes = kernels.lanes;
  const double slower = 16. / double(lanes);
  const bool alike = m.weight.empty() && m.size > 0 && m.size <= kLongestWindow && m.pad >= 0;
  if (alike && (m.stride == 1 || m.stride == 2))
    return {m.stride == 1 ? ColumnPass::windows1 : ColumnPass::windows2,
            slower * double(m.size * m.stride) * 0.08};
  double entries = 0;
  for (const index_t n : m.count) entries += double(n);
  const Choice dots{ColumnPass::dots, kDot + kDotVector * entries / double(m.out) / double(lanes)};
  const index_t span = longest_span(m, kernels);
  const double idle = double(round_up(m.out, lanes)) / double(m.out);  // lanes without an output
  Choice lane{ColumnPass::gather, double(m.taps) * kGatherTap};
  if (kernels.permutes)
    for (int i = 0; i < 3; ++i)
      if (span <= lanes << i || m.in <= lanes << i) {
        lane = {static_cast<ColumnPass>(static_cast<int>(ColumnPass::permute1) + i),
                slower * idle * double(m.taps) * kPermuteTap[i]};
        break;
      }
  return lane.cycles <= dots.cycles ? lane : dots;
}

index_t vectors_of(ColumnPass kind) {
  return kind == ColumnPass::permute1   ? 1
         : kind == ColumnPass::permute2 ? 2
         : kind == ColumnPass::permute4 ? 4
                                        : 0;
}

// The share of its last tap's weight that tap k of an output with `count` taps stands for.
double share(index_t k, index_t count, index_t taps) {
  if (k < count - 1) return 1;
  return std::ldexp(1., -static_cast<int>(k < taps - 1 ? k - count + 2 : taps - count));
}

template <class T>
void pack_lanes(const AxisMap& m, const ResizeKernels<T>& kernels, ColumnTable<T>& t) {
  const index_t lanes = kernels.lanes;
  const bool one = copies(m);
  const index_t size = t.map.blocks * m.taps * lanes;
  t.index.resize(size);
  t.base.resize(t.map.blocks * m.taps);
  if (!one) t.weight.resize(size);
  const bool gaps = has_gaps(m);
  if (gaps) t.kept.resize(t.map.blocks * lanes);
  const index_t reach = std::max<index_t>(0, m.in - vectors_of(t.map.kind) * lanes);
  for (index_t b = 0; b < t.map.blocks; ++b) {
    const Range block = block_of(kernels, m.out, b);
    for (index_t k = 0; k < m.taps; ++k) {
      const auto place = [&](index_t l) { return place_of(m, std::min(block.begin + l, m.out - 1), k); };
      index_t base = place(0);
      for (index_t l = 1; l < lanes; ++l) base = std::min(base, place(l));
      base = std::min(base, reach);
      t.base[b * m.taps + k] = base;
      for (index_t l = 0; l < lanes; ++l) {
        const index_t at = (b * m.taps + k) * lanes + l, o = std::min(block.begin + l, m.out - 1);
        t.index[at] = static_cast<typename ColumnMap<T>::Word>(place(l) - base);
        if (gaps) t.kept[b * lanes + l] = m.count[o] ? -1 : 0;
        if (one || m.count[o] == 0) continue;
        const double w = m.weight.empty() ? 1 : m.weight[o * m.taps + std::min(k, m.count[o] - 1)];
        t.weight[at] = T(T(w * (m.scale.empty() ? 1 : m.scale[o])) * share(k, m.count[o], m.taps));
      }
    }
  }
}

template <class T>
ColumnTable<T> column_table(AxisMap&& m, ColumnPass kind, const ResizeKernels<T>& kernels) {
  ColumnTable<T> t;
  t.map.kind = kind;
  t.map.in = m.in;
  t.map.out = m.out;
  t.map.taps = m.taps;
  t.map.blocks = ceil_div(m.out, kernels.lanes);
  if (kind == ColumnPass::none) return t;
  if (kind == ColumnPass::windows1 || kind == ColumnPass::windows2) {
    t.map.taps = m.size;
    t.map.pad = m.pad;
    t.scale = rounded<T>(m.scale);
    if (!t.scale.empty()) t.scale.resize(round_up(m.out, kernels.lanes));
  } else if (kind == ColumnPass::dots) {
    t.weight = rounded<T>(m.weight);
    t.scale = rounded<T>(m.scale);
    t.first = std::move(m.first);
    t.count = std::move(m.count);
  } else {
    pack_lanes(m, kernels, t);
  }
  return t;
}

bool staged(ColumnPass kind) { return kind == ColumnPass::windows1 || kind == ColumnPass::windows2; }

// Elements of a row that windows are summed over: vectors of outputs, each of which may read a vector more.
index_t staged_row(const AxisMap& m, index_t lanes) {
  return std::max(m.pad + m.in, (round_up(m.out, lanes) - lanes) * m.stride + m.size + 3 * lanes);
}

double mean_count(const AxisMap& m) {
  double sum = 0;
  for (const index_t n : m.count) sum += double(n);
  return m.identity() ? 1 : sum / double(m.out);
}

template <class T>
index_t rows_of_block(const ResizePlan<T>& p, index_t begin, index_t end) {
  if (p.h.identity()) return end - begin;
  return std::max<index_t>(0, p.h.first[end - 1] + p.h.count[end - 1] - p.h.first[begin]);
}

template <class T>
void set_scratch(ResizePlan<T>& p) {
  p.band = 0;
  for (index_t o = 0; o < p.out[1]; o += p.block_rows)
    p.band = std::max(p.band, rows_of_block(p, o, std::min(o + p.block_rows, p.out[1])));
  const bool columns = p.w.map.kind != ColumnPass::none;
  const bool sums =
      columns && !p.columns_first && !p.copies_rows && (!p.h.identity() || staged(p.w.map.kind));
  p.d_elements = p.d.identity() ? 0 : round_up(p.band * p.in[2], 32);
  p.mapped_elements = p.columns_first ? p.band * p.mapped_ld : 0;
  p.summed_elements = sums ? p.block_rows * p.summed_ld : 0;
}

}  // namespace

bool join_axes(AxisMaps& maps, std::array<index_t, 5>& shape) {
  bool dense = !maps[0].identity();
  const auto move_inwards = [&](int to) {  // the axes before `to` move up to it
    for (int a = to; a > 0; --a) maps[a] = std::move(maps[a - 1]);
    maps[0] = AxisMap();
  };
  for (int i = 0; i < 2 && maps[2].identity() && maps[2].in == 1; ++i) {
    move_inwards(2);
    dense = true;
  }
  for (int i = 0; i < 2; ++i) {
    const bool sums =
        sums_everything(maps[1]) && sums_everything(maps[2]) && (maps[1].in == 1) == (maps[2].in == 1);
    const bool outer = maps[1].in > 1 || !maps[0].identity();
    const bool neither = maps[1].identity() && maps[2].identity() && outer;
    if (!sums && !neither) break;
    maps[2] = joined(maps[1], maps[2]);
    move_inwards(1);
    dense = true;
  }
  for (int a = 0; a < kMaxSpatial; ++a) shape[2 + a] = maps[a].in;
  return dense;
}

template <class T>
ResizePlan<T> plan_resize(AxisMaps maps, const View<const T>& x, Isa isa, int max_threads) {
  const ResizeKernels<T>& kernels = resize_kernels<T>(isa);
  ResizePlan<T> p;
  p.isa = isa;
  p.n = x.shape[0];
  p.channels = x.shape[1];
  std::copy_n(x.stride.begin(), 4, p.stride.begin());
  for (int a = 0; a < kMaxSpatial; ++a) {
    p.in[a] = maps[a].in;
    p.out[a] = maps[a].out;
  }
  gather_scales(maps.data(), kMaxSpatial);
  const Choice w = choose_columns(maps[2], kernels);
  const double slower = 16. / double(kernels.lanes);
  const auto rows_cost = [&](const AxisMap& m) {
    return m.identity() ? 0 : slower * (mean_count(m) * kRowTap + kStore);
  };
  const double oh = double(p.out[1]), ow = double(p.out[2]), iw = double(p.in[2]);
  const double used = std::min(double(p.in[1]), oh * mean_count(maps[1]));
  const bool two = !maps[1].identity() && w.kind != ColumnPass::none && !staged(w.kind);
  p.copies_rows = two && copies(maps[2]) && copies(maps[1]) && !has_gaps(maps[1]);
  const double rows_first = (p.copies_rows ? 0 : oh * iw * rows_cost(maps[1])) + oh * ow * w.cycles;
  const double columns_first = used * ow * w.cycles + oh * ow * rows_cost(maps[1]);
  p.columns_first = two && !p.copies_rows && columns_first < rows_first;
  const double plane =
      (p.columns_first ? columns_first : rows_first) + double(p.in[1]) * iw * rows_cost(maps[0]);

  p.mapped_ld = round_up(maps[2].out, kernels.lanes);
  const index_t row = staged(w.kind) ? staged_row(maps[2], kernels.lanes) : maps[2].in;
  p.summed_ld = round_up(row, kernels.lanes);
  p.w = column_table<T>(std::move(maps[2]), w.kind, kernels);
  p.d = row_table<T>(std::move(maps[0]));
  p.h = row_table<T>(std::move(maps[1]));
  if (p.d.identity() && p.h.identity() && x.stride[3] == p.in[2] && x.stride[2] == p.in[1] * p.in[2] &&
      x.stride[1] == p.in[0] * x.stride[2] && x.stride[0] == p.channels * x.stride[1]) {
    p.out[1] = p.in[1] = p.n * p.channels * p.in[0] * p.in[1];  // all rows of all planes
    p.n = p.channels = p.in[0] = p.out[0] = 1;
  }
  p.block_rows = p.out[1];
  for (set_scratch(p); p.block_rows > 1; set_scratch(p)) {
    const index_t bytes = (p.scratch_elements() + p.block_rows * p.out[2]) * index_t{sizeof(T)};
    if (bytes <= kBlockBytes) break;
    p.block_rows = ceil_div(p.block_rows, 2);
  }
  p.blocks = ceil_div(p.out[1], p.block_rows);
  p.units = p.n * p.channels * p.out[0] * p.blocks;
  const double outputs = double(p.n) * double(p.channels) * double(p.out[0]) * double(p.out[1]) * ow;
  const double planes = outputs / std::max(1., oh * ow);
  // Measured. What is beyond L3 is fetched early (8x64x56x56 to twice the size, bilinear: 1.63 -> 1.13 ms,
  // its gradient 2.27 -> 1.69); in L3 that costs 5 to 15 %. Results in L3 are written fastest to several rows
  // at once (nearest, 1x256x52x52 to twice the size: 208 -> 160 us); larger ones take 1.5 times as long so.
  const double in_bytes = planes * used * iw * double(sizeof(T)), out_bytes = outputs * double(sizeof(T));
  const double half = double(caches().l3) / 2;
  p.fetches = p.scratch_elements() > 0 && in_bytes + out_bytes > half;
  p.repeats = out_bytes < half;
  p.cycles = outputs * 0.1 + planes * plane;
  const double unit_bytes = double(p.block_rows) * (ow + iw) * double(sizeof(T));
  p.units_of_task = std::max<index_t>(1, static_cast<index_t>(kTaskBytes / std::max(1., unit_bytes)));
  p.threads = useful_threads(p.cycles, max_threads);
  return p;
}

template ResizePlan<float> plan_resize(AxisMaps, const View<const float>&, Isa, int);
template ResizePlan<double> plan_resize(AxisMaps, const View<const double>&, Isa, int);

}  // namespace ndnn
