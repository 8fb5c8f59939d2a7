// SPDX-License-Identifier: MIT
// Chooses the way, blocks, parts and threads of a weight gradient from shapes alone.
#include "ops/conv/conv_weight_gradient.hpp"

#include <atomic>

#include "ops/conv/conv_cost.hpp"
#include "ops/conv/weight_gradient_kernels.hpp"

namespace ndnn {
namespace {

constexpr index_t kReductionBlock = 768;  // outputs: a 192-byte wide panel of them is 144 KB, in L2
constexpr index_t kMostTaps = 512;        // of one block: what a tile stages is taps times outputs at most
constexpr index_t kLongestDot = 1024;     // vectors that a lane sums
constexpr double kTransposeCycles = 5, kSlowTransposeCycles = 20;  // of one output of a vector of channels
constexpr double kCallCycles = 50;

constexpr const char* kWays[] = {"channels", "swapped", "dots"};
constexpr int kWayCount = 3;
std::atomic<int> g_forced{-1};  // -1: the plan chooses

// x and dY change places: dY is read around each input position, the taps in the other direction.
bool swap_roles(ConvGeometry& g) {
  for (Window& w : g.axis) {
    const index_t pad = w.dilation * (w.kernel - 1) - w.pad_lo;
    if (w.stride != 1 || pad < 0 || w.in < 1) return false;
    w.pad_lo = w.pad_hi = pad;
    std::swap(w.in, w.out);
  }
  std::swap(g.ic, g.oc);
  g.c = g.groups * g.ic;
  g.oc_all = g.groups * g.oc;
  return true;
}

class Planner {
 public:
  Planner(const ConvGeometry& g, int item_bytes, Isa isa, bool plain, int way)
      : g_(g), p_(w_.conv), tiles_(item_bytes == 4 ? tiles_of<float>(isa) : tiles_of<double>(isa)) {
    p_.g = g;
    p_.isa = isa;
    p_.item_bytes = item_bytes;
    w_.dots = way == 2;
    w_.swapped = way == 1;
    p_.in_place = plain && !w_.dots && reads_in_place();
    const int* const offsets = item_bytes == 4 ? weight_gradient_kernels<float>(isa).dot_offsets
                                               : weight_gradient_kernels<double>(isa).dot_offsets;
    std::copy(offsets, offsets + kDotRows, dot_offsets_);
  }

  WeightGradientPlan make(int max_threads) {
    p_.form.panel = w_.dots ? 1 : best_panel(tiles_, g_.oc, double(g_.ic * g_.taps())) * tiles_.lanes;
    p_.panels = ceil_div(g_.oc, index_t{p_.form.panel});
    cut_taps(g_, kMostTaps, p_.form.tap_block);
    choose_tile();
    choose_blocks();
    if (!w_.dots) choose_dealing();
    p_.cycles = w_.dots ? dots_cycles() : channels_cycles();
    choose_tasks(max_threads);
    p_.scratch_bytes = static_cast<std::size_t>(p_.threads) * weight_gradient_scratch(w_).total;
    return w_;
  }

 private:
  // No output reads padding. Planes a multiple of 4 KB apart would share few cache sets.
  bool reads_in_place() const {
    for (const Window& w : g_.axis)
      if (w.pad_lo > 0 || w.position(w.out - 1, w.kernel - 1) >= w.in) return false;
    return g_.axis[0].in * g_.axis[1].in * g_.axis[2].in * p_.item_bytes % 4096 != 0;
  }

  // Whole rows if they fit, or part of a row, so that a tile is one run of dY; small images together.
  void choose_tile() {
    const index_t most = w_.dots ? kLongestDot * tiles_.lanes : kReductionBlock;
    Axes tile{g_.axis[0].out, g_.axis[1].out, g_.axis[2].out};
    for (int a = 0; a < kMaxSpatial; ++a) {
      index_t inner = 1;
      for (int b = a + 1; b < kMaxSpatial; ++b) inner *= tile[b];
      tile[a] = even(tile[a], std::max<index_t>(1, most / inner));
      while (w_.dots && tile[a] > 1 && !fits(tile)) tile[a] = ceil_div(tile[a], index_t{2});
    }
    const index_t pixels = product(tile);
    const bool whole = pixels == g_.pixels();
    // A dot has one slice for the images or for the depth.
    const index_t images = whole && (!w_.dots || tile[0] == 1) ? std::max<index_t>(1, most / pixels) : 1;
    for (p_.images = even(g_.n, images); w_.dots && p_.images > 1 && !fits(tile);)
      p_.images = ceil_div(p_.images, index_t{2});
    lay_out_stage(p_, tile, w_.dots, w_.dots);
    for (int a = 0; a < kMaxSpatial; ++a) p_.tiles[a] = ceil_div(g_.axis[a].out, tile[a]);
  }
  // dots: what all channels of a group stage stays near.
  bool fits(const Axes& tile) {
    lay_out_stage(p_, tile, true, true);
    return std::min<index_t>(g_.ic, 16) * p_.plane_pitch * p_.item_bytes <= caches().l2 / 8;
  }

