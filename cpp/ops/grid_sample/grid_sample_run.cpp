// SPDX-License-Identifier: MIT
// The taps of a tile of points are found once and used for all channels. Forward and the grid's gradient deal
// points to tasks, the input's gradient deals channels.
#include <algorithm>

#include "core/parallel.hpp"
#include "ops/grid_sample/grid_sample_kernels.hpp"

namespace ndnn {
namespace {

constexpr index_t kTaskTiles = 4;

template <class T>
void read_coordinates(const SamplePlan& p, const T* grid, index_t image, index_t first, SampleTile<T>& t) {
  index_t at = first;
  const index_t ow = at % p.out[2], oh = (at /= p.out[2]) % p.out[1], od = at / p.out[1];
  index_t place[3] = {od, oh, ow};
  const T* const base = grid + image * p.grid_image;
  for (index_t i = 0; i < t.points; ++i) {
    const T* const g =
        base + place[0] * p.grid_stride[0] + place[1] * p.grid_stride[1] + place[2] * p.grid_stride[2];
    for (int a = 0; a < p.rank; ++a) t.coordinate[a][i] = g[a * p.grid_axis];
    for (int a = 2; a >= 0 && ++place[a] == p.out[a]; --a) place[a] = 0;
  }
  for (int a = 0; a < p.rank; ++a) std::fill(t.coordinate[a] + t.points, t.coordinate[a] + kTilePoints, T(0));
}

template <class T>
void set_tile(const SamplePlan& p, const GridSampleKernels<T>& kernels, const T* grid, index_t image,
              index_t first, SampleTile<T>& t) {
  t.points = std::min(kTilePoints, p.points - first);
  t.rank = p.rank;
  t.taps_per_axis = p.taps_per_axis();
  t.taps = p.taps();
  read_coordinates(p, grid, image, first, t);
  for (int a = 0; a < p.rank; ++a)
    kernels.place({&t, a, p.axis[a].size, p.axis[a].stride, p.mode, p.padding, p.align_corners});
  kernels.combine(t);
}

// Calls body(image, first point, tile) for every tile of every image.
template <class T, class Body>
void for_tiles(const SamplePlan& p, Isa isa, const T* grid, const Body& body) {
  constexpr index_t kTask = kTaskTiles * kTilePoints;
  const index_t tasks = ceil_div(p.points, kTask);
  const GridSampleKernels<T>& kernels = grid_sample_kernels<T>(isa);
  parallel_for(p.threads, p.n * tasks, [&](index_t task, int) {
    const index_t image = task / tasks, begin = task % tasks * kTask, end = std::min(p.points, begin + kTask);
    SampleTile<T> tile;
    for (index_t first = begin; first < end; first += kTilePoints) {
      set_tile(p, kernels, grid, image, first, tile);
      body(image, first, tile);
    }
  });
}

}  // namespace

template <class T>
void run_grid_sample(const SamplePlan& p, Isa isa, const T* x, const T* grid, T* y) {
  const GridSampleKernels<T>& kernels = grid_sample_kernels<T>(isa);
  for_tiles<T>(p, isa, grid, [&](index_t image, index_t first, const SampleTile<T>& tile) {
    kernels.sample({&tile, p.c, const_cast<T*>(x) + image * p.x_image, p.x_channel,
                    y + image * p.c * p.points + first, p.points});
  });
}

template <class T>
void run_grid_sample_input_gradient(const SamplePlan& p, Isa isa, const T* dy, const T* grid, T* dx) {
  const GridSampleKernels<T>& kernels = grid_sample_kernels<T>(isa);
  // How channels are dealt changes no sum, so it may depend on the threads.
  const index_t parts = std::clamp<index_t>(ceil_div(index_t{2} * p.threads, p.n), 1, p.c);
  const index_t share = p.threads == 1 ? p.c : ceil_div(p.c, parts), groups = ceil_div(p.c, share);
  parallel_for(p.threads, p.n * groups, [&](index_t task, int) {
    const index_t image = task / groups, c = task % groups * share, channels = std::min(share, p.c - c);
    T* const to = dx + image * p.x_image + c * p.x_channel;
    std::fill(to, to + channels * p.x_channel, T(0));
    SampleTile<T> tile;
    for (index_t first = 0; first < p.points; first += kTilePoints) {
      set_tile(p, kernels, grid, image, first, tile);
      kernels.spread({&tile, channels, to, p.x_channel,
                      const_cast<T*>(dy) + (image * p.c + c) * p.points + first, p.points});
    }
  });
}

template <class T>
void run_grid_sample_grid_gradient(const SamplePlan& p, Isa isa, const T* dy, const T* x, const T* grid,
                                   T* dgrid) {
  const GridSampleKernels<T>& kernels = grid_sample_kernels<T>(isa);
  for_tiles<T>(p, isa, grid, [&](index_t image, index_t first, const SampleTile<T>& tile) {
    T slopes[3][kTilePoints];
    kernels.slopes({&tile, p.c, const_cast<T*>(x) + image * p.x_image, p.x_channel,
                    const_cast<T*>(dy) + image * p.c * p.points + first, p.points},
                   slopes);
    T* const to = dgrid + (image * p.points + first) * p.rank;
    for (index_t i = 0; i < tile.points; ++i)
      for (int a = 0; a < p.rank; ++a) to[i * p.rank + a] = slopes[a][i];
  });
}

#define NDNN_GRID_SAMPLE(T)                                                                        \
  template void run_grid_sample<T>(const SamplePlan&, Isa, const T*, const T*, T*);                \
  template void run_grid_sample_input_gradient<T>(const SamplePlan&, Isa, const T*, const T*, T*); \
  template void run_grid_sample_grid_gradient<T>(const SamplePlan&, Isa, const T*, const T*, const T*, T*);
NDNN_GRID_SAMPLE(float)
NDNN_GRID_SAMPLE(double)

}  // namespace ndnn
