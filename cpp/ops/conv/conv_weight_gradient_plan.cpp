// SPDX-License-Identifier: MIT
// Chooses algorithm, blocks and threads of a weight gradient from shapes alone.
#include <algorithm>
#include <atomic>
#include <cmath>

#include "ops/conv/conv_cost.hpp"
#include "ops/conv/conv_weight_gradient.hpp"
#include "ops/conv/weight_gradient_kernels.hpp"

namespace ndnn {
namespace {

using Algorithm = WeightGradientAlgorithm;

constexpr index_t kRowsOfTask = 576;         // rows of one task: dy, once packed, serves them all
constexpr index_t kSteps = 512;              // pixels of a tile: a 256-byte wide panel of them is 128 KB
constexpr index_t kSumElements = 128 << 10;  // of one task; 64 K: 3x3, stride 2: 201 -> 180 GFLOP/s
constexpr double kRowCycles = 15;            // of a staged row beside its elements
constexpr double kCallCycles = 50;           // of a kernel call
constexpr double kTapCycles = 300;           // of listing the pixels of one tap, and of the calls for it
constexpr index_t kMostSweptTaps = 4096;     // 27x27, 31x31 are in use
constexpr index_t kSweepCycles = 40;         // of one group and tile, beside what its rows and taps take
constexpr index_t kMostPartBytes = 4 << 20;  // of the sums of parts, for each core

std::atomic<int> g_forced{-1};  // -1: the plan chooses

class Planner {
 public:
  Planner(const ConvGeometry& g, int item_bytes, Isa isa, Algorithm a)
      : tiles_(item_bytes == 4 ? tiles_of<float>(isa) : tiles_of<double>(isa)),
        dot_(a == Algorithm::lanes_on_pixels) {
    p_.algorithm = a;
    in_.g = g;
    if (a == Algorithm::lanes_on_inputs) exchange(in_.g);
    p_.swept = dot_ && g.ic == 1 && g.oc == 1 && g.taps() <= kMostSweptTaps;
    masked_ =
        p_.swept && tiles_.masked_stencil && g.axis[2].stride <= 2 && !sweeps_along_rows(g, tiles_.lanes);
    in_.isa = isa;
    in_.item_bytes = item_bytes;
    in_.form.algorithm = dot_ ? ConvAlgorithm::lanes_on_pixels : ConvAlgorithm::lanes_on_channels;
    // In place, whole planes: 64 channels of 112x112, stride 2, 16 GFLOP/s in tiles that fit L1, 40 so.
    budget_ = (dot_ && !masked_ ? caches().l1 / 2 : caches().l2 * 4 / 10) / item_bytes;
  }

  WeightGradientPlan make(int max_threads) {
    choose_rows();
    choose_panels();
    choose_skipping();
    in_.in_place = dot_ ? masked_ && g().unit_rows : reads_single_elements(g());
    choose_tile();
    p_.cycles = in_.cycles = cycles();
    choose_parts();
    p_.threads = int(std::min<double>(useful_threads(in_.cycles, max_threads), double(p_.tasks())));
    p_.scratch_bytes = weight_gradient_scratch(p_).total;
    if (p_.parts > 1) p_.parts_bytes = static_cast<std::size_t>(p_.parts * p_.weights() * in_.item_bytes);
    return p_;
  }

 private:
  // x as the gradient of the output and the other way round: with stride 1 again a weight gradient, whose
  // kernel is reversed and whose padding is what is left of the kernel's length.
  static void exchange(ConvGeometry& g) {
    std::swap(g.ic, g.oc);
    std::swap(g.c, g.oc_all);
    for (Window& w : g.axis) {
      std::swap(w.in, w.out);
      w.pad_lo = (w.kernel - 1) * w.dilation - w.pad_lo;
      w.pad_hi = (w.kernel - 1) * w.dilation - w.pad_hi;
    }
  }

