// SPDX-License-Identifier: MIT
// Compiled once per instruction set. Tiles: 32 registers hold 6x4, 8x3, 12x2 or 12x1 sums and their
// operands, 16 registers 4x3, 6x2 or 8x1; 28x1 and 7x4 lose 10 % to loads and spills.
#include "ops/matmul/tile_kernels.hpp"

#include <type_traits>
#include <utility>

#include "core/isa_begin.hpp"
#include "core/vec.hpp"

template <bool kTable, class T>
NDNN_INLINE T* sums_of(const TileArgs<T>& a, int m) {
  return a.c + (kTable ? a.out[m] : m) * a.ldc;
}

// A later block is summed on its own first: shorter chains, smaller rounding errors.
template <bool kTable, class T, int kRows, int kVectors>
NDNN_INLINE void put_sums(const TileArgs<T>& a, Vec<T> (&acc)[kRows][kVectors]) {
#pragma GCC unroll 16
  for (int m = 0; m < kRows; ++m) {
    T* const sums = sums_of<kTable>(a, m);
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      if (!a.init) acc[m][v] += load(sums + v * kLanes<T>);
      store(sums + v * kLanes<T>, acc[m][v]);
    }
  }
}

template <class T, int kRows, int kVectors>
NDNN_INLINE void one_channels_tile(const TileArgs<T>& a) {
  Vec<T> acc[kRows][kVectors] = {};
  if (a.init) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      const Vec<T> start = load(a.init + v * kLanes<T>);
#pragma GCC unroll 16
      for (int m = 0; m < kRows; ++m) acc[m][v] = start;
    }
  }
  const T* x[kRows];
#pragma GCC unroll 16
  for (int m = 0; m < kRows; ++m) x[m] = a.x + a.row[m];
  for (index_t s = 0; s < a.nsteps; ++s) {
    const T* w = a.w + a.steps[s].begin * (kVectors * kLanes<T>);
    const index_t* const end = a.col + a.steps[s].end;
    for (const index_t* col = a.col + a.steps[s].begin; col != end; ++col) {
      const index_t offset = *col;
      Vec<T> wv[kVectors];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) wv[v] = load(w + v * kLanes<T>);
#pragma GCC unroll 16
      for (int m = 0; m < kRows; ++m) {
        const Vec<T> xv = broadcast(x[m][offset]);
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) acc[m][v] += xv * wv[v];
      }
      w += kVectors * kLanes<T>;
    }
  }
  put_sums<true, T, kRows, kVectors>(a, acc);
}

template <class T, int kRows, int kVectors>
void channels_tile(const TileArgs<T>& args) {
  TileArgs<T> a = args;
  for (index_t i = 0; i < args.tiles; ++i, a.row += kRows, a.out += kRows)
    one_channels_tile<T, kRows, kVectors>(a);
}

template <class T, int kRows, int kVectors>
NDNN_INLINE void one_pixels_tile(const TileArgs<T>& a) {
  Vec<T> acc[kRows][kVectors] = {};
  if (a.init) {
#pragma GCC unroll 16
    for (int m = 0; m < kRows; ++m) {
      const Vec<T> start = broadcast(a.init[m]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) acc[m][v] = start;
    }
  }
  for (index_t s = 0; s < a.nsteps; ++s) {
    const T* w = a.w + a.steps[s].begin * kRows;
    const index_t* const end = a.col + a.steps[s].end;
    for (const index_t* col = a.col + a.steps[s].begin; col != end; ++col) {
      const T* x = a.x + *col;
      Vec<T> xv[kVectors];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) xv[v] = load(x + v * kLanes<T>);
#pragma GCC unroll 16
      for (int m = 0; m < kRows; ++m) {
        const Vec<T> wv = broadcast(w[m]);
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) acc[m][v] += wv * xv[v];
      }
      w += kRows;
    }
  }
  put_sums<false, T, kRows, kVectors>(a, acc);
}

template <class T, int kRows, int kVectors>
void pixels_tile(const TileArgs<T>& args) {
  TileArgs<T> a = args;
  for (index_t i = 0; i < args.tiles; ++i, a.x += kVectors * kLanes<T>, a.c += kVectors * kLanes<T>)
    one_pixels_tile<T, kRows, kVectors>(a);
}

