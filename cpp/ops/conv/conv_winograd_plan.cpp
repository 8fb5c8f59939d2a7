// SPDX-License-Identifier: MIT
// Chooses which axes a Winograd convolution transforms and how its tiles are cut into tasks.
#include <algorithm>
#include <cmath>

#include "ops/conv/conv_cost.hpp"
#include "ops/conv/conv_winograd.hpp"

namespace ndnn {
namespace {

constexpr index_t kMostKernel = 64;                                  // taps along a transformed axis
constexpr index_t kMostTiles = 512, kFewTiles = 24;                  // of a task
constexpr double kMostBytes = 8 << 20, kMostBytesOfCall = 16 << 20;  // scratch of a task
constexpr double kCallCycles = 16;                                   // of one kernel call beside its sums
constexpr double kDoubt = 1.1;  // what is estimated as equal is left to the plain sum
// Measured on AVX-512, cycles a vector.
constexpr double kStageCycles = 6, kStoreCycles = 6;
constexpr double kTransformCycles[] = {0, 0, 0, 0, 3, 0, 4.5};  // by points: of each product, both ways alike
constexpr double kPackCycles = 10, kPackToMemoryCycles = 22;
constexpr double kL3Bytes = 32, kMemoryBytes = 11;  // a cycle

int points_of(ConvAlgorithm a) { return a == ConvAlgorithm::winograd4 ? 4 : 6; }
index_t taps_at_once(int points) { return points == 4 ? 3 : 4; }

// Taps of one group: all, or as many as tile well; with a stride, those that meet the same inputs modulo it.
index_t taps_of_group(const Window& w, int points) {
  if (w.stride > 1) return ceil_div(w.kernel, w.stride);
  return w.kernel < points ? w.kernel : ceil_div(w.kernel, ceil_div(w.kernel, taps_at_once(points)));
}
bool can_transform(const Window& w, int points) {
  if (w.kernel > kMostKernel || (points == 4 && w.kernel > 3)) return false;
  if (w.stride > 1 ? w.dilation > 1 : w.dilation > w.out) return false;
  const index_t taps = taps_of_group(w, points);
  return taps >= 2 && taps < points;
}

WinogradAxis transformed_axis(const Window& w, int points) {
  WinogradAxis v;
  v.points = points;
  v.taps = static_cast<int>(taps_of_group(w, points));
  v.outputs = points - v.taps + 1;
  v.groups = w.stride > 1 ? w.stride : ceil_div(w.kernel, index_t{v.taps});
  v.phases = w.dilation;
  v.step = w.stride > 1 ? w.stride : w.dilation;
  v.tap_step = w.stride;
  v.next_group = w.stride > 1 ? 1 : v.taps;
  return v;
}

class Planner {
 public:
  Planner(const ConvGeometry& g, int item_bytes, Isa isa, ConvAlgorithm algorithm)
      : g_(g), tiles_(item_bytes == 4 ? tiles_of<float>(isa) : tiles_of<double>(isa)) {
    p_.g = g;
    p_.isa = isa;
    p_.item_bytes = item_bytes;
    p_.form.algorithm = algorithm;
    p_.form.groups = g.groups;
  }

  ConvPlan make(int max_threads, bool packed, bool strided) {
    choose_axes(strided);
    p_.form.ic_block = round_up(even(round_up(g_.ic, lanes()), kWinogradSteps), lanes());
    p_.form.panel = best_panel(tiles_, g_.oc, kFewTiles) * tiles_.lanes;
    p_.panels = ceil_div(g_.oc, index_t{p_.form.panel});
    choose_budget();
    choose_block();
    // Scratch is bounded: what does not fit is done by others.
    p_.cycles = fits(p_.images) ? cycles(packed) : std::numeric_limits<double>::infinity();
    choose_threads(max_threads);
    finish();
    return p_;
  }

 private:
  index_t lanes() const { return tiles_.lanes; }

