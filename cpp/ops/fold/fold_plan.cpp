// SPDX-License-Identifier: MIT
// The rules, in torch's order, and the maps. Touches no data.
#include "core/parallel.hpp"
#include "ops/conv/conv.hpp"
#include "ops/fold/fold.hpp"

namespace ndnn {
namespace {

constexpr double kCyclesPerElement = 0.6;
constexpr index_t kLongestRow = index_t{1} << 16;  // longer ones are dealt to threads in parts

void finish(GatherPlan& p, int max_threads) {
  for (const OuterAxis& a : p.outer) {
    p.planes *= a.map.out;
    p.in_planes *= a.map.in;
  }
  p.cycles = kCyclesPerElement * double(std::max(p.gathered(), p.inputs()));
  p.threads = useful_threads(p.cycles, max_threads);
}

// Axis a into a + 1 where the inner one is copied whole: their product is padded by as many rows.
void join_axes(PadMode mode, std::vector<PadAxis>& axes) {
  for (auto a = static_cast<int>(axes.size()) - 2; a >= 0; --a) {
    PadAxis &outer = axes[a], &inner = axes[a + 1];
    const bool whole = inner.before == 0 && inner.after == 0;
    const bool padded = outer.before != 0 || outer.after != 0;
    if (!whole || (padded && mode != PadMode::constant) || outer.stride != inner.in * inner.stride) continue;
    const index_t longest = std::max(outer.in, outer.in + outer.before + outer.after);
    if (inner.in == 0 || longest > kLongestRow / inner.in) continue;
    inner = {outer.in * inner.in, outer.before * inner.in, outer.after * inner.in, inner.stride};
    axes.erase(axes.begin() + a);
  }
}

}  // namespace

void check_pads(const char* name, PadMode mode, const std::vector<PadAxis>& axes, const index_t* pad,
                int pads) {
  std::vector<index_t> shape, out;
  for (const PadAxis& a : axes) shape.push_back(a.in);
  const Tuple size{shape.data(), static_cast<int>(shape.size())}, given{pad, pads};
  for (const PadAxis& a : axes) {
    const Checked kept = Checked(a.in) + std::min<index_t>(a.before, 0) + std::min<index_t>(a.after, 0);
    const Checked end = Checked(a.in) + a.before + a.after;
    NDNN_CHECK(!kept.overflow && !end.overflow && kept.value >= 0, name,
               ": negative padding must leave a size of at least 0, but got pad=", given,
               " and input.shape=", size);
    const index_t most = std::max(a.before, a.after);
    NDNN_CHECK(mode != PadMode::reflect || most < std::max<index_t>(a.in, 1), name,
               ": padding to reflect must be less than the input's size, but got pad=", given,
               " and input.shape=", size);
    NDNN_CHECK(mode != PadMode::circular || most <= kept.value, name,
               ": circular padding must go round at most once, but got pad=", given,
               " and input.shape=", size);
    NDNN_CHECK(mode == PadMode::constant || mode == PadMode::circular || end.value >= 1 || a.in == 0, name,
               ": the output must not be empty, but got pad=", given, " and input.shape=", size);
    out.push_back(end.value);
  }
  check_elements(name, "output", out.data(), static_cast<int>(out.size()));
}

GatherPlan plan_pad(PadMode mode, std::vector<PadAxis> axes, int max_threads) {
  join_axes(mode, axes);
  while (axes.size() < 2) axes.insert(axes.begin(), PadAxis{1, 0, 0, 0});
  GatherPlan p;
  for (std::size_t a = 0; a < axes.size(); ++a) {
    const AxisRuns map = pad_map(mode, axes[a].in, axes[a].before, axes[a].after);
    if (a + 2 < axes.size()) p.outer.push_back({map, axes[a].stride});
    else (a + 2 == axes.size() ? p.rows : p.columns).push_back(map);
  }
  p.row_stride = axes[axes.size() - 2].stride;
  p.column_stride = axes.back().stride;
  finish(p, max_threads);
  return p;
}

GatherPlan plan_unfold(const char* name, const UnfoldArgs& args, const index_t (&size)[4],
                       const index_t (&stride)[4], int max_threads) {
  check_least(name, "kernel_size", args.kernel, 2, 1);
  check_least(name, "dilation", args.dilation, 2, 1);
  check_least(name, "padding", args.padding, 2, 0);
  check_least(name, "stride", args.stride, 2, 1);
  Window w[2];
  for (int a = 0; a < 2; ++a) {
    w[a].in = size[2 + a];
    w[a].kernel = args.kernel[1 + a];
    w[a].stride = args.stride[1 + a];
    w[a].dilation = args.dilation[1 + a];
    w[a].pad_lo = w[a].pad_hi = args.padding[1 + a];
    const char* const broken = set_output_size(w[a]);
    NDNN_CHECK(!broken, name, ": ", broken, ", but got size ", Tuple{size + 2, 2},
               ", kernel_size=", tail(args.kernel, 2), ", stride=", tail(args.stride, 2),
               ", padding=", tail(args.padding, 2), ", dilation=", tail(args.dilation, 2));
  }
  const index_t blocks[6] = {size[0], size[1], w[0].kernel, w[1].kernel, w[0].out, w[1].out};
  check_elements(name, "array of blocks", blocks, 6);
  GatherPlan p;
  for (int a = 0; a < 2; ++a) p.outer.push_back({window_map(size[a], size[a], 0, 1), stride[a]});
  for (int a = 0; a < 2; ++a)
    for (index_t k = 0; k < w[a].kernel; ++k)
      (a ? p.columns : p.rows).push_back(window_map(w[a].in, w[a].out, w[a].position(0, k), w[a].stride));
  p.row_stride = stride[2];
  p.column_stride = stride[3];
  finish(p, max_threads);
  return p;
}

bool is_shuffle(const GatherPlan& p) {
  const auto blocks = [](const std::vector<AxisRuns>& maps) {
    const auto step = static_cast<index_t>(maps.size());
    for (index_t k = 0; k < step; ++k) {
      const AxisRuns& m = maps[k];
      if (m.runs != 1 || m.run[0].fill || m.run[0].from != k || m.out * step != m.in) return false;
      if (m.out > 1 && m.run[0].step != step) return false;
    }
    return true;
  };
  for (const OuterAxis& a : p.outer)
    if (!a.map.trivial()) return false;
  return blocks(p.rows) && blocks(p.columns);
}

}  // namespace ndnn