  void choose_rows() {
    Axes& taps = in_.form.tap_block;
    cut_taps(g(), p_.swept ? kMostSweptTaps : kRowsOfTask, taps);
    // Rows of one task lie side by side in dw: all taps of several channels, or some of one.
    const bool whole = !dot_ && product(taps) == g().taps();
    in_.form.ic_block = whole ? even(g().ic, std::max<index_t>(1, kRowsOfTask / product(taps))) : 1;
    p_.blocks = ceil_div(g().ic, in_.form.ic_block);
    for (int a = 0; a < kMaxSpatial; ++a) p_.blocks *= ceil_div(g().axis[a].kernel, taps[a]);
  }

  void choose_panels() {
    if (dot_) return;
    in_.form.panel = best_panel(tiles_, g().oc, double(p_.rows())) * tiles_.lanes;
    in_.panels = ceil_div(g().oc, index_t{in_.form.panel});
    const index_t most = std::max<index_t>(1, kSumElements / (p_.rows() * in_.form.panel));
    p_.splits = ceil_div(in_.panels, most);
  }

  // The share of the products whose x is not padding, and whether leaving the others out pays for the uneven
  // tiles of rows it needs.
  void choose_skipping() {
    if (dot_) return;
    double seen = 1;
    for (const Window& w : g().axis) {
      double pixels = 0;
      for (index_t k = 0; k < w.kernel; ++k) pixels += double(seeing_outputs(w, k).size());
      seen *= pixels / double(w.out * w.kernel);
    }
    const int v = in_.form.panel / tiles_.lanes;
    const double rows = double(in_.form.ic_block), taps = double(product(in_.form.tap_block));
    const double steps = double(std::min(g().n * g().pixels(), kSteps));
    const double by_tap = taps * (seen * steps * panel_step_cycles(tiles_, v, rows) + kTapCycles);
    const double share = by_tap / (steps * panel_step_cycles(tiles_, v, rows * taps));
    // Padding around dy must not meet an inf of x.
    const bool exchanged = p_.algorithm == Algorithm::lanes_on_inputs;
    p_.skips_padding = share < 0.97 || (exchanged && seen < 1);
    if (p_.skips_padding) share_ = share;
  }

  bool lay_out(const Axes& tile) {
    lay_out_stage(in_, tile, dot_, dot_);
    // Swept, the tiles of a staged x, so that the sums do not depend on how its elements lie.
    const index_t staged = in_.form.ic_block * in_.plane_pitch + kMaxPixelTile;
    in_.stage_elements = in_.in_place ? 0 : staged;
    return (p_.swept ? staged : in_.stage_elements) <= budget_ &&
           (dot_ || product(tile) * in_.images <= kSteps);
  }
  // Whole rows if they fit, or part of one row, so that a tile is one run of dy; small images together.
  void choose_tile() {
    Axes tile{g().axis[0].out, g().axis[1].out, g().axis[2].out};
    for (int a = 0; a < kMaxSpatial && !lay_out(tile); ++a) {
      tile[a] = largest(tile[a], [&](index_t size) {
        tile[a] = size;
        return lay_out(tile);
      });
      // Parts of a row are whole vectors.
      if (a == 2 && tile[a] > tiles_.lanes) tile[a] = tile[a] / tiles_.lanes * tiles_.lanes;
      else if (p_.swept && a == 1 && tile[a] > tiles_.stencil_rows)  // and of a plane whole blocks of rows
        tile[a] = round_up(even(g().axis[a].out, tile[a] / tiles_.stencil_rows * tiles_.stencil_rows),
                           tiles_.stencil_rows);
      else tile[a] = even(g().axis[a].out, tile[a]);
    }
    for (int a = 0; a < kMaxSpatial; ++a) in_.tiles[a] = ceil_div(g().axis[a].out, tile[a]);
    // A dot has one loop over images or over depth.
    if (product(in_.tiles) == 1 && !p_.swept && !(dot_ && g().axis[0].out > 1))
      in_.images = even(g().n, largest(std::min(g().n, kSteps), [&](index_t images) {
                          in_.images = images;
                          return lay_out(tile);
                        }));
    lay_out(tile);
    p_.units = ceil_div(g().n, in_.images) * product(in_.tiles);
  }