  // Channels of a block and panels of a task: their staged planes and their sums stay in L2.
  void choose_blocks() {
    const index_t l2 = caches().l2 / p_.item_bytes, taps = product(p_.form.tap_block);
    const index_t sums = std::max<index_t>(l2 / 2, 1 << 15);
    index_t channels = std::max<index_t>(1, l2 / 3 / p_.plane_pitch);
    if (p_.in_place) channels = g_.ic;
    if (w_.dots) channels = std::max<index_t>(1, std::min(channels, kMostTaps / taps));
    else channels = std::max<index_t>(1, std::min(channels, sums / (taps * p_.form.panel)));
    p_.form.ic_block = std::max<index_t>(1, even(g_.ic, channels));
    const index_t panels = std::max<index_t>(1, sums / (weight_gradient_rows(p_) * p_.form.panel));
    p_.splits = std::max<index_t>(1, ceil_div(p_.panels, panels));
    p_.blocks = std::max<index_t>(1, ceil_div(g_.ic, p_.form.ic_block));
    for (int a = 0; a < kMaxSpatial; ++a) p_.blocks *= ceil_div(g_.axis[a].kernel, p_.form.tap_block[a]);
    p_.stage_elements = p_.in_place ? 0 : p_.form.ic_block * p_.plane_pitch + kMaxPixelTile;
    if (!w_.dots) {
      p_.sums_elements = panels_of_split(p_) * p_.form.panel * (weight_gradient_rows(p_) + tiles_.lanes);
      p_.packed_elements = outputs_of_tile(p_) * p_.form.panel;
    }
  }

  double tallest() const { return tiles_.channel_rows[p_.form.panel / tiles_.lanes - 1]; }
  // The share of (tap, output) pairs that touch the input.
  double touching() const {
    double share = 1;
    for (const Window& w : g_.axis) {
      if (w.pad_lo == 0 && w.position(w.out - 1, w.kernel - 1) < w.in) continue;
      double pairs = 0;
      for (index_t k = 0; k < w.kernel; ++k) pairs += double(touched_outputs(w, k, {0, w.out}).size());
      share *= pairs / (double(w.kernel) * double(w.out));
    }
    return share;
  }
  // Skipping needs tiles whose rows have one tap: all of even height, but less high where channels are few.
  void choose_dealing() {
    const double channels = double(p_.form.ic_block), count = std::ceil(channels / tallest());
    const int v = p_.form.panel / tiles_.lanes;
    const double uneven = channel_tile_cycles(channels / count, v) * count /
                          (channel_tile_cycles(tallest(), v) * channels / tallest());
    work_ = touching() * uneven;
    w_.skips_padding = work_ < 0.97;
    if (!w_.skips_padding) work_ = 1;
  }

  double outputs() const { return double(g_.n) * double(g_.pixels()); }
  // Rows of staged input, all tiles and channels of a group, and cycles of one such row.
  double staging_cycles() const {
    double rows = double(g_.ic) * double(weight_gradient_tiles(p_) * p_.images), row = 15.0 * double(p_.stage[2].copies);
    for (int a = 0; a < 2; ++a) rows *= double(p_.stage[a].copies * p_.stage[a].length);
    row += double(p_.stage[2].copies * p_.stage[2].length) / tiles_.lanes *
           (p_.stage[2].kind == Staging::dense ? 2 : 3.5);
    return p_.in_place ? 0 : rows * row;
  }
  double channels_cycles() const {
    const double rows = double(g_.ic) * double(g_.taps()), lanes = tiles_.lanes;
    const double vectors = double(ceil_div(g_.oc, index_t{tiles_.lanes}));
    const double transpose = g_.oc < tiles_.lanes ? kSlowTransposeCycles : kTransposeCycles;
    double sum = panels_step_cycles(tiles_, g_.oc, p_.form.panel / tiles_.lanes, rows) * work_;
    sum += vectors * double(p_.blocks) * transpose;
    sum = sum * outputs() + staging_cycles() * double(p_.splits);
    sum += double(weight_gradient_tiles(p_)) * rows / tallest() * double(p_.panels) * kCallCycles;
    sum += rows * double(g_.oc) / lanes * 5;
    return sum * double(g_.groups);
  }
  double dots_cycles() const {
    const double offsets = double(g_.ic) * double(g_.taps());
    const double vectors = outputs() / double(g_.axis[2].out) *
                           double(p_.tiles[2] * ceil_div(p_.tile[2], index_t{tiles_.lanes}));
    double sum = 0;
    index_t rest = g_.oc;
    for (const int rows : {4, 2, 1}) {
      const double count = double(rest / rows), calls = std::ceil(offsets / dot_offsets_[rows - 1]);
      // Two loads for almost each vector of x; 9 steps for the sum over the lanes of each result.
      const double step = std::max(rows * offsets / 2, offsets + calls * rows / 2);
      sum += count * (vectors * (step + calls * 2) +
                      double(weight_gradient_tiles(p_)) * (calls * kCallCycles + rows * offsets * 9));
      rest %= rows;
    }
    return (sum + staging_cycles()) * double(g_.groups);
  }

