// SPDX-License-Identifier: MIT
#include "ops/pool/max_pool.hpp"

#include "core/parallel.hpp"

namespace ndnn {
namespace {

constexpr index_t kLine = 64;              // bytes of the longest vector
constexpr index_t kLongestRow = 4096;      // elements in the buffer; longer ones are cut
constexpr index_t kTileBytes = 16 << 10;   // of buffers, so that they stay in L1 beside x and y
constexpr index_t kLargestTile = 1 << 20;  // what a single row of outputs may need
constexpr index_t kRowsForIndices = 4;     // at least, where rows of x are read by several outputs
constexpr double kBytesPerCycle = 8, kTileCycles = 100, kTapCycles = 0.5, kPlainTapCycles = 3;
constexpr double kTaskCycles = 50e3;

// Without taps that lie in the padding of every output: a kernel may be far larger than the input.
Window without_idle_taps(Window w) {
  const Range taps = touching_taps(w, {0, w.out});
  w.kernel = taps.size();
  w.pad_lo -= taps.begin * w.dilation;
  if (w.kernel <= 1) w.dilation = 1;
  return w;
}

bool every_window_meets_input(const PoolAxis& axis) {
  if (axis.w.dilation == 1) return true;  // padding is shorter than the kernel, and ends are cut off
  for (index_t o = 0; o < axis.w.out; ++o)
    if (axis.span(o).count == 0) return false;
  return true;
}

void set_runs(MaxPoolPlan& p, const std::array<index_t, 5>& stride) {
  const index_t n = p.g.n, c = p.g.c;
  p.plane_stride = c == 1 ? stride[0] : stride[1];
  if (n == 1 || c == 1 || stride[0] == c * stride[1]) {
    p.run = n * c;
    return;
  }
  p.runs = n;
  p.run = c;
  p.run_stride = stride[0];
}

// False where a tile would not fit.
bool set_tile(MaxPoolPlan& p, index_t item, index_t element) {
  for (int a = 0; a < kMaxSpatial; ++a) {
    if (!p.g.axis[a].regular() || !every_window_meets_input(p.g.axis[a])) return false;
    p.window[a] = without_idle_taps(p.g.axis[a].w);
    if (p.window[a].kernel == 0) return false;
  }
  const Window &depth = p.window[0], &column = p.window[1], &row = p.window[2];
  p.in_place = p.isa == Isa::avx512 && (element == 1 || row.in == 1) && row.dilation == 1 &&
               row.stride <= 2 && row.kernel <= (p.with_indices ? kMostTapsInPlace : 3);
  if (row.extent() > kLongestRow) return false;
  p.cols = std::min(row.out, (kLongestRow - row.extent()) / row.stride + 1);
  if (p.in_place) {
    p.cols = row.out;
    const index_t row_bytes = row.in * item * column.stride * depth.kernel;
    p.rows = std::clamp<index_t>(kTileBytes / row_bytes, 1, column.out);
    if (p.rows == column.out) p.planes = std::clamp<index_t>(kTileBytes / (row_bytes * p.rows), 1, p.run);
    return true;
  }
  const index_t lanes = kLine / item;
  // Of one depth: else planes would follow each other without room for the whole vectors that are written.
  p.joined = !p.with_indices && row.extent() <= row.stride && row.stride <= kLongestRow &&
             p.cols == row.out && depth.out == 1;
  const index_t slack = 3 * lanes;
  p.buffer_row =
      p.joined ? p.cols * row.stride : round_up((p.cols - 1) * row.stride + row.extent() + slack, lanes);
  const index_t row_bytes = p.buffer_row * item * (p.with_indices ? depth.kernel : 1);
  // Rows of x that `rows` rows of outputs read; without indices each of these is one row of the buffer.
  const auto buffer_rows = [&](index_t rows) {
    return p.with_indices ? std::min((rows - 1) * column.stride + column.extent(), column.in) : rows;
  };
  const index_t least = p.with_indices ? std::min(kRowsForIndices, column.out) : 1;
  p.rows = std::clamp(kTileBytes / row_bytes, least, column.out);
  if (p.with_indices)
    while (p.rows > 1 &&
           buffer_rows(p.rows) * row_bytes > std::max(kTileBytes, 4 * column.extent() * row_bytes))
      --p.rows;
  p.buffer_rows = buffer_rows(p.rows);
  const Checked bytes = Checked(p.buffer_rows) * row_bytes;
  if (bytes.overflow || bytes.value > kLargestTile) return false;
  if (p.rows == column.out) p.planes = std::clamp<index_t>(kTileBytes / bytes.value, 1, p.run);
  p.buffer_depth = p.with_indices ? depth.kernel : 1;
  p.scratch_bytes = static_cast<std::size_t>(round_up(p.planes * bytes.value + slack * item, kLine));
  return true;
}

}  // namespace

MaxPoolPlan plan_max_pool(const PoolGeometry& g, const std::array<index_t, 5>& stride, int item_bytes,
                          bool with_indices, Isa isa, int max_threads) {
  MaxPoolPlan p;
  p.g = g;
  p.isa = isa;
  p.with_indices = with_indices;
  p.window = {g.axis[0].w, g.axis[1].w, g.axis[2].w};
  set_runs(p, stride);
  const double planes = double(g.n) * double(g.c);
  double taps = 1;
  for (const PoolAxis& a : g.axis)
    taps *= double(a.regular() ? std::min(a.w.kernel, a.w.in) : a.w.in / std::max<index_t>(a.w.out, 1) + 2);
  const bool narrow = item_bytes == 8 || g.plane() <= std::numeric_limits<std::int32_t>::max();
  p.tiled = (narrow || !with_indices) && set_tile(p, item_bytes, stride[4]);
  index_t tiles = p.runs * p.run * g.axis[0].w.out;
  if (p.tiled) {
    tiles = p.runs * ceil_div(p.run, p.planes) * g.axis[0].w.out * ceil_div(g.axis[1].w.out, p.rows) *
            ceil_div(g.axis[2].w.out, p.cols);
    const double bytes = planes * double(g.plane() + g.outputs() * (with_indices ? 3 : 1)) * item_bytes;
    p.cycles = bytes / kBytesPerCycle + double(tiles) * kTileCycles;
    if (with_indices) p.cycles += planes * double(g.outputs()) * taps * kTapCycles * item_bytes / 4;
    p.row_spans.resize(static_cast<std::size_t>(g.axis[1].w.out));
    for (std::size_t o = 0; o < p.row_spans.size(); ++o) p.row_spans[o] = g.axis[1].span(index_t(o));
  } else {
    p.cycles = planes * double(g.outputs()) * taps * kPlainTapCycles;
  }
  p.threads = useful_threads(p.cycles, max_threads);
  const double wanted = tiles ? kTaskCycles / (p.cycles / double(tiles)) : 1;
  p.tiles_per_task =
      static_cast<index_t>(std::clamp(wanted, 1.0, double(std::max<index_t>(1, tiles / (4 * p.threads)))));
  p.tasks = ceil_div(tiles, p.tiles_per_task);
  return p;
}

}  // namespace ndnn