  // Where tasks are too few for the cores: parts of the reduction, with sums of their own. Where one is
  // little work: several groups.
  void choose_parts() {
    const double tasks = double(p_.tasks()), enough = kTasksPerCore * cores();
    const double wanted = std::clamp(p_.cycles / kTaskCycles, 1.0, enough);
    const double most = double(kMostPartBytes) * cores() / (double(p_.weights()) * in_.item_bytes);
    const double parts = std::min(std::ceil(wanted / tasks), std::max(1.0, most));
    p_.parts = tasks >= enough ? 1 : std::min(index_t(parts), p_.units);
    if (dot_) in_.group_block = groups_of_task(in_, double(p_.blocks * p_.parts));
    if (!p_.swept) return;
    const index_t sums = g().taps() * tiles_.lanes;
    p_.groups_of_sums = std::clamp<index_t>(caches().l1 / 2 / in_.item_bytes / sums, 1, in_.group_block);
    in_.sums_elements = round_up(p_.groups_of_sums * g().taps(), tiles_.lanes) * tiles_.lanes;
  }

  double cycles() const {
    const double lanes = tiles_.lanes, row = double(in_.stage[2].copies * in_.stage[2].length);
    double staged = double(g().ic) * double(g().n) * double(product(in_.tiles));
    for (int a = 0; a < 2; ++a) staged *= double(in_.stage[a].copies * in_.stage[a].length);
    const double tap_blocks = double(p_.blocks) / double(ceil_div(g().ic, in_.form.ic_block));
    double sum = in_.in_place || masked_
                     ? 0
                     : staged * (row / lanes * 3 + kRowCycles) * double(p_.splits) * tap_blocks;
    sum += dot_ ? dot_cycles() : tile_cycles();
    return sum * double(g().groups);
  }
  double tile_cycles() const {
    const int v = in_.form.panel / tiles_.lanes;
    const double pixels = double(g().n) * double(g().pixels()), rows = double(g().ic) * double(g().taps());
    const double blocks = double(p_.blocks), units = double(p_.units), lanes = tiles_.lanes;
    const double vectors = double(ceil_div(g().oc, index_t{tiles_.lanes})), panels = double(in_.panels);
    double sum = pixels * blocks * panels_step_cycles(tiles_, g().oc, v, rows / blocks) * share_;
    // dy packed, the last vector element by element where it is not full.
    sum += pixels * blocks * (vectors * 5 / lanes + (g().oc % tiles_.lanes ? lanes : 0));
    sum += units * rows * (vectors * 2 + panels / tiles_.channel_rows[v - 1] * 10);  // sums, again and again
    sum += units * panels * blocks * kCallCycles;
    return sum + rows * double(g().oc) / lanes * 5;  // transposed
  }
  double dot_cycles() const {
    const double pixels = double(g().n) * double(g().pixels()), rows = double(g().ic) * double(g().taps());
    const double vectors =
        double(ceil_div(in_.tile[2], index_t{tiles_.lanes})) / double(in_.tile[2]) * pixels;
    if (p_.swept) return vectors * (0.6 * rows + 4) + double(p_.units) * (kSweepCycles + 2 * rows) + rows;
    const double r = g().oc >= kDotRows ? kDotRows : double(g().oc), calls = std::ceil(double(g().oc) / r);
    // Half of the loads of dy and all of x cross a line.
    const double sum = vectors * calls * rows * std::max(r / 2, 1 + r / 6);
    return sum + calls * rows * double(p_.units) * 8 * r;
  }

  const ConvGeometry& g() const { return in_.g; }