  // The last two axes that can be; the others fold their taps into the reduction.
  void choose_axes(bool strided) {
    const int points = points_of(p_.form.algorithm);
    WinogradPlan& w = p_.winograd;
    int chosen[kMaxSpatial], n = 0;
    for (int a = kMaxSpatial - 1; a >= 0; --a) {
      w.axis[a].groups = g_.axis[a].kernel;
      if (n == 2 || !can_transform(g_.axis[a], points) || (g_.axis[a].stride > 1 && !strided)) continue;
      w.axis[a] = transformed_axis(g_.axis[a], points);
      chosen[n++] = a;
    }
    w.columns = chosen[0];
    if (n == 2) w.rows = chosen[1];
    else w.rows = w.columns == kMaxSpatial - 1 ? w.columns - 1 : kMaxSpatial - 1;
    w.flat = kMaxSpatial - w.rows - w.columns;
    for (int a = 0; a < kMaxSpatial; ++a) p_.form.tap_block[a] = w.axis[a].taps;
  }

  index_t grid(int a) const { return phase_tiles(p_, a, 0); }
  index_t entries() const {
    return entries_of(p_, 0, axis(0).block) * entries_of(p_, 1, axis(1).block) *
           entries_of(p_, 2, axis(2).block);
  }
  WinogradAxis& axis(int a) { return p_.winograd.axis[a]; }
  const WinogradAxis& axis(int a) const { return p_.winograd.axis[a]; }

  // Weights that L2 cannot hold come from L3 or memory once for every task, so tasks get large: inputs and
  // sums stream well from L3. 512 channels at 28x28: 2 MB 460, 4 MB 560, 8 MB 675 GFLOP/s; 64 channels: no
  // change. Not by the threads in use: the choice of the algorithm must not depend on them.
  void choose_budget() {
    const double weights = double(g_.oc) * double(g_.ic) * double(p_.winograd.products()) *
                           double(p_.winograd.tap_groups()) * p_.item_bytes;
    const double l2 = double(caches().l2);
    p_.weights_stream = weights > l2 * 3 / 4;
    budget_ =
        p_.weights_stream ? std::max(2 * l2, std::min(kMostBytes, kMostBytesOfCall / cores())) : 2.5 * l2;
  }
  bool fits(index_t images) {
    p_.images = images;
    return images * p_.winograd.block_tiles() <= kMostTiles &&
           double(winograd_layout(p_, tiles_.lanes).total) <= budget_;
  }

  // Large images are cut into blocks of tiles: first axes whose blocks overlap nowhere, then whole rows if
  // they fit. Small ones are dealt together.
  void choose_block() {
    for (int a = 0; a < kMaxSpatial; ++a) axis(a).block = grid(a);
    const bool dealt_by_panels = p_.weights_stream && p_.panels >= cores();
    const double work = all_tiles() * double(g_.groups) * double(g_.oc) / tiles_.lanes *
                        double(g_.ic * p_.winograd.tap_groups() * p_.winograd.products()) / 2;
    bool balance = !dealt_by_panels && work > 2 * kTaskCycles;
    for (const bool overlaps : {false, true})
      for (int a = 0; a < kMaxSpatial; ++a) {
        if ((g_.axis[a].kernel > 1) != overlaps || grid(a) == 1 || (fits(1) && !balance)) continue;
        const index_t most = fitting(a);
        axis(a).block = balance ? balanced(a, most) : even(grid(a), most);
        balance = false;
      }
    bool whole = true;
    for (int a = 0; a < kMaxSpatial; ++a) {
      p_.tiles[a] = ceil_div(grid(a), axis(a).block);
      p_.tile[a] = std::min(axis(a).block * outputs_of_tiles(p_, a), g_.axis[a].out);
      whole = whole && p_.tiles[a] == 1;
    }
    p_.images = 1;
    if (!whole) return;
    index_t most = std::max<index_t>(1, std::min(g_.n, kMostTiles / p_.winograd.block_tiles()));
    while (most > 1 && !fits(most)) most = most * 3 / 4;
    p_.images = even(g_.n, most);
  }
  // The longest block along an axis that fits, or 1.
  index_t fitting(int a) {
    index_t low = 1, high = axis(a).block;
    while (low < high) {
      axis(a).block = low + (high - low + 1) / 2;
      if (fits(1)) low = axis(a).block;
      else high = axis(a).block - 1;
    }
    return low;
  }
  // The block up to `most` with which all cores of the machine are done soonest; each costs its overlap.
  index_t balanced(int a, index_t most) const {
    const WinogradAxis& v = axis(a);
    const double overlap = 0.05 + 0.2 * double(v.points - v.outputs) / v.outputs;
    const double others = double(g_.n) * double(g_.groups);
    double best = std::numeric_limits<double>::infinity();
    index_t block = most;
    for (index_t b = most; b >= 1; --b) {
      const double turns = std::ceil(double(ceil_div(grid(a), b)) * others / cores());
      const double time = turns * (double(b) + overlap);
      if (time < best * 0.98) {
        best = time;
        block = b;
      }
    }
    return block;
  }

