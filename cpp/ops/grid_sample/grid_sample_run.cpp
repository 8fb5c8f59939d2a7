// SPDX-License-Identifier: MIT
// The taps of a tile of points are found once and used for all channels. Forward and the grid's gradient deal
// points to tasks, the input's gradient deals channels.
#include "core/parallel.hpp"
#include "ops/grid_sample/grid_sample_tile.hpp"

namespace ndnn {
namespace {

// Calls body(image, first point, tile) for every tile of every image.
template <class T, class Body>
void for_tiles(const SamplePlan& p, Isa isa, const T* grid, const Body& body) {
  const index_t tasks = ceil_div(p.points, kTaskPoints);
  const GridSampleKernels<T>& kernels = grid_sample_kernels<T>(isa);
  parallel_for(p.threads, p.n * tasks, [&](index_t task, int) {
    const index_t image = task / tasks, begin = task % tasks * kTaskPoints;
    const index_t end = std::min(p.points, begin + kTaskPoints);
    SampleTile<T> tile;
    for (index_t first = begin; first < end; first += kTilePoints) {
      set_tile(p, kernels, grid, image, first, 0, tile);
      body(image, first, tile);
    }
  });
}

}  // namespace

template <class T>
void run_grid_sample(const SamplePlan& p, Isa isa, const T* x, const T* grid, T* y) {
  if (is_packed(p, sizeof(T))) return run_packed_sample<T>(p, isa, x, grid, y);
  const GridSampleKernels<T>& kernels = grid_sample_kernels<T>(isa);
  for_tiles<T>(p, isa, grid, [&](index_t image, index_t first, const SampleTile<T>& tile) {
    kernels.sample({&tile, p.c, const_cast<T*>(x) + image * p.x_image, p.x_channel,
                    y + image * p.c * p.points + first, p.points});
  });
}

template <class T>
void run_grid_sample_input_gradient(const SamplePlan& p, Isa isa, const T* dy, const T* grid, T* dx) {
  if (is_packed(p, sizeof(T))) return run_packed_input_gradient<T>(p, isa, dy, grid, dx);
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
      set_tile(p, kernels, grid, image, first, 0, tile);
      kernels.spread({&tile, channels, to, p.x_channel,
                      const_cast<T*>(dy) + (image * p.c + c) * p.points + first, p.points});
    }
  });
}

template <class T>
void run_grid_sample_grid_gradient(const SamplePlan& p, Isa isa, const T* dy, const T* x, const T* grid,
                                   T* dgrid) {
  if (is_packed(p, sizeof(T))) return run_packed_grid_gradient<T>(p, isa, dy, x, grid, dgrid);
  const GridSampleKernels<T>& kernels = grid_sample_kernels<T>(isa);
  for_tiles<T>(p, isa, grid, [&](index_t image, index_t first, const SampleTile<T>& tile) {
    T sums[kMostTaps][kTilePoints], slopes[3][kTilePoints];
    kernels.dots({&tile, p.c, const_cast<T*>(x) + image * p.x_image, p.x_channel,
                  const_cast<T*>(dy) + image * p.c * p.points + first, p.points},
                 sums);
    kernels.contract(tile, sums, slopes);
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
