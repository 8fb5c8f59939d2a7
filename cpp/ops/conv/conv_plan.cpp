// SPDX-License-Identifier: MIT
// Chooses algorithm, blocks and threads from shapes alone. All costs are cycles of one core at two FMAs a
// cycle; the constants were measured on AVX-512 and only their ratios matter.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "ops/conv/conv_cost.hpp"
#include "ops/conv/conv_winograd.hpp"

namespace ndnn {
namespace {

constexpr index_t kReductionBlock = 512;  // steps: a 256-byte wide panel of them is 128 KB, in L2
constexpr index_t kLongestReductionBlock = 768;
constexpr index_t kSmallImage = 200, kImagesOutputs = 400;  // outputs of an image, and of a tile of images
constexpr index_t kSumChannels = 512;                       // channels whose sums one task keeps
constexpr double kCallCycles = 50;                          // of one kernel call beside its sums
constexpr double kLongestTaskCycles = 100e6;                // interrupts are looked for between tasks
constexpr double kLeastWinogradMacs = 500e3;                // smaller calls are over before it is planned
constexpr index_t kLargestPlane = 4096;                     // bytes, to be read in place

std::atomic<int> g_forced{-1};    // -1: the plan chooses
std::atomic<int> g_winograd{-1};  // -1: not read yet

double pixel_tile_cycles(double rows, double vectors) {
  return std::max(rows * vectors / 2, (rows + 1.5 * vectors) / 2);  // half of the x loads split a line
}

class Planner {
 public:
  Planner(const ConvGeometry& g, int item_bytes, Isa isa, bool packed, ConvAlgorithm algorithm)
      : g_(g), packed_(packed), tiles_(item_bytes == 4 ? tiles_of<float>(isa) : tiles_of<double>(isa)) {
    p_.g = g;
    p_.isa = isa;
    p_.item_bytes = item_bytes;
    p_.form.algorithm = algorithm;
    p_.form.groups = g.groups;
    stencil_ = algorithm == ConvAlgorithm::stencil;
    on_pixels_ = stencil_ || algorithm == ConvAlgorithm::lanes_on_pixels;
    // One channel in half of L1, or blocks of channels in L2.
    budget_ = (stencil_ ? caches().l1 / 2 : caches().l2 * 6 / 10) / item_bytes;
  }

  ConvPlan make(int max_threads) {
    p_.in_place = reads_in_place();
    choose_panels();
    choose_reduction_blocks();
    choose_dealing();
    choose_tile();
    choose_threads(max_threads);
    finish();
    return p_;
  }

 private:
  // Channels: the panel width with the least waste; wider panels reuse each load of x more often.
  void choose_panels() {
    if (on_pixels_) {
      p_.form.panel = stencil_ ? 1 : tiles_.pixel_rows;
      p_.panels = ceil_div(g_.oc, index_t{p_.form.panel});
      return;
    }
    p_.form.panel = best_panel(tiles_, g_.oc, double(g_.pixels())) * tiles_.lanes;
    p_.panels = ceil_div(g_.oc, index_t{p_.form.panel});
  }

  // Planes of which every output reads one element. Channels: small ones (512 channels of 7x7: 221 -> 243
  // GFLOP/s); larger ones would miss the TLB. Pixels: whole vectors, so that none reads beyond a plane (144
  // channels of 56x56 to 24: 173 -> 235). Planes a power of two apart share few cache sets.
  // Stencil: wherever lanes can be masked, for padding is added to no sum.
  bool reads_in_place() const {
    if (stencil_) {
      const index_t stride = g_.axis[2].stride;
      return g_.unit_rows && tiles_.masked_stencil && stride <= 2 && !sweeps_along_rows(g_, tiles_.lanes);
    }
    if (!reads_single_elements(g_)) return false;
    if (on_pixels_) {
      const Window& w = g_.axis[2];
      return g_.unit_rows && g_.pixels() == w.in && w.in % tiles_.lanes == 0 &&
             w.in * p_.item_bytes % 4096 != 0;
    }
    index_t plane = p_.item_bytes;
    for (const Window& w : g_.axis) plane = std::min(plane, kLargestPlane) * std::min(w.in, kLargestPlane);
    return plane <= kLargestPlane && plane % 1024 != 0;
  }