  double all_tiles() const {
    double tiles = double(g_.n);
    for (int a = 0; a < kMaxSpatial; ++a) {
      // Phases differ by one tile at most.
      const index_t rest = g_.axis[a].out % outputs_of_tiles(p_, a), whole = g_.axis[a].out - rest;
      tiles *= double(whole / axis(a).outputs + std::min(rest, axis(a).phases));
    }
    return tiles;
  }

  double cycles(bool packed) const {
    const WinogradPlan& w = p_.winograd;
    const double tiles = all_tiles(), products = w.products(), lanes = tiles_.lanes;
    const double steps = double(g_.ic) * double(w.tap_groups());
    const double blocks = double(ceil_div(g_.n, p_.images)) * double(product(p_.tiles));
    const double rows = tiles / blocks;
    // Products
    const int v = p_.form.panel / tiles_.lanes;
    const double calls = std::ceil(rows / tiles_.channel_rows[v - 1]);
    double multiply = steps * panels_step_cycles(tiles_, g_.oc, v, rows) * blocks;
    multiply += blocks * calls * double(p_.panels) * std::ceil(steps / kWinogradSteps) * kCallCycles;
    const double bytes = double(g_.oc) * steps * p_.item_bytes;
    const bool in_l3 = bytes * products < double(caches().l3) * 0.6;
    if (p_.weights_stream) multiply += blocks * bytes / (in_l3 ? kL3Bytes : kMemoryBytes);
    multiply *= products;
    // Transforms
    const double transform = products * kTransformCycles[points_of(p_.form.algorithm)];
    double patch = 1, places = double(entries());
    for (int a = 0; a < kMaxSpatial; ++a) patch *= double(patch_length(p_, a, axis(a).block));
    const double images = blocks * double(p_.images) * std::ceil(double(g_.ic) / lanes);
    const double input = images * (patch * kStageCycles + places * transform + 300);
    const double outputs = double(w.axis[0].outputs * w.axis[1].outputs * w.axis[2].outputs);
    const double output = tiles * std::ceil(double(g_.oc) / lanes) * (transform + outputs * kStoreCycles);
    double pack = 0;
    if (!packed)
      pack = double(g_.oc) / lanes * steps * products * (in_l3 ? kPackCycles : kPackToMemoryCycles);
    return kDoubt * double(g_.groups) * (multiply + input + output + pack);
  }

  void choose_threads(int max_threads) {
    p_.threads = useful_threads(p_.cycles, max_threads);
    p_.splits = 1;
    p_.group_block = groups_of_task(p_, double(ceil_div(g_.n, p_.images)) * double(product(p_.tiles)));
    const index_t blocks = winograd_tasks(p_);
    // Panels are split where there are few blocks: every part transforms its input again.
    while (p_.threads > 1 && p_.splits < p_.panels && blocks * p_.splits < 4 * p_.threads &&
           blocks * p_.splits % p_.threads != 0)
      ++p_.splits;
    p_.threads = static_cast<int>(std::min<index_t>(p_.threads, blocks * p_.splits));
  }

  void finish() {
    const WinogradLayout at = winograd_layout(p_, tiles_.lanes);
    p_.pitch = pitches(at.patch);
    p_.blocks = ceil_div(at.steps, kWinogradSteps);
    p_.scratch_bytes = at.total * static_cast<std::size_t>(p_.threads);
    p_.packed_elements = g_.groups * p_.winograd.products() * at.steps * packed_channels(p_, tiles_.lanes);
    const index_t line = kAlignment / p_.item_bytes;
    p_.plane_pitch = round_up(product(at.patch), line) + line;
    if (p_.plane_pitch / line % 2 == 0) p_.plane_pitch += line;
  }

