// SPDX-License-Identifier: MIT
// Interpolation as axis maps. Places and weights are computed as torch does it, in float for float arrays: a
// place rounded otherwise is another pixel in nearest, and a difference of 1e-4 on a row of a thousand.
#pragma once
#include "ops/resize/axis_map.hpp"

namespace ndnn {

enum class Interpolation { nearest, nearest_exact, linear, cubic, area, lanczos };

struct InterpolationAxis {
  index_t in, out;
  double scale;  // as given by the user; 0: none, out/in
};
template <class T>
AxisMap interpolation_map(const InterpolationAxis& axis, Interpolation mode, bool align_corners,
                          bool antialias);

}  // namespace ndnn