  void choose_reduction_blocks() {
    Axes& taps = p_.form.tap_block;
    cut_taps(g_, kLongestReductionBlock, taps);
    const index_t all = product(taps), limit = kReductionBlock / all;
    const bool one_block = g_.ic <= kLongestReductionBlock / all;
    p_.form.ic_block = std::max<index_t>(1, one_block ? g_.ic : even(g_.ic, std::max<index_t>(1, limit)));
    p_.blocks = std::max<index_t>(1, ceil_div(g_.ic, p_.form.ic_block));
    for (int a = 0; a < kMaxSpatial; ++a) p_.blocks *= ceil_div(g_.axis[a].kernel, taps[a]);
  }

  // Sets stage[], pitches and scratch for `tile`; true where the block fits its share of L2.
  bool lay_out(const Axes& tile) {
    lay_out_stage(p_, tile, on_pixels_, stencil_);
    p_.stage_elements = p_.form.ic_block * p_.plane_pitch + kMaxPixelTile;
    const index_t channels = std::min(g_.oc, kSumChannels);
    if (stencil_) {
      p_.in_output = p_.row_tiles = true;
      p_.sums_elements = 0;
      if (p_.in_place) p_.stage_elements = 0;
    } else if (on_pixels_) {
      choose_pixel_tiles();
      p_.sums_elements = p_.in_output ? kMaxRows * kMaxPixelTile : channels * flat_pitch();
    } else {
      p_.sums_elements = (keeps_sums(p_) ? channels : p_.form.panel) * sum_rows(p_, tiles_.lanes);
    }
    return p_.stage_elements <= budget_ && p_.sums_elements <= budget_ &&
           (product(tile) <= most_pixels_ || p_.images > 1);
  }
  index_t flat_pixels() const { return flat_pixels_of(p_, p_.tile); }
  index_t flat_pitch() const { return round_up(flat_pixels(), kMaxPixelTile); }

  // Pixels: cycles of one reduction step of one panel over a tile, row by row or over the gaps.
  double row_tile_cycles() const {
    const double vectors = double(ceil_div(p_.tile[2], tiles_.lanes));
    const double parts = std::ceil(vectors / tiles_.pixel_vectors);
    return double(p_.tile[0] * p_.tile[1]) * parts * pixel_tile_cycles(panel_rows(), vectors / parts);
  }
  double flat_tile_cycles() const {
    const double v = tiles_.pixel_vectors;
    return std::ceil(double(flat_pixels()) / (v * tiles_.lanes)) * pixel_tile_cycles(panel_rows(), v);
  }
  double panel_rows() const { return double(g_.oc) / double(p_.panels); }
  void choose_pixel_tiles() {
    const bool gaps = flat_pixels() != product(p_.tile);
    const double closing = double(product(p_.tile)) * panel_rows() / tiles_.lanes * 3;
    p_.row_tiles = gaps && row_tile_cycles() * steps() <= flat_tile_cycles() * steps() + closing;
    p_.in_output = !gaps || p_.row_tiles;
  }

