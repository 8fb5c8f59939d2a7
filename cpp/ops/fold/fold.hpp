// SPDX-License-Identifier: MIT
// pad, unfold, fold and the pixel shuffles: copies whose sources separate into one map an axis, and their
// adjoints, sums of what read each input. One plan describes both.
#pragma once
#include <vector>

#include "core/isa.hpp"
#include "ops/fold/axis_map.hpp"

namespace ndnn {

struct OuterAxis {
  AxisRuns map;
  index_t stride;  // of the input
};

// The gathered array is dense: (outer..., variants of rows, variants of columns, rows, columns). The variants
// are the taps of unfold; pad has one of each. Strides count elements of the input.
struct GatherPlan {
  std::vector<OuterAxis> outer;
  std::vector<AxisRuns> rows, columns;
  index_t row_stride = 1, column_stride = 1;
  index_t planes = 1, in_planes = 1;  // products of the outer axes, gathered and of the input
  int threads = 1;
  double cycles = 0;

  index_t height() const { return rows[0].out; }
  index_t width() const { return columns[0].out; }
  index_t taps() const { return static_cast<index_t>(rows.size() * columns.size()); }
  index_t gathered() const { return planes * taps() * height() * width(); }
  index_t inputs() const { return in_planes * rows[0].in * columns[0].in; }
};

struct PadAxis {
  index_t in, before, after, stride;
};
// Checks numbers before anything is multiplied; axes from the first to the last.
void check_pads(const char* name, PadMode mode, const std::vector<PadAxis>& axes, const index_t* pad,
                int pads);
GatherPlan plan_pad(PadMode mode, std::vector<PadAxis> axes, int max_threads);

struct UnfoldArgs {
  Axes kernel, dilation, padding, stride;  // of the last two axes
};
// (N, C, H, W) with its windows as rows and columns of blocks; x holds sizes and strides.
GatherPlan plan_unfold(const char* name, const UnfoldArgs& args, const index_t (&size)[4],
                       const index_t (&stride)[4], int max_threads);

// y[o] = x[source of o], or fill.
template <class T>
void run_gather(const GatherPlan& plan, Isa isa, const T* x, T fill, T* y);
// x[i] = sum of y[o] over all o that read i, always in one order; x is dense.
template <class T>
void run_gather_adjoint(const GatherPlan& plan, Isa isa, const T* y, T* x);

// Every input is read once, and whole blocks of columns lie side by side: the adjoint is an interleaving.
bool is_shuffle(const GatherPlan& plan);
template <class T>
void run_shuffle(const GatherPlan& plan, Isa isa, const T* y, T* x);

}  // namespace ndnn
