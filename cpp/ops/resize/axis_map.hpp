// SPDX-License-Identifier: MIT
// A linear map along one axis, as rows of a sparse matrix whose entries stand side by side. Pooling and
// interpolation are one such map per spatial axis, and so are their gradients: the transposed maps.
#pragma once
#include <vector>

#include "core/shape.hpp"
#include "core/window.hpp"

namespace ndnn {

// y[o] = scale[o] * sum over k < count[o] of weight[o*taps + k] * x[first[o] + k]. Neither first nor
// first + count ever decreases, so the transposed map has the same form.
struct AxisMap {
  index_t in = 1, out = 1;
  index_t taps = 1;                   // the largest count
  std::vector<index_t> first, count;  // both empty: the identity
  std::vector<double> weight;         // empty: all are 1
  std::vector<double> scale;          // empty: all are 1
  std::vector<double> before;         // factors of x, for large windows of different scales; empty: none
  // Where all windows are alike but for what the edges cut off: o*stride - pad, `size` long.
  index_t size = 0, stride = 0, pad = 0;

  bool identity() const { return first.empty(); }
  index_t end(index_t o) const { return first[o] + count[o]; }
};

AxisMap identity_map(index_t n);
AxisMap scaled_identity(index_t n, double factor);
// Sums over windows whose size is known to fit; the counts that a mean divides by are set by the caller.
AxisMap window_map(const Window& w);
// Means of an even cut of the axis.
AxisMap adaptive_map(index_t in, index_t out);
AxisMap transposed(const AxisMap& m);
// Moves factors that are the same for all outputs of an axis to the last axis that is no identity: sums are
// formed first and multiplied once, with one rounding.
void gather_scales(AxisMap* maps, int count);

}  // namespace ndnn