  // Channels: small images fill tiles together. Then, whether skipping every tap in the padding pays for
  // the uneven tiles it needs.
  void choose_dealing() {
    if (on_pixels_ || work_cycles() < 50e3) return;
    TapSegment segments[kMaxSpatial][kMostSegments];
    index_t count[kMaxSpatial];
    for (int a = 0; a < kMaxSpatial; ++a) {
      const Window& w = g_.axis[a];
      count[a] = w.out > 512 ? 0 : tap_segments(w, {0, w.out}, segments[a]);
      if (count[a] == 0) return;
    }
    if (g_.pixels() <= kSmallImage) choose_images();
    const int v = p_.form.panel / tiles_.lanes;
    double cycles = 0;
    for (index_t d = 0; d < count[0]; ++d)
      for (index_t h = 0; h < count[1]; ++h)
        for (index_t w = 0; w < count[2]; ++w) {
          const TapSegment &sd = segments[0][d], &sh = segments[1][h], &sw = segments[2][w];
          const double n = double(sd.outputs.size() * sh.outputs.size() * sw.outputs.size() * p_.images);
          const double tiles = std::ceil(n / tiles_.channel_rows[v - 1]);
          cycles += double(sd.taps.size() * sh.taps.size() * sw.taps.size()) * tiles *
                    channel_tile_cycles(n / tiles, v);
        }
    // Small tiles stream the panel from L2 faster than it comes, so ask for a clear gain.
    skipping_ =
        cycles / (double(g_.taps()) * panel_step_cycles(tiles_, v, double(g_.pixels())) * double(p_.images));
    p_.by_taps = p_.images > 1 || skipping_ < 0.97;
  }
  void choose_images() {
    p_.by_taps = true;
    for (index_t most = kImagesOutputs / g_.pixels(); most > 1; --most) {
      p_.images = even(g_.n, most);
      if (lay_out({g_.axis[0].out, g_.axis[1].out, g_.axis[2].out})) return;
    }
    p_.images = 1;
  }
  // Whole rows if they fit; never part of a row and several rows, so that a tile is one run of y.
  void choose_tile() {
    if (stencil_) return choose_tile_of_at_most(p_.in_place ? pixels_of_task() : g_.pixels());
    const double tasks = std::clamp(work_cycles() / kTaskCycles, 1.0, kTasksPerCore * cores());
    double tiles =
        std::floor(tasks / (double(g_.n * g_.groups) * std::min(double(p_.panels), useful_splits())));
    // Every tile reads all weights of its group again, from L3 if L2 does not hold them: about a byte for
    // each cycle of work is what that may cost.
    const double weights = double(g_.oc) * steps() * p_.item_bytes;
    if (weights > double(caches().l2) / 2) tiles = std::min(tiles, std::floor(work_cycles() / weights));
    tiles = std::max(tiles, 1.0);
    const index_t rows = g_.axis[0].out * g_.axis[1].out, row = g_.axis[2].out;
    const double rows_of_tile = double(rows) / tiles;
    const double most =
        rows_of_tile >= 1 ? std::ceil(rows_of_tile) * double(row) : rows_of_tile * double(row);
    choose_tile_of_at_most(std::max<index_t>(tiles_.lanes, index_t(most)));
  }
  // Stencil: whole planes, where they are enough tasks and none lasts long.
  index_t pixels_of_task() const {
    const double planes = double(g_.n) * double(g_.groups), cycles = work_cycles() / std::max(1.0, planes);
    const double tasks = std::clamp(work_cycles() / kTaskCycles, 1.0, kTasksPerCore * cores());
    const double tiles = std::ceil(std::max(tasks / planes, cycles / kLongestTaskCycles));
    return std::max<index_t>(tiles_.lanes, index_t(double(g_.pixels()) / tiles));
  }
  // Tasks that share a tile's input stage it again each: as many as that costs a tenth of the work.
  double useful_splits() const {
    double inputs = double(g_.c * g_.n);
    for (const Window& w : g_.axis) inputs *= double(w.in);
    const bool strided = on_pixels_ && g_.axis[kMaxSpatial - 1].stride > 1;
    return 1 + 0.1 * work_cycles() / std::max(1.0, inputs / tiles_.lanes * (strided ? 8 : 3));
  }
  void choose_tile_of_at_most(index_t pixels) {
    most_pixels_ = pixels;
    Axes tile{g_.axis[0].out, g_.axis[1].out, g_.axis[2].out};
    for (int a = 0; a < kMaxSpatial && !lay_out(tile); ++a) {
      index_t low = largest(tile[a], [&](index_t size) {
        tile[a] = size;
        return lay_out(tile);
      });
      index_t rows = stencil_ && a == 1 && low > tiles_.stencil_rows ? tiles_.stencil_rows : 1;
      if (p_.in_place && on_pixels_ && a == 2) rows = tiles_.lanes;  // whole vectors
      low = std::max(low, rows);
      tile[a] = round_up(even(g_.axis[a].out, low / rows * rows), rows);
    }
    lay_out(tile);
    for (int a = 0; a < kMaxSpatial; ++a) p_.tiles[a] = ceil_div(g_.axis[a].out, tile[a]);
  }

  // Stencil: one vector of outputs. FMA-bound, but for low columns, where x vectors off the line are two
  // loads for few FMAs; stride 2 takes up to twice the loads in place, and shuffles.
  double stencil_row_cycles() const {
    const double products = steps();
    if (!p_.in_place) return 0.6 * products + 4;
    return g_.axis[2].stride == 1 ? 0.55 * products + 3
                                  : products * (0.65 + 1.5 / double(g_.axis[2].kernel)) + 4;
  }
  // What one channel's sweep waits for, where its input does not stay in L1 or L2.
  double far_input_cycles() const {
    double bytes = double(g_.ic) * p_.item_bytes;
    for (int a = 0; a < kMaxSpatial; ++a)
      bytes *= double(std::min(p_.tile[a] * g_.axis[a].stride, g_.axis[a].in));
    const double speed = bytes > double(caches().l2) / 2 ? 12 : bytes > double(caches().l1) / 2 ? 64 : 1e9;
    return p_.in_place ? double(product(p_.tiles)) * bytes / speed : 0;
  }

