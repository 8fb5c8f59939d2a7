// SPDX-License-Identifier: MIT
// Values of an image at points between its pixels, and the gradients for the image and the points.
#pragma once
#include "core/isa.hpp"
#include "core/view.hpp"

namespace ndnn {

enum class SampleMode { bilinear, nearest, bicubic };
enum class SamplePadding { zeros, border, reflection };
constexpr const char* kSampleModeNames[] = {"bilinear", "nearest", "bicubic"};
constexpr const char* kSamplePaddingNames[] = {"zeros", "border", "reflection"};

// The axes of an image in the order of a grid's coordinates: x (of W), y, z.
struct SampleAxis {
  index_t size, stride;  // of the input
};

struct SamplePlan {
  SampleMode mode;
  SamplePadding padding;
  bool align_corners;
  int rank;              // 2 or 3
  index_t n, c, points;  // points of one image
  SampleAxis axis[3];
  index_t x_image, x_channel;
  // Of the grid: point p is (p / (oh*ow), p / ow % oh, p % ow).
  index_t out[3];  // OD, OH, OW
  index_t grid_stride[3], grid_image, grid_axis;
  double cycles = 0;
  int threads = 1;

  int taps_per_axis() const { return mode == SampleMode::nearest ? 1 : mode == SampleMode::bilinear ? 2 : 4; }
  int taps() const {
    int k = 1;
    for (int a = 0; a < rank; ++a) k *= taps_per_axis();
    return k;
  }
};

// y is (N, C, points), dense, as are gradients of it.
template <class T>
void run_grid_sample(const SamplePlan& plan, Isa isa, const T* x, const T* grid, T* y);
// dx is dense, and x's strides in the plan are its own. Every channel sums over the points in their order.
template <class T>
void run_grid_sample_input_gradient(const SamplePlan& plan, Isa isa, const T* dy, const T* grid, T* dx);
// dgrid is (N, points, rank), dense. Sums over the channels in their order.
template <class T>
void run_grid_sample_grid_gradient(const SamplePlan& plan, Isa isa, const T* dy, const T* x, const T* grid,
                                   T* dgrid);

}  // namespace ndnn