  ConvGeometry g_;
  Tiles tiles_;
  ConvPlan p_;
  double budget_ = 0;
};

// Whether every size of a plan is sure to stay within 64 bits, with margin.
bool sizes_are_sane(const ConvGeometry& g) {
  double places = double(g.n) * double(g.ic + g.oc);
  for (const Window& w : g.axis)
    places *= double(w.out) * double(w.stride) + double(w.kernel) * double(w.dilation) + double(w.in);
  return places < double(index_t{1} << 44);
}
bool has_axis(ConvAlgorithm a, const ConvGeometry& g) {
  for (const Window& w : g.axis)
    if (can_transform(w, points_of(a))) return true;
  return false;
}

}  // namespace

WinogradLayout winograd_layout(const ConvPlan& p, int lanes) {
  const WinogradPlan& w = p.winograd;
  const index_t line = kAlignment / p.item_bytes;
  const auto odd_lines = [&](index_t n) { return (round_up(n, line) / line | 1) * line; };
  const auto bytes = [](index_t n, index_t item) {
    return static_cast<std::size_t>(round_up(n * item, kAlignment));
  };
  WinogradLayout l;
  for (int a = 0; a < kMaxSpatial; ++a) {
    l.patch[a] = patch_length(p, a, w.axis[a].block);
    l.entries[a] = entries_of(p, a, w.axis[a].block);
    l.outputs[a] = w.axis[a].block * outputs_of_tiles(p, a);
  }
  l.channels = p.form.ic_block;
  l.channel_blocks = ceil_div(p.g.ic, l.channels);
  l.steps = p.g.ic * w.tap_groups();
  const index_t tiles = w.block_tiles() * p.images;
  l.block_pitch = product(l.entries) * p.images * l.channels;
  l.input_pitch = odd_lines(l.channel_blocks * l.block_pitch);
  l.sum_row = round_up(std::min(p.g.oc, ceil_div(p.panels, p.splits) * p.form.panel), lanes);
  l.sum_pitch = odd_lines(tiles * l.sum_row);

  const index_t patch = round_up(product(l.patch), lanes);
  const index_t planes = lanes * (odd_lines(patch) + 2 * line) + lanes;
  const index_t halves = kMostPoints * lanes * std::max(l.patch[w.columns], l.outputs[w.columns]);
  l.front_second = bytes(std::max(planes, halves), p.item_bytes);
  l.front_third =
      l.front_second + bytes(std::max(patch, product(l.outputs) + 2 * lanes) * lanes, p.item_bytes);
  l.inputs = l.front_third + bytes(halves, p.item_bytes);
  l.sums = l.inputs + bytes(w.products() * l.input_pitch, p.item_bytes);
  l.rows = l.sums + bytes(w.products() * l.sum_pitch, p.item_bytes);
  const index_t word = sizeof(index_t);
  l.outs = l.rows + bytes(tiles, word);
  l.columns = l.outs + bytes(tiles, word);
  l.blocks = l.columns + bytes(l.steps, word);
  l.runs = l.blocks + bytes(l.channel_blocks * w.tap_groups(), sizeof(Steps));
  l.total = l.runs + bytes(kMaxSpatial, sizeof(CopyRun));
  return l;
}

ConvPlan plan_winograd(const ConvGeometry& g, int item_bytes, Isa isa, int max_threads, ConvAlgorithm a,
                       bool packed) {
  // Strided axes gain less, so they are left out where that is cheaper.
  bool unit = false, strided = false;
  for (const Window& w : g.axis)
    if (can_transform(w, points_of(a))) (w.stride > 1 ? strided : unit) = true;
  if (!strided) return Planner(g, item_bytes, isa, a).make(max_threads, packed, false);
  const ConvPlan with = Planner(g, item_bytes, isa, a).make(max_threads, packed, true);
  if (!unit) return with;
  const ConvPlan without = Planner(g, item_bytes, isa, a).make(max_threads, packed, false);
  return with.cycles < without.cycles ? with : without;
}

bool winograd_accepts(ConvAlgorithm a, const ConvGeometry& g) {
  return winograd_enabled() && g.ic > 0 && has_axis(a, g) && sizes_are_sane(g);
}
std::string winograd_refusal(ConvAlgorithm a, const ConvGeometry& g) {
  if (!winograd_enabled()) return "switched off";
  if (g.ic == 0) return "no input channels";
  if (has_axis(a, g)) return "the windows reach too far";
  return concat("no axis has 2 to ", a == ConvAlgorithm::winograd4 ? 3 : kMostKernel,
                " taps, more than its stride and no dilation beyond its output");
}

}  // namespace ndnn