  // Where results are too few to give every core some tasks, the reduction is cut too.
  void choose_tasks(int max_threads) {
    const double wanted = std::clamp(p_.cycles / kTaskCycles, 1.0, kTasksPerCore * cores());
    if (w_.dots) p_.group_block = groups_of_task(p_, 1);
    const double tasks = double(weight_gradient_tasks(w_));
    w_.parts = std::clamp<index_t>(index_t(std::ceil(wanted / tasks)), 1, weight_gradient_tiles(p_));
    p_.threads = useful_threads(p_, max_threads);
    p_.threads = static_cast<int>(std::min<double>(p_.threads, tasks * double(w_.parts)));
  }

  ConvGeometry g_;
  WeightGradientPlan w_;
  ConvPlan& p_;
  Tiles tiles_;
  int dot_offsets_[kDotRows] = {};
  double work_ = 1;  // share of the plain sum that is computed
};

}  // namespace

WeightGradientScratch weight_gradient_scratch(const WeightGradientPlan& w) {
  const ConvPlan& p = w.conv;
  const auto lines = [](index_t bytes) { return static_cast<std::size_t>(round_up(bytes, kAlignment)); };
  const index_t word = sizeof(index_t), rows = weight_gradient_rows(p), outputs = w.dots ? 0 : outputs_of_tile(p);
  const Axes& taps = p.form.tap_block;
  WeightGradientScratch s;
  s.packed = lines(p.stage_elements * p.item_bytes);
  s.sums = s.packed + lines(p.packed_elements * p.item_bytes);
  s.rows = s.sums + lines(p.sums_elements * p.item_bytes);
  s.outs = s.rows + lines(rows * word);
  s.columns = s.outs + lines(rows * word);
  s.steps = s.columns + lines(outputs * word);
  s.runs = s.steps + lines((w.dots ? 0 : p.images * p.tile[0] * p.tile[1]) * index_t(sizeof(Steps)));
  s.total = s.runs + lines((taps[0] + taps[1] + taps[2] + kMaxSpatial) * index_t(sizeof(CopyRun)));
  return s;
}

void force_weight_gradient(const std::string& name) {
  int found = name.empty() ? -1 : kWayCount;
  for (int i = 0; i < kWayCount; ++i)
    if (name == kWays[i]) found = i;
  NDNN_CHECK(found < kWayCount, "force_weight_gradient: no such way, but got '", name, "'");
  g_forced.store(found);
}

std::string describe(const WeightGradientPlan& w) {
  const ConvPlan& p = w.conv;
  return concat(kWays[w.dots ? 2 : w.swapped], ": ", isa_name(p.isa), ", panel ", p.form.panel, ", block of ",
                p.form.ic_block, " channels and taps ", tail(p.form.tap_block, p.g.rank), ", tile ",
                tail(p.tile, p.g.rank), " of ", p.images, " images, ", p.in_place ? "in place, " : "",
                w.skips_padding ? "padding skipped, " : "", weight_gradient_tasks(w), " tasks, ", w.parts,
                " parts, ", p.threads, " threads, ", p.scratch_bytes, " bytes of scratch, ", p.cycles, " cycles");
}

WeightGradientPlan plan_conv_weight_gradient(const ConvGeometry& g, int item_bytes, Isa isa, int max_threads,
                                             bool plain) {
  const int forced = g_forced.load(std::memory_order_relaxed);
  WeightGradientPlan best;
  best.conv.cycles = std::numeric_limits<double>::infinity();
  for (int way = 0; way < kWayCount; ++way) {
    ConvGeometry geometry = g;
    if (way == 1 && (!plain || !swap_roles(geometry))) continue;
    const WeightGradientPlan plan = Planner(geometry, item_bytes, isa, plain || way == 1, way).make(max_threads);
    if (way == forced) return plan;
    if (plan.conv.cycles < best.conv.cycles) best = plan;
  }
  return best;
}

}  // namespace ndnn