// The last block of rows overlaps the one before where there are enough: it writes the same values again.
template <class T>
void transpose_tile(const T* c, index_t ldc, index_t rows, index_t columns, T* y, index_t ldy) {
  constexpr int kL = kLanes<T>;
  for (index_t j0 = 0; j0 < columns; j0 += kL) {
    const index_t nj = columns - j0 < kL ? columns - j0 : kL;
    for (index_t done = 0; done < rows; done += kL) {
      const index_t i0 = rows - done >= kL || rows < kL ? done : rows - kL;
      const index_t ni = rows < kL ? rows : kL;
      T* const out = y + j0 * ldy + i0;
      const T* const from = c + i0 * ldc + j0;
      if (ni == kL && nj == kL) transpose_block(from, ldc, [&](int j, Vec<T> v) { store(out + j * ldy, v); });
      else if (ni == kL)
        transpose_block(from, ldc, [&](int j, Vec<T> v) {
          if (j < nj) store(out + j * ldy, v);
        });
      else
        transpose_block(from, ldc, [&](int j, Vec<T> v) {
          if (j < nj) store_part(out + j * ldy, v, ni);
        });
    }
  }
}

template <class T>
void pack_panel(const T* src, index_t ld, index_t rows, index_t columns, const index_t* k_of, T* dst,
                index_t width) {
  constexpr int kL = kLanes<T>;
  index_t j0 = 0;
  for (; rows == kL && j0 + kL <= columns; j0 += kL)
    transpose_block(src + j0, ld, [&](int j, Vec<T> v) { store(dst + k_of[j0 + j] * width, v); });
  for (; j0 < columns; ++j0)
    for (index_t i = 0; i < kL; ++i) dst[k_of[j0] * width + i] = i < rows ? src[i * ld + j0] : T(0);
}

// n >= lanes.
template <class T>
NDNN_INLINE void copy_row(const T* src, T* dst, index_t n) {
  constexpr int kL = kLanes<T>;
  index_t i = 0;
  for (; i + kL <= n; i += kL) store(dst + i, load(src + i));
  if (i == n) return;
  store(dst + n - kL, load(src + n - kL));  // overlaps what is there already
}

// Elements 0, kStep, 2*kStep, ... of kStep vectors; kStep is a power of two.
template <class T, int kStep>
NDNN_INLINE Vec<T> load_every(const T* src) {
  if constexpr (kStep == 1) {
    return load(src);
  } else {
    constexpr int kHalf = kStep / 2;
    return every_second<T, 0>(load_every<T, kHalf>(src), load_every<T, kHalf>(src + kHalf * kLanes<T>));
  }
}
// The first n < 2*lanes elements, zeros behind.
template <class T>
struct Two {
  Vec<T> a, b;
};
template <class T>
NDNN_INLINE Two<T> load_two_parts(const T* src, index_t n) {
  constexpr int kL = kLanes<T>;
  if (n < kL) return {load_part(src, n), Vec<T>{}};
  return {load(src), n == kL ? Vec<T>{} : load_part(src + kL, n - kL)};
}
// The last element read is src[kStep*(n - 1)].
template <class T, int kStep>
NDNN_INLINE void gather_vectors(const T* src, T* dst, index_t n) {
  constexpr int kL = kLanes<T>;
  index_t i = 0;
  for (; i + kL < n; i += kL) store(dst + i, load_every<T, kStep>(src + kStep * i));
  if constexpr (kStep == 2) {
    if (i == n) return;
    const Two<T> rest = load_two_parts(src + 2 * i, 2 * (n - i) - 1);
    const Vec<T> v = every_second<T, 0>(rest.a, rest.b);
    if (n - i == kL) store(dst + i, v);
    else store_part(dst + i, v, n - i);
  } else {
    for (; i < n; ++i) dst[i] = src[kStep * i];
  }
}
template <class T>
NDNN_INLINE void zero_row(T* dst, index_t n) {
  for (; n >= kLanes<T>; n -= kLanes<T>, dst += kLanes<T>) store(dst, Vec<T>{});
  if (n > 0) store_part(dst, Vec<T>{}, n);
}

