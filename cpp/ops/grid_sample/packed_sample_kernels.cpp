// SPDX-License-Identifier: MIT
// Compiled once per instruction set. Lanes are channels: a tap is one load for all of them, where gathering
// 16 points takes 20 cycles a tap and channel.
#include "ops/grid_sample/packed_sample_kernels.hpp"

#include <type_traits>
#include <utility>

#include "core/isa_begin.hpp"
#include "core/vec.hpp"

template <class T, int kWidth>
struct Lanes {
  typedef T type __attribute__((vector_size(kWidth * sizeof(T))));
  typedef T memory __attribute__((vector_size(kWidth * sizeof(T)), aligned(alignof(T)), may_alias));
  static NDNN_INLINE type load(const T* p) { return *reinterpret_cast<const memory*>(p); }
  static NDNN_INLINE void store(T* p, type v) { *reinterpret_cast<memory*>(p) = v; }
};

// Columns of a square of kWidth rows, `used` of them there and the others zeros.
template <class T, int kWidth, int kD, int... J>
NDNN_INLINE void swap_lanes(typename Lanes<T, kWidth>::type (&v)[kWidth],
                            std::integer_sequence<int, J...> all) {
#pragma GCC unroll 4
  for (int i = 0; i < kWidth; ++i) {
    if (i & kD) continue;
    const auto a = v[i], b = v[i + kD];
    v[i] = __builtin_shufflevector(a, b, butterfly_lane<kD, 0>(J, kWidth)...);
    v[i + kD] = __builtin_shufflevector(a, b, butterfly_lane<kD, 1>(J, kWidth)...);
  }
  if constexpr (2 * kD < kWidth) swap_lanes<T, kWidth, 2 * kD>(v, all);
}
template <class T, int kWidth, class Out>
NDNN_INLINE void transpose_rows(const T* rows, index_t pitch, index_t used, Out&& out) {
  if constexpr (kWidth == kLanes<T> && kVecBytes > 16) {
    transpose_block<T>(rows, pitch, out);
  } else {
    using L = Lanes<T, kWidth>;
    typename L::type v[kWidth];
#pragma GCC unroll 4
    for (int c = 0; c < kWidth; ++c) v[c] = c < used ? L::load(rows + c * pitch) : typename L::type{};
    swap_lanes<T, kWidth, 1>(v, std::make_integer_sequence<int, kWidth>{});
#pragma GCC unroll 4
    for (int j = 0; j < kWidth; ++j) out(j, v[j]);
  }
}

template <class T, int kWidth>
void pack(const LaneArgs<T>& a) {
  using L = Lanes<T, kWidth>;
  const T* const rows = a.rows;
  const index_t used = a.block.used;
  index_t i = 0;
  if (used == kWidth || kWidth * sizeof(T) == 16)
    for (; i + kWidth <= a.n; i += kWidth)
      transpose_rows<T, kWidth>(rows + i, a.pitch, used,
                                [&](int j, typename L::type v) { L::store(a.lanes + (i + j) * kWidth, v); });
  for (; i < a.n; ++i)
    for (int c = 0; c < kWidth; ++c) a.lanes[i * kWidth + c] = c < used ? rows[c * a.pitch + i] : T(0);
}

template <class T, int kWidth>
void unpack(const LaneArgs<T>& a) {
  using L = Lanes<T, kWidth>;
  index_t i = 0;
  for (; i + kWidth <= a.n; i += kWidth)
    transpose_rows<T, kWidth>(a.lanes + i * kWidth, kWidth, kWidth, [&](int j, typename L::type v) {
      if (j >= a.block.skip && j < a.block.used) L::store(a.rows + j * a.pitch + i, v);
    });
  for (index_t c = a.block.skip; c < a.block.used; ++c)
    for (index_t p = i; p < a.n; ++p) a.rows[c * a.pitch + p] = a.lanes[p * kWidth + c];
}

template <class T, int kWidth, class Body>
NDNN_INLINE void for_blocks(const PackedSampleArgs<T>& a, Body&& body) {
  T* packed = a.packed;
  for (index_t b = 0; b * kWidth < a.channels; ++b, packed += a.block_pitch) {
    const ChannelBlock block = channel_block(b, a.channels, kWidth);
    body(packed, block, a.y + block.first * a.y_channel);
  }
}

template <class T, int kWidth, int kTaps>
NDNN_INLINE void sample_block(const SampleTile<T>& t, const T* packed, T* out) {
  using L = Lanes<T, kWidth>;
  for (index_t p = 0; p < t.points; ++p) {
    typename L::type sum{};
    if constexpr (kTaps == 1) {
      sum = L::load(packed + t.offset[0][p]);
    } else {
#pragma GCC unroll 16
      for (int k = 0; k < kTaps; ++k) sum += t.weight[k][p] * L::load(packed + t.offset[k][p]);
    }
    L::store(out + p * kWidth, sum);
  }
}
template <class T, int kWidth, int kTaps>
NDNN_INLINE void spread_block(const SampleTile<T>& t, const T* lanes, T* packed) {
  using L = Lanes<T, kWidth>;
  for (index_t p = 0; p < t.points; ++p) {
    const typename L::type g = L::load(lanes + p * kWidth);
#pragma GCC unroll 16
    for (int k = 0; k < kTaps; ++k) {
      T* const to = packed + t.offset[k][p];
      L::store(to, L::load(to) + t.weight[k][p] * g);
    }
  }
}

