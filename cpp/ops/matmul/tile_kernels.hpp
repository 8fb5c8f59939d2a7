// SPDX-License-Identifier: MIT
// The tile products that every dense operator is made of. All read x at base + row[m] + col[k]: row and
// reduction offsets are separable for any rank, stride, dilation and tap count.
//
//   channels  acc[m][v] += broadcast(x[row[m] + col[k]]) * w[k][v]        lanes = output channels
//   pixels    acc[m][v] += broadcast(w[k][m]) * x[col[k] + v*lanes ...]   lanes = output pixels
//
// Kernels hold no threads, allocation, exceptions or containers; all are noexcept. Nobody owns a tail:
// channel panels and row counts have kernels of every size, pixel tails run into padding that the caller
// owns (x and c reach at least kMaxPixelTile elements beyond the last pixel).
#pragma once
#include "core/isa.hpp"
#include "core/shape.hpp"

namespace ndnn {

constexpr int kMaxVectors = 4;      // vectors of a channel panel or a pixel tile
constexpr int kMaxRows = 12;        // rows of a tile, any instruction set
constexpr index_t kRowGroup = 48;   // a multiple of every tallest tile and of every lane count
constexpr index_t kShortRest = 12;  // outputs that join a group
constexpr index_t kMaxPixelTile = kMaxVectors * 16;
constexpr index_t kAlignment = 64;  // bytes; scratch and packed weights start on a cache line

// Reduction steps [begin, end) of one block; taps that lie in the padding are left out.
struct Steps {
  index_t begin, end;
};

template <class T>
struct TileArgs {
  const T* x;
  const index_t* row;  // channels: x offset of each of the tile's rows; pixels: unused
  const index_t* col;  // x offset of each reduction step
  const Steps* steps;
  index_t nsteps;
  const T* w;     // packed [k][width]; channels: width = vectors*lanes, aligned; pixels: rows
  const T* init;  // start of the sums, one per channel of the panel, or null: add to c
  T* c;           // channels: c[out[m]*ldc + channel]; pixels: c[m*ldc + pixel]
  index_t ldc;
  const index_t* out;  // channels: where the sums of each row go; pixels: unused
  index_t tiles =
      1;  // so many, side by side (pixels) or on the next rows, for a call costs as much as ten steps
};
template <class T>
using TileFn = void (*)(const TileArgs<T>&);

template <class T>
struct TileKernels {
  int lanes;
  // [vectors - 1][rows - 1]; rows up to channel_rows[vectors - 1], 0 where no such tile exists.
  TileFn<T> channels[kMaxVectors][kMaxRows];
  int channel_rows[kMaxVectors];
  // [vectors - 1][rows - 1], rows up to pixel_rows, vectors up to pixel_vectors.
  TileFn<T> pixels[kMaxVectors][kMaxRows];
  int pixel_rows, pixel_vectors;

  // y[j*ldy + i] = c[i*ldc + j] for i < rows, j < columns. c may be read up to the next multiple of
  // lanes in both directions.
  void (*transpose)(const T* c, index_t ldc, index_t rows, index_t columns, T* y, index_t ldy);
  // dst[k_of[j]*width + i] = src[i*ld + j], i < rows, j < columns; lanes rows..lanes-1 are zeroed.
  // width >= lanes, rows <= lanes.
  void (*pack)(const T* src, index_t ld, index_t rows, index_t columns, const index_t* k_of, T* dst,
               index_t width);
  // dst[r*dst_row + lead + i] = src[r*src_row + i*src_step], r < rows, i < n, with `lead` zeros before
  // and `trail` zeros after each row. Neither reads nor writes beyond.
  void (*copy_rows)(const T* src, index_t src_row, index_t src_step, T* dst, index_t dst_row, index_t rows,
                    index_t lead, index_t n, index_t trail);
  // even[i] = src[2*i], odd[i] = src[2*i + 1] of the first n elements of each row. Neither reads nor writes
  // beyond.
  void (*split_rows)(const T* src, index_t src_row, T* even, T* odd, index_t dst_row, index_t rows,
                     index_t n);
};

template <class T>
const TileKernels<T>& tile_kernels(Isa isa);

}  // namespace ndnn