template <class T>
void copy_rows(const T* src, index_t src_row, index_t src_step, T* dst, index_t dst_row, index_t rows,
               index_t lead, index_t n, index_t trail) {
  // One loop for each kind of row, so that the kind is asked once.
  const auto each = [=](auto&& copy) {
    const T* from = src;
    T* to = dst;
    for (index_t r = 0; r < rows; ++r, from += src_row, to += dst_row) {
      if (lead) zero_row(to, lead);
      copy(from, to + lead);
      if (trail) zero_row(to + lead + n, trail);
    }
  };
  if (n == 0) each([](const T*, T*) {});
  else if (src_step == 1 && n < kLanes<T>) each([=](const T* from, T* to) { copy_part(from, to, n); });
  else if (src_step == 1) each([=](const T* from, T* to) { copy_row(from, to, n); });
  else if (src_step == 2) each([=](const T* from, T* to) { gather_vectors<T, 2>(from, to, n); });
  else if (src_step == 4) each([=](const T* from, T* to) { gather_vectors<T, 4>(from, to, n); });
  else
    each([=](const T* from, T* to) {
      for (index_t i = 0; i < n; ++i) to[i] = from[i * src_step];
    });
}

template <class T>
void split_rows(const T* src, index_t src_row, T* even, T* odd, index_t dst_row, index_t rows, index_t n) {
  constexpr int kL = kLanes<T>;
  const index_t n_odd = n / 2, full = n_odd / kL * kL, rest = n - 2 * full;
  for (index_t r = 0; r < rows; ++r, src += src_row, even += dst_row, odd += dst_row) {
    for (index_t i = 0; i < full; i += kL) {
      const Vec<T> a = load(src + 2 * i), b = load(src + 2 * i + kL);
      store(even + i, every_second<T, 0>(a, b));
      store(odd + i, every_second<T, 1>(a, b));
    }
    if (rest == 0) continue;
    const Two<T> two = load_two_parts(src + 2 * full, rest);
    const Vec<T> v = every_second<T, 0>(two.a, two.b);
    if (rest == 2 * kL - 1) store(even + full, v);
    else store_part(even + full, v, (rest + 1) / 2);
    store_part(odd + full, every_second<T, 1>(two.a, two.b), rest / 2);
  }
}

// Rows of the tallest tile with `vectors` vectors a row, 0 for none.
constexpr int tallest(int vectors) {
  constexpr int many[] = {12, 12, 8, 6}, few[] = {8, 6, 4, 0};
  return kRegisters == 32 ? many[vectors - 1] : few[vectors - 1];
}
constexpr int kPixelVectors = kRegisters == 32 ? 3 : 2;
constexpr int kPixelRows = kRegisters == 32 ? 8 : 6;

template <class T, int kVectors, int kRows>
constexpr void add_channels(TileKernels<T>& k) {
  if constexpr (kRows > 0) {
    k.channels[kVectors - 1][kRows - 1] = &channels_tile<T, kRows, kVectors>;
    add_channels<T, kVectors, kRows - 1>(k);
  }
}
template <class T, int kVectors, int kRows>
constexpr void add_pixels(TileKernels<T>& k) {
  if constexpr (kRows > 0) {
    k.pixels[kVectors - 1][kRows - 1] = &pixels_tile<T, kRows, kVectors>;
    add_pixels<T, kVectors, kRows - 1>(k);
  } else if constexpr (kVectors > 1) {
    add_pixels<T, kVectors - 1, kPixelRows>(k);
  }
}

template <class T>
constexpr TileKernels<T> make_table() {
  TileKernels<T> k{};
  k.lanes = kLanes<T>;
  for (int v = 1; v <= kMaxVectors; ++v) k.channel_rows[v - 1] = tallest(v);
  add_channels<T, 1, tallest(1)>(k);
  add_channels<T, 2, tallest(2)>(k);
  add_channels<T, 3, tallest(3)>(k);
  add_channels<T, 4, tallest(4)>(k);
  k.pixel_rows = kPixelRows;
  k.pixel_vectors = kPixelVectors;
  add_pixels<T, kPixelVectors, kPixelRows>(k);
  k.transpose = &transpose_tile<T>;
  k.pack = &pack_panel<T>;
  k.copy_rows = &copy_rows<T>;
  k.split_rows = &split_rows<T>;
  return k;
}

// Constant data: an initialiser that ran at load time would run this set's instructions on every machine.
extern const TileKernels<float> tile_kernels_f32;
extern const TileKernels<double> tile_kernels_f64;
constexpr TileKernels<float> tile_kernels_f32 = make_table<float>();
constexpr TileKernels<double> tile_kernels_f64 = make_table<double>();

#include "core/isa_end.hpp"
