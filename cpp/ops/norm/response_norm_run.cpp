// SPDX-License-Identifier: MIT
#include <array>
#include <cmath>
#include <limits>

#include "core/parallel.hpp"
#include "core/scratch.hpp"
#include "ops/norm/norm.hpp"
#include "ops/norm/packed_columns.hpp"
#include "ops/norm/response_norm.hpp"

namespace ndnn {
namespace {

constexpr index_t kPackedChannels = 4096;

ResponsePower power_of(double beta) {
  return beta == 1      ? ResponsePower::one
         : beta == 0.5  ? ResponsePower::half
         : beta == 0.75 ? ResponsePower::three_quarters
                        : ResponsePower::any;
}
// Whole powers of a negative number exist.
double of_negative(double beta) {
  if (std::floor(beta) != beta) return std::numeric_limits<double>::quiet_NaN();
  return std::fmod(beta, 2) == 0 ? 1 : -1;
}

template <class T>
ResponseTile<T> whole_image(const ResponseNorm& p) {
  ResponseTile<T> t{};
  t.channels = p.channels;
  t.ld = p.pixels;
  t.before = p.before;
  t.after = p.after;
  t.coefficient = T(p.coefficient);
  t.k = T(p.k);
  t.beta = T(p.beta);
  t.of_negative = T(of_negative(p.beta));
  t.of_gradient = T(2 * p.coefficient * p.beta);
  t.power = power_of(p.beta);
  return t;
}

// kernel(in, out, tile) for tiles of the pixels of all channels, with so many rows of scratch beside those of
// a window. Images of few pixels are packed: one by one, the gradient of 64x512x1 took 10 times as long.
template <class T, std::size_t kInputs, class Kernel>
void each_tile(const ResponseNorm& p, index_t rows, std::array<const T*, kInputs> in, T* out,
               Kernel&& kernel) {
  constexpr index_t kW = kResponseWidth;
  const bool packed = p.pixels < kFewPixels && p.channels <= kPackedChannels;
  const index_t images = packed ? PackedColumns::most_outer(p.pixels) : 1, tiles = ceil_div(p.pixels, kW);
  const index_t of_kernel = rows + std::min(p.channels, p.before + 1 + p.after);
  const index_t of_thread = (of_kernel + (packed ? index_t(kInputs + 1) * p.channels : 0)) * kW;
  const Scratch scratch(static_cast<std::size_t>(of_thread * p.threads) * sizeof(T));
  const ResponseTile<T> image = whole_image<T>(p);
  parallel_for(p.threads, ceil_div(p.n, images) * tiles, [&](index_t task, int thread) {
    const index_t first = task / tiles * images, pixel = task % tiles * kW,
                  at = first * p.channels * p.pixels + pixel;
    ResponseTile<T> t = image;
    t.scratch = reinterpret_cast<T*>(scratch.data()) + thread * of_thread;
    auto from = in;
    for (const T*& f : from) f += at;
    if (!packed) {
      t.width = std::min(kW, p.pixels - pixel);
      return kernel(from, out + at, t);
    }
    const PackedColumns columns(std::min(images, p.n - first), p.channels, p.pixels);
    t.width = columns.width();
    t.ld = kW;
    T* own = t.scratch + of_kernel * kW;
    for (const T*& f : from) {
      columns.pack(f, own);
      f = own;
      own += p.channels * kW;
    }
    kernel(from, own, t);
    columns.unpack(own, out + at);
  });
}

}  // namespace

template <class T>
void run_response_norm(const ResponseNorm& p, const T* x, T* y) {
  const auto kernel = response_norm_kernels<T>(p.isa).forward;
  each_tile<T, 1>(p, 0, {x}, y,
                  [&](const auto& in, T* out, const ResponseTile<T>& t) { kernel(in[0], out, t); });
}
template <class T>
void run_response_norm_gradient(const ResponseNorm& p, const T* g, const T* x, T* dx) {
  const auto kernel = response_norm_kernels<T>(p.isa).gradient;
  each_tile<T, 2>(p, p.channels, {g, x}, dx,
                  [&](const auto& in, T* out, const ResponseTile<T>& t) { kernel(in[0], in[1], out, t); });
}

#define NDNN_INSTANTIATE(T)                                           \
  template void run_response_norm(const ResponseNorm&, const T*, T*); \
  template void run_response_norm_gradient(const ResponseNorm&, const T*, const T*, T*);
NDNN_INSTANTIATE(float)
NDNN_INSTANTIATE(double)

}  // namespace ndnn
