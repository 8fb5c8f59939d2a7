// SPDX-License-Identifier: MIT
// The taps of one tile of points, for both ways of sampling.
#pragma once
#include <algorithm>

#include "ops/grid_sample/grid_sample_kernels.hpp"

namespace ndnn {

template <class T>
void read_coordinates(const SamplePlan& p, const GridSampleKernels<T>& kernels, const T* grid, index_t image,
                      index_t first, SampleTile<T>& t) {
  const index_t od = first / (p.out[1] * p.out[2]), oh = first / p.out[2] % p.out[1], ow = first % p.out[2];
  index_t place[3] = {od, oh, ow};
  const T* const base = grid + image * p.grid_image;
  for (index_t i = 0; i < t.points;) {  // row by row
    const T* const g =
        base + place[0] * p.grid_stride[0] + place[1] * p.grid_stride[1] + place[2] * p.grid_stride[2];
    const index_t n = std::min(t.points - i, p.out[2] - place[2]);
    if (p.rank == 2 && p.grid_axis == 1 && p.grid_stride[2] == 2) {
      kernels.split(g, n, &t.coordinate[0][i], &t.coordinate[1][i]);
    } else {
      for (int a = 0; a < p.rank; ++a)
        for (index_t j = 0; j < n; ++j) t.coordinate[a][i + j] = g[j * p.grid_stride[2] + a * p.grid_axis];
    }
    i += n;
    place[2] = 0;
    if (++place[1] == p.out[1]) place[1] = 0, ++place[0];
  }
  for (int a = 0; a < p.rank; ++a) std::fill(t.coordinate[a] + t.points, t.coordinate[a] + kTilePoints, T(0));
}

// `width`: elements of a pixel in packed images, or 0 for offsets in the input.
template <class T>
void set_tile(const SamplePlan& p, const GridSampleKernels<T>& kernels, const T* grid, index_t image,
              index_t first, index_t width, SampleTile<T>& t) {
  t.points = std::min(kTilePoints, p.points - first);
  t.rank = p.rank;
  t.taps_per_axis = p.taps_per_axis();
  t.taps = p.taps();
  t.shift = width;
  read_coordinates(p, kernels, grid, image, first, t);
  index_t dense = width;
  for (int a = 0; a < p.rank; dense *= p.axis[a++].size)
    kernels.place(
        {&t, a, p.axis[a].size, width ? dense : p.axis[a].stride, p.mode, p.padding, p.align_corners});
  kernels.combine(t);
}

// Tiles of a task, so that the start of one costs little.
constexpr index_t kTaskPoints = 4 * kTilePoints;

// Channels as lanes, where an image has several and is sampled densely; sizes alone decide.
bool is_packed(const SamplePlan& p, index_t item_bytes);
template <class T>
void run_packed_sample(const SamplePlan& p, Isa isa, const T* x, const T* grid, T* y);
template <class T>
void run_packed_input_gradient(const SamplePlan& p, Isa isa, const T* dy, const T* grid, T* dx);
template <class T>
void run_packed_grid_gradient(const SamplePlan& p, Isa isa, const T* dy, const T* x, const T* grid, T* dgrid);

}  // namespace ndnn
