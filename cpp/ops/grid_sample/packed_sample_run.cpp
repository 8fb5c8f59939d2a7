// SPDX-License-Identifier: MIT
// Images packed into scratch, as many at once as threads; then tiles of points, or for the input's gradient
// blocks of channels that are unpacked at the end.
#include "core/parallel.hpp"
#include "core/scratch.hpp"
#include "ops/grid_sample/grid_sample_tile.hpp"
#include "ops/grid_sample/packed_sample_kernels.hpp"

namespace ndnn {
namespace {

constexpr index_t kMostBytes = index_t{8} << 20;  // of packed images at one time
constexpr index_t kMostPixelsPerPoint = 4;        // of a larger image too little would be read

index_t pixels_of(const SamplePlan& p) {
  index_t n = 1;
  for (int a = 0; a < p.rank; ++a) n *= p.axis[a].size;
  return n;
}

template <class T>
struct Packing {
  const PackedSampleKernels<T>& kernels;
  index_t pixels, blocks, block_pitch, image_pitch;
  Packing(const SamplePlan& p, Isa isa)
      : kernels(p.c >= packed_sample_kernels<T>(isa).wide.width ? packed_sample_kernels<T>(isa).wide
                                                                : packed_sample_kernels<T>(isa).narrow),
        pixels(pixels_of(p)),
        blocks(ceil_div(p.c, kernels.width)),
        block_pitch((pixels + 1) * kernels.width),
        image_pitch(blocks * block_pitch) {}
};

template <class T>
void pack_block(const SamplePlan& p, const Packing<T>& k, const T* image, index_t b, T* packed) {
  const index_t width = k.kernels.width;
  const ChannelBlock block = channel_block(b, p.c, width);
  std::fill_n(packed, width, T(0));
  const T* const x = image + block.first * p.x_channel;
  // A plane without gaps is one row.
  const bool dense = p.axis[1].stride == p.axis[0].size &&
                     (p.rank == 2 || p.axis[2].stride == p.axis[0].size * p.axis[1].size);
  const index_t row = dense ? k.pixels : p.axis[0].size;
  for (index_t r = 0; r * row < k.pixels; ++r) {
    const index_t h = r % p.axis[1].size, d = r / p.axis[1].size;
    const T* const from = x + h * p.axis[1].stride + (p.rank == 3 ? d * p.axis[2].stride : 0);
    k.kernels.pack({const_cast<T*>(from), p.x_channel, row, packed + (1 + r * row) * width, block});
  }
}

// Calls body(image, first point, tile, packed image) for every tile of every image.
template <class T, class Body>
void for_packed_tiles(const SamplePlan& p, Isa isa, const T* x, const T* grid, const Packing<T>& k,
                      const Body& body) {
  const GridSampleKernels<T>& kernels = grid_sample_kernels<T>(isa);
  const index_t fit = kMostBytes / (k.image_pitch * static_cast<index_t>(sizeof(T)));
  const index_t together = std::clamp<index_t>(std::min<index_t>(p.threads, fit), 1, p.n);
  const index_t tasks = ceil_div(p.points, kTaskPoints);
  const Scratch scratch(static_cast<std::size_t>(together * k.image_pitch) * sizeof(T));
  T* const packed = reinterpret_cast<T*>(scratch.data());
  for (index_t first = 0; first < p.n; first += together) {
    const index_t images = std::min(together, p.n - first);
    parallel_for(p.threads, images * k.blocks, [&](index_t task, int) {
      const index_t i = task / k.blocks, b = task % k.blocks;
      pack_block(p, k, x + (first + i) * p.x_image, b, packed + i * k.image_pitch + b * k.block_pitch);
    });
    parallel_for(p.threads, images * tasks, [&](index_t task, int) {
      const index_t i = task / tasks, begin = task % tasks * kTaskPoints;
      SampleTile<T> tile;
      for (index_t at = begin; at < std::min(p.points, begin + kTaskPoints); at += kTilePoints) {
        set_tile(p, kernels, grid, first + i, at, k.kernels.width, tile);
        body(first + i, at, tile, packed + i * k.image_pitch);
      }
    });
  }
}

}  // namespace

bool is_packed(const SamplePlan& p, index_t item_bytes) {
  const index_t width = index_t{16} / item_bytes;  // the narrow one's; the wide one overlaps channels
  const Checked bytes = Checked(pixels_of(p) + 1) * round_up(p.c, width) * item_bytes;
  // One tap of few channels is gathered sooner than packed: 1.4 times, 3 channels of 512x512.
  const index_t least = p.mode == SampleMode::nearest ? 64 / item_bytes : 2;
  return p.c >= least && !bytes.overflow && bytes.value <= kMostBytes &&
         pixels_of(p) / kMostPixelsPerPoint <= p.points;
}

template <class T>
void run_packed_sample(const SamplePlan& p, Isa isa, const T* x, const T* grid, T* y) {
  const Packing<T> k(p, isa);
  for_packed_tiles<T>(
      p, isa, x, grid, k, [&](index_t image, index_t at, const SampleTile<T>& tile, T* packed) {
        k.kernels.sample({&tile, p.c, packed, k.block_pitch, y + image * p.c * p.points + at, p.points});
      });
}

template <class T>
void run_packed_grid_gradient(const SamplePlan& p, Isa isa, const T* dy, const T* x, const T* grid,
                              T* dgrid) {
  const Packing<T> k(p, isa);
  const GridSampleKernels<T>& kernels = grid_sample_kernels<T>(isa);
  for_packed_tiles<T>(
      p, isa, x, grid, k, [&](index_t image, index_t at, const SampleTile<T>& tile, T* packed) {
        T sums[kMostTaps][kTilePoints], slopes[3][kTilePoints];
        k.kernels.dots(
            {&tile, p.c, packed, k.block_pitch, const_cast<T*>(dy) + image * p.c * p.points + at, p.points},
            sums);
        kernels.contract(tile, sums, slopes);
        T* const to = dgrid + (image * p.points + at) * p.rank;
        for (index_t i = 0; i < tile.points; ++i)
          for (int a = 0; a < p.rank; ++a) to[i * p.rank + a] = slopes[a][i];
      });
}

template <class T>
void run_packed_input_gradient(const SamplePlan& p, Isa isa, const T* dy, const T* grid, T* dx) {
  const Packing<T> k(p, isa);
  const GridSampleKernels<T>& kernels = grid_sample_kernels<T>(isa);
  const index_t width = k.kernels.width;
  // How blocks are dealt changes no sum, so it may depend on the threads.
  const index_t share = p.threads == 1 ? k.blocks : ceil_div(k.blocks * p.n, index_t{2} * p.threads);
  const index_t together = std::clamp<index_t>(share, 1, k.blocks), groups = ceil_div(k.blocks, together);
  const auto bytes = static_cast<std::size_t>(together * k.block_pitch) * sizeof(T);
  const Scratch scratch(bytes * static_cast<std::size_t>(p.threads));
  parallel_for(p.threads, p.n * groups, [&](index_t task, int thread) {
    const index_t image = task / groups, b = task % groups * together,
                  blocks = std::min(together, k.blocks - b);
    T* const packed = reinterpret_cast<T*>(scratch.data() + bytes * static_cast<std::size_t>(thread));
    std::fill_n(packed, blocks * k.block_pitch, T(0));
    // These blocks as the last ones of fewer channels, so that they skip what all of them would.
    const index_t begin = channel_block(b, p.c, width).first, end = std::min(p.c, (b + blocks) * width);
    const index_t c = blocks == 1 ? begin : b * width;
    SampleTile<T> tile;
    for (index_t at = 0; at < p.points; at += kTilePoints) {
      set_tile(p, kernels, grid, image, at, width, tile);
      k.kernels.spread({&tile, end - c, packed, k.block_pitch,
                        const_cast<T*>(dy) + (image * p.c + c) * p.points + at, p.points});
    }
    for (index_t i = 0; i < blocks; ++i) {
      ChannelBlock block = channel_block(b + i, p.c, width);
      k.kernels.unpack({dx + (image * p.c + block.first) * k.pixels, k.pixels, k.pixels,
                        packed + i * k.block_pitch + width, block});
    }
  });
}

#define NDNN_PACKED(T)                                                                        \
  template void run_packed_sample<T>(const SamplePlan&, Isa, const T*, const T*, T*);         \
  template void run_packed_input_gradient<T>(const SamplePlan&, Isa, const T*, const T*, T*); \
  template void run_packed_grid_gradient<T>(const SamplePlan&, Isa, const T*, const T*, const T*, T*);
NDNN_PACKED(float)
NDNN_PACKED(double)

}  // namespace ndnn