template <class T, int kWidth, int kTaps>
void sample_taps(const PackedSampleArgs<T>& a) {
  T lanes[kTilePoints * kWidth];
  for_blocks<T, kWidth>(a, [&](const T* packed, const ChannelBlock& block, T* y) {
    sample_block<T, kWidth, kTaps>(*a.tile, packed, lanes);
    unpack<T, kWidth>({y, a.y_channel, a.tile->points, lanes, block});
  });
}
template <class T, int kWidth, int kTaps>
void spread_taps(const PackedSampleArgs<T>& a) {
  T lanes[kTilePoints * kWidth];
  for_blocks<T, kWidth>(a, [&](T* packed, const ChannelBlock& block, T* y) {
    pack<T, kWidth>({y, a.y_channel, a.tile->points, lanes, block});
    spread_block<T, kWidth, kTaps>(*a.tile, lanes, packed);
  });
}

template <class T, int kWidth>
void sample(const PackedSampleArgs<T>& a) {
  switch (a.tile->taps) {
    case 1: return sample_taps<T, kWidth, 1>(a);
    case 4: return sample_taps<T, kWidth, 4>(a);
    case 8: return sample_taps<T, kWidth, 8>(a);
    default: return sample_taps<T, kWidth, 16>(a);
  }
}
template <class T, int kWidth>
void spread(const PackedSampleArgs<T>& a) {
  switch (a.tile->taps) {
    case 1: return spread_taps<T, kWidth, 1>(a);
    case 4: return spread_taps<T, kWidth, 4>(a);
    case 8: return spread_taps<T, kWidth, 8>(a);
    default: return spread_taps<T, kWidth, 16>(a);
  }
}

// Lane by lane over the blocks, then across the lanes.
template <class T, int kWidth>
void dots(const PackedSampleArgs<T>& a, T (*sums)[kTilePoints]) {
  using L = Lanes<T, kWidth>;
  constexpr int kGroup = 4;  // taps whose sums are in L1 together: 16 KB
  const SampleTile<T>& t = *a.tile;
  T lanes[kTilePoints * kWidth], total[kGroup][kTilePoints * kWidth];
  for (int first = 0; first < t.taps; first += kGroup) {
    const int group = t.taps - first < kGroup ? t.taps - first : kGroup;
    for (int k = 0; k < group; ++k) __builtin_memset(total[k], 0, sizeof(total[k]));
    for_blocks<T, kWidth>(a, [&](const T* packed, const ChannelBlock& block, T* y) {
      pack<T, kWidth>({y, a.y_channel, t.points, lanes, block});
      typename L::type mask{};
      for (int c = 0; c < kWidth; ++c) mask[c] = c >= block.skip ? T(1) : T(0);
      for (index_t p = 0; p < t.points; ++p) {
        const typename L::type g = L::load(lanes + p * kWidth);
        for (int k = 0; k < group; ++k) {
          T* const sum = total[k] + p * kWidth;
          typename L::type product = g * L::load(packed + t.offset[first + k][p]);
          if (block.skip) product = mask != 0 ? product : typename L::type{};  // it may be inf: no factor
          L::store(sum, L::load(sum) + product);
        }
      }
    });
    for (int k = 0; k < group; ++k) {
      if constexpr (kWidth == kLanes<T>) {
        for (index_t p = 0; p < kTilePoints; p += kWidth) {
          Vec<T> sum{};
          transpose_block<T>(total[k] + p * kWidth, kWidth, [&](int, Vec<T> v) { sum += v; });
          store(sums[first + k] + p, sum);
        }
      } else {
        for (index_t p = 0; p < t.points; ++p) {
          T sum = 0;
          for (int c = 0; c < kWidth; ++c) sum += total[k][p * kWidth + c];
          sums[first + k][p] = sum;
        }
      }
    }
  }
}

template <class T, int kWidth>
constexpr PackedSampleKernels<T> make_packed_kernels() {
  return {kWidth,          &pack<T, kWidth>, &unpack<T, kWidth>, &sample<T, kWidth>, &spread<T, kWidth>,
          &dots<T, kWidth>};
}
extern const PackedSampleTable<float> packed_sample_kernels_f32;
extern const PackedSampleTable<double> packed_sample_kernels_f64;
constexpr PackedSampleTable<float> packed_sample_kernels_f32{make_packed_kernels<float, kLanes<float>>(),
                                                             make_packed_kernels<float, 4>()};
constexpr PackedSampleTable<double> packed_sample_kernels_f64{make_packed_kernels<double, kLanes<double>>(),
                                                              make_packed_kernels<double, 2>()};

#include "core/isa_end.hpp"
