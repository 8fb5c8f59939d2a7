// SPDX-License-Identifier: MIT
// Which input each output of one axis reads, as at most three runs: all that padding, cropping and sliding
// windows need, read forwards (outputs gather) and backwards (inputs sum what read them).
#pragma once
#include <array>

#include "core/window.hpp"

namespace ndnn {

// Outputs first, first + 1, ... read inputs from, from + step, ...; with step 0 all read one, with fill none.
struct Run {
  index_t first = 0, count = 0, from = 0, step = 1;
  bool fill = false;
};

struct AxisRuns {
  static constexpr int kMaxRuns = 3;
  index_t in = 1, out = 1;
  int runs = 0;
  std::array<Run, kMaxRuns> run{};

  // Adds the part of a run that lies in [0, out).
  void add(Run r) {
    if (r.first < 0) {
      r.from -= r.first * r.step;
      r.count += r.first;
      r.first = 0;
    }
    r.count = std::min(r.count, out - r.first);
    if (r.count > 0) run[runs++] = r;
  }
  // The run of most neighbours, or -1.
  int longest() const {
    int most = -1;
    for (int k = 0; k < runs; ++k)
      if (!run[k].fill && run[k].step == 1 && (most < 0 || run[k].count > run[most].count)) most = k;
    return most;
  }
  bool trivial() const { return runs == 1 && in == out && !run[0].fill && run[0].step == 1; }
  // The input that output o reads, or -1.
  index_t source(index_t o) const {
    int i = 0;
    while (i + 1 < runs && o >= run[i + 1].first) ++i;
    return run[i].fill ? -1 : run[i].from + (o - run[i].first) * run[i].step;
  }
};

enum class PadMode { constant, reflect, replicate, circular };
constexpr const char* kPadModeNames[] = {"constant", "reflect", "replicate", "circular"};

// Output o reads input o*step + start where there is one.
inline AxisRuns window_map(index_t in, index_t out, index_t start, index_t step) {
  AxisRuns m{in, out, 0, {}};
  Window w;
  w.in = in;
  w.out = out;
  w.stride = step;
  w.pad_lo = -start;
  const Range inside = seeing_outputs(w, 0);
  m.add({0, inside.begin, 0, 0, true});
  m.add({inside.begin, inside.size(), w.position(inside.begin, 0), step});
  m.add({inside.end, out - inside.end, 0, 0, true});
  return m;
}

// in + before + after outputs, of rules that pad_axes() has checked; negative numbers crop.
inline AxisRuns pad_map(PadMode mode, index_t in, index_t before, index_t after) {
  AxisRuns m{in, in + before + after, 0, {}};
  switch (mode) {
    case PadMode::constant: return window_map(in, m.out, -before, 1);
    case PadMode::reflect:
      m.add({0, before, before, -1});
      m.add({before, in, 0, 1});
      m.add({before + in, after, in - 2, -1});
      break;
    case PadMode::replicate:
      m.add({0, before, 0, 0});
      m.add({before, in, 0, 1});
      m.add({before + in, after, in - 1, 0});
      break;
    case PadMode::circular: {  // what is left after cropping goes round
      const index_t begin = std::max<index_t>(-before, 0), kept = in - begin + std::min<index_t>(after, 0);
      const index_t left = std::max<index_t>(before, 0);
      m.add({0, left, begin + kept - left, 1});
      m.add({left, kept, begin, 1});
      m.add({left + kept, std::max<index_t>(after, 0), begin, 1});
      break;
    }
  }
  return m;
}

}  // namespace ndnn