  WeightGradientPlan p_;
  ConvPlan& in_ = p_.in;
  Tiles tiles_;
  bool dot_, masked_ = false;  // masked_: x is read in place where its rows are dense
  index_t budget_ = 0;
  double share_ = 1;  // of the steps, left where padding is skipped
};

}  // namespace

WeightGradientScratch weight_gradient_scratch(const WeightGradientPlan& p) {
  const auto lines = [](index_t bytes) { return static_cast<std::size_t>(round_up(bytes, kAlignment)); };
  const ConvPlan& in = p.in;
  const bool dot = p.algorithm == Algorithm::lanes_on_pixels;
  const auto unless_dot = [&](index_t bytes) { return dot ? 0 : lines(bytes); };
  const index_t word = sizeof(index_t), outputs = outputs_of_tile(in), panel = in.form.panel * in.item_bytes;
  const Axes& taps = in.form.tap_block;
  const index_t beyond = kMaxPixelTile / kMaxVectors;  // rows that a transposition reads beyond the last
  WeightGradientScratch s;
  s.packed = lines(in.stage_elements * in.item_bytes);
  s.sums = s.packed + (p.swept ? lines(in.sums_elements * in.item_bytes) : unless_dot(outputs * panel));
  s.rows = s.sums + unless_dot((p.panels_of_task() * p.rows() + beyond) * panel);
  s.outs = s.rows + lines(p.rows() * (p.swept ? index_t(sizeof(TapColumns)) : word));
  s.pixels = s.outs + lines(p.rows() * word);
  s.numbers = s.pixels + unless_dot(outputs * word);
  s.steps = s.numbers + unless_dot(outputs * word);
  s.runs = s.steps + unless_dot(in.images * in.tile[0] * in.tile[1] * index_t(sizeof(Steps)));
  s.total = s.runs + lines((taps[0] + taps[1] + taps[2] + kMaxSpatial) * index_t(sizeof(CopyRun)));
  return s;
}

const char* algorithm_name(Algorithm a) {
  constexpr const char* kNames[kWeightGradientAlgorithms] = {"lanes_on_outputs", "lanes_on_inputs",
                                                             "lanes_on_pixels"};
  return kNames[static_cast<int>(a)];
}

bool accepts(Algorithm a, const ConvGeometry& g) {
  if (a != Algorithm::lanes_on_inputs) return true;
  for (const Window& w : g.axis) {
    const index_t reach = (w.kernel - 1) * w.dilation;
    if (w.in == 0 || w.stride != 1 || w.pad_lo > reach || w.pad_hi > reach) return false;
  }
  return true;
}

void force_weight_gradient_algorithm(const std::string& name) {
  int found = name.empty() ? -1 : kWeightGradientAlgorithms;
  for (int i = 0; i < kWeightGradientAlgorithms; ++i)
    if (name == algorithm_name(static_cast<Algorithm>(i))) found = i;
  NDNN_CHECK(found < kWeightGradientAlgorithms,
             "force_weight_gradient_algorithm: no such algorithm, but got '", name, "'");
  g_forced.store(found);
}

WeightGradientPlan plan_conv_weight_gradient(const ConvGeometry& g, int item_bytes, Isa isa, int max_threads,
                                             Algorithm a) {
  return Planner(g, item_bytes, isa, a).make(max_threads);
}

WeightGradientPlan plan_conv_weight_gradient(const ConvGeometry& g, int item_bytes, Isa isa,
                                             int max_threads) {
  const int forced = g_forced.load(std::memory_order_relaxed);
  WeightGradientPlan best;
  best.cycles = std::numeric_limits<double>::infinity();
  for (int i = 0; i < kWeightGradientAlgorithms; ++i) {
    const auto a = static_cast<Algorithm>(i);
    if (!accepts(a, g)) continue;
    const WeightGradientPlan p = plan_conv_weight_gradient(g, item_bytes, isa, max_threads, a);
    if (i == forced) return p;
    if (p.cycles < best.cycles) best = p;
  }
  return best;
}

std::string describe(const WeightGradientPlan& p) {
  return concat(algorithm_name(p.algorithm), ", isa=", isa_name(p.in.isa), ", threads=", p.threads,
                ", tile=", tail(p.in.tile, p.in.g.rank), ", images=", p.in.images,
                ", channels per panel=", p.in.form.panel, ", row blocks=", p.blocks, ", splits=", p.splits,
                ", parts=", p.parts, p.skips_padding ? ", padding skipped" : "", p.swept ? ", swept" : "",
                p.in.in_place ? ", in place" : "", ", cycles=", p.cycles);
}

}  // namespace ndnn