  double work_cycles() const { return g_.macs() / (2 * tiles_.lanes); }
  double steps() const { return double(g_.taps()) * double(g_.ic); }

  double cycles() const {
    const double images = double(g_.n * g_.groups), lanes = tiles_.lanes;
    const double outputs = double(g_.oc) * double(g_.pixels());
    double sum = 0;
    if (stencil_) {
      const double row = double(p_.tile[2] * p_.tiles[2]);
      const double row_vectors = std::ceil(row / lanes) * double(g_.pixels() / g_.axis[2].out);
      sum += double(g_.oc) * (row_vectors * stencil_row_cycles() + far_input_cycles());
    } else if (on_pixels_) {
      const double tiles = double(product(p_.tiles)) * double(p_.panels);
      const double vectors = double(p_.row_tiles ? product(p_.tile) : flat_pixels()) / lanes;
      sum += steps() * tiles * (p_.row_tiles ? row_tile_cycles() : flat_tile_cycles());
      sum += tiles * double(p_.blocks) * kCallCycles * vectors / tiles_.pixel_vectors;
      if (!p_.in_output) sum += outputs / lanes * 3;
    } else {
      sum += steps() * panels_step_cycles(tiles_, g_.oc, p_.form.panel / tiles_.lanes, double(g_.pixels())) *
             (p_.by_taps ? skipping_ : 1);
      sum += outputs / lanes * 5;  // transposed store
      sum += double(p_.panels) * double(p_.blocks) * double(g_.pixels()) * kCallCycles /
             tiles_.channel_rows[p_.form.panel / tiles_.lanes - 1];
    }
    double staged_rows = double(g_.ic) * double(product(p_.tiles)),
           row_cycles = 15 * double(p_.stage[2].copies);
    for (int a = 0; a < 2; ++a) staged_rows *= double(p_.stage[a].copies * p_.stage[a].length);
    row_cycles += double(p_.stage[2].copies * p_.stage[2].length) / lanes *
                  (p_.stage[2].kind == Staging::dense ? 2 : 3.5);
    if (!p_.in_place) sum += staged_rows * row_cycles;
    sum *= images;
    if (!packed_) sum += double(g_.groups) * double(g_.oc) * steps() * (on_pixels_ ? 1.5 : 6 / lanes);
    return sum;
  }

  void choose_threads(int max_threads) {
    p_.cycles = cycles();
    if (stencil_) p_.group_block = groups_of_task(p_, double(g_.n) * double(product(p_.tiles)));
    p_.threads = useful_threads(p_.cycles, max_threads);
    // Panels are split where tiles are too few, or the sums of all channels too many.
    const double tasks =
        double(ceil_div(g_.n, p_.images) * ceil_div(g_.groups, p_.group_block)) * double(product(p_.tiles));
    p_.splits = ceil_div(g_.oc, kSumChannels);
    const double enough = std::ceil(p_.threads / std::max(1.0, tasks));
    if (p_.threads > 1 && tasks < 4.0 * p_.threads)
      p_.splits =
          std::max(p_.splits, index_t(std::max(enough, std::min(enough * 4, std::floor(useful_splits())))));
    // A stencil sweeps all channels of a group itself.
    p_.splits = stencil_ ? 1 : std::clamp<index_t>(p_.splits, 1, std::max<index_t>(1, p_.panels));
    p_.threads = static_cast<int>(std::clamp(tasks * double(p_.splits), 1.0, double(p_.threads)));
  }

  // How many calls list_pixel_tiles() in conv_run.cpp deals a tile to, at most.
  index_t kernel_calls() const {
    const Axes& t = p_.tile;
    if (stencil_) return 0;
    if (p_.row_tiles)
      return t[0] * t[1] * ceil_div(ceil_div(t[2], index_t{tiles_.lanes}), tiles_.pixel_vectors);
    if (on_pixels_) return ceil_div(flat_pixels(), index_t{tiles_.pixel_vectors} * tiles_.lanes);
    if (p_.by_taps) return outputs_of_tile(p_);
    return ceil_div(product(t), index_t{tiles_.channel_rows[p_.form.panel / tiles_.lanes - 1]}) + 1;
  }

