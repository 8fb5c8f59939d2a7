// SPDX-License-Identifier: MIT
// Maxima over windows: max_pool, adaptive_max_pool, fractional_max_pool, their indices and gradient.
#pragma once
#include <vector>

#include "core/isa.hpp"
#include "core/view.hpp"
#include "core/window.hpp"
#include "ops/pool/max_pool_kernels.hpp"

namespace ndnn {

// The windows of one axis: of one size, or an even cut of the axis (`adaptive`), or of one size at given
// places (`starts`, of fractional pooling).
struct PoolAxis {
  Window w;
  bool adaptive = false;
  const index_t* starts = nullptr;

  // Where window o meets the input. One that does not, begins at its first tap that is not negative.
  Span span(index_t o) const;
  bool regular() const { return !adaptive && !starts; }
};

struct PoolGeometry {
  index_t n = 1, c = 1;
  std::array<PoolAxis, kMaxSpatial> axis;
  Axes out() const { return {axis[0].w.out, axis[1].w.out, axis[2].w.out}; }
  index_t plane() const { return axis[0].w.in * axis[1].w.in * axis[2].w.in; }
  index_t outputs() const { return axis[0].w.out * axis[1].w.out * axis[2].w.out; }
};

struct PoolArgs {
  int rank = 2;
  Axes kernel{1, 1, 1}, stride{1, 1, 1}, padding{0, 0, 0}, dilation{1, 1, 1};
  bool ceil_mode = false;
};

// They check the sizes in torch's order.
PoolGeometry max_pool_geometry(const char* fn, const PoolArgs& a, const std::array<index_t, 5>& shape);
// An output of -1 is the size of the input.
PoolGeometry adaptive_pool_geometry(const char* fn, int rank, const Axes& out,
                                    const std::array<index_t, 5>& shape);
// Without starts, which follow from the samples of each plane.
PoolGeometry fractional_pool_geometry(const char* fn, int rank, const Axes& kernel, const Axes& out,
                                      const std::array<index_t, 5>& shape);

// What a call wants beside the values; null: not wanted. `saved` is for the gradient: an index that no
// plane has stands where a window meets no input.
template <class T>
struct MaxPoolOutputs {
  T* y;
  std::int64_t* indices = nullptr;
  void* saved = nullptr;  // PoolIndex<T>, or int64 where saved_is_wide()
};
// Planes too large for the index that fits beside a float's lane.
template <class T>
bool saved_is_wide(const PoolGeometry& g) {
  return sizeof(T) == 8 || g.plane() > std::numeric_limits<std::int32_t>::max();
}

struct MaxPoolPlan {
  PoolGeometry g;
  Isa isa = Isa::base;
  // Tiles read whole vectors; the rest (uneven or huge windows) goes output by output.
  bool tiled = false, with_indices = false;
  bool in_place = false;                   // tiles without a buffer, where lanes can be masked
  bool joined = false;                     // rows of the buffer, end to end, are one row of windows
  std::array<Window, kMaxSpatial> window;  // without taps that no output needs
  index_t runs = 1, run = 1;               // runs of planes that lie evenly in memory
  index_t run_stride = 0, plane_stride = 0;
  index_t planes = 1, rows = 1, cols = 1;                     // of one tile, outputs
  index_t buffer_row = 0, buffer_rows = 0, buffer_depth = 1;  // elements; rows of one plane of the tile
  std::vector<Span> row_spans;                                // of every row of outputs
  std::size_t scratch_bytes = 0;                              // a thread
  index_t tasks = 0, tiles_per_task = 1;
  int threads = 1;
  double cycles = 0;
};

// For at least one output.
MaxPoolPlan plan_max_pool(const PoolGeometry& g, const std::array<index_t, 5>& stride, int item_bytes,
                          bool with_indices, Isa isa, int max_threads);
template <class T>
void run_max_pool(const MaxPoolPlan& plan, const View<const T>& x, const MaxPoolOutputs<T>& out);

// Fractional pooling: samples are rank numbers from 0 to 1 for each plane; the windows are torch's.
template <class T>
void run_fractional_max_pool(const PoolGeometry& g, int rank, const View<const T>& x, const T* samples,
                             int threads, const MaxPoolOutputs<T>& out);

// The gradient dx, all of it, from dy and what the forward pass saved. Sums are formed in the order of the
// outputs of a plane.
struct MaxPoolGradientPlan {
  PoolGeometry g;
  Isa isa = Isa::base;
  bool wide = false;
  bool spread = false;   // by elements of dx, else by outputs:
  index_t together = 1;  // planes that are dealt with in turns
  int threads = 1;
  double cycles = 0;
};
MaxPoolGradientPlan plan_max_pool_gradient(const PoolGeometry& g, bool wide, int item_bytes, Isa isa,
                                           int max_threads);
template <class T>
void run_max_pool_gradient(const MaxPoolGradientPlan& plan, const T* dy, const void* saved, T* dx);

}  // namespace ndnn