  void finish() {
    p_.kernel_calls = kernel_calls();
    const index_t channels_of_task = std::min(g_.oc, ceil_div(p_.panels, p_.splits) * p_.form.panel);
    if (on_pixels_ && !p_.in_output) p_.sums_elements = channels_of_task * flat_pitch();
    if (!on_pixels_ && keeps_sums(p_))
      p_.sums_elements = round_up(channels_of_task, p_.form.panel) * sum_rows(p_, tiles_.lanes);
    p_.scratch_bytes = static_cast<std::size_t>(p_.threads) * scratch_bytes_of_thread(p_);
    p_.packed_elements = g_.groups * packed_channels(p_, tiles_.lanes) * g_.taps() * g_.ic;
  }

  ConvGeometry g_;
  bool packed_;
  Tiles tiles_;
  ConvPlan p_;
  bool on_pixels_ = false, stencil_ = false;
  index_t budget_ = 0, most_pixels_ = 1;
  double skipping_ = 1;  // share of the steps left where padding is skipped
};

}  // namespace

void force_algorithm(const std::string& name) {
  int found = name.empty() ? -1 : kConvAlgorithms;
  for (int i = 0; i < kConvAlgorithms; ++i)
    if (name == algorithm_name(static_cast<ConvAlgorithm>(i))) found = i;
  NDNN_CHECK(found < kConvAlgorithms, "force_algorithm: no such algorithm, but got '", name, "'");
  g_forced.store(found);
}
bool forces_other_than(ConvAlgorithm a) {
  const int forced = g_forced.load(std::memory_order_relaxed);
  return forced >= 0 && forced != static_cast<int>(a);
}

const char* algorithm_name(ConvAlgorithm a) {
  constexpr const char* kNames[kConvAlgorithms] = {"stencil", "winograd4", "winograd6", "lanes_on_channels",
                                                   "lanes_on_pixels"};
  return kNames[static_cast<int>(a)];
}

bool winograd_enabled() {
  int on = g_winograd.load(std::memory_order_relaxed);
  if (on < 0) {
    const char* text = std::getenv("NDNN_WINOGRAD");
    const std::string value = text ? text : "";
    NDNN_CHECK(value.empty() || value == "0" || value == "1", "ndnn: NDNN_WINOGRAD must be 0 or 1, but got '",
               value, "'");
    on = value != "0";
    g_winograd.store(on);
  }
  return on == 1;
}
void set_winograd(bool on) { g_winograd.store(on); }

bool accepts(ConvAlgorithm a, const ConvGeometry& g) {
  if (is_winograd(a)) return winograd_accepts(a, g);
  return a != ConvAlgorithm::stencil ||
         g.taps() * std::min(g.ic, kLongestReductionBlock + 1) <= kLongestReductionBlock;
}
std::string refusal(ConvAlgorithm a, const ConvGeometry& g) {
  if (accepts(a, g)) return {};
  if (is_winograd(a)) return winograd_refusal(a, g);
  return concat("an output is the sum of more than ", kLongestReductionBlock, " products");
}

ConvPlan plan_conv(const ConvGeometry& g, int item_bytes, Isa isa, int max_threads, bool packed,
                   ConvAlgorithm a) {
  if (is_winograd(a)) return plan_winograd(g, item_bytes, isa, max_threads, a, packed);
  return Planner(g, item_bytes, isa, packed, a).make(max_threads);
}

ConvPlan plan_conv(const ConvGeometry& g, int item_bytes, Isa isa, int max_threads, bool packed,
                   bool direct) {
  if (!g.unit_rows) {  // the algorithm, and with it each bit of the result, does not depend on the memory
    ConvGeometry plain = g;
    plain.unit_rows = true;
    const ConvPlan p = plan_conv(plain, item_bytes, isa, max_threads, packed, direct);
    return plan_conv(g, item_bytes, isa, max_threads, packed, p.form.algorithm);
  }
  const int forced = g_forced.load(std::memory_order_relaxed);
  const bool small = g.macs() < kLeastWinogradMacs;
  ConvPlan best;
  best.cycles = std::numeric_limits<double>::infinity();
  for (int i = 0; i < kConvAlgorithms; ++i) {
    const auto a = static_cast<ConvAlgorithm>(i);
    if (is_winograd(a) && (direct || (small && i != forced))) continue;
    if (!accepts(a, g)) continue;
    const ConvPlan p = plan_conv(g, item_bytes, isa, max_threads, packed, a);
    if (i == forced) return p;
    if (p.cycles < best.cycles) best = p;
  }
  return best;
}

}  // namespace ndnn
