// SPDX-License-Identifier: MIT
// Compiled once per instruction set; only those that mask lanes have these kernels.
#include <limits>
#include <utility>

#include "ops/pool/max_pool_kernels.hpp"

#include "core/isa_begin.hpp"
#include "core/vec.hpp"
#include "core/vec_compare.hpp"
#include "ops/pool/max_pool_argmax.hpp"

#if NDNN_VEC_BYTES == 64
// Chunks of kLanes outputs: `whole` are complete, and read from `first`, `step` a chunk and `reads` elements
// each, inside [0, in) only.
struct Chunks {
  index_t count, whole_begin, whole_end;
  NDNN_INLINE Chunks(index_t n, index_t lanes, index_t first, index_t step, index_t reads, index_t in)
      : count(ceil_div(n, lanes)) {
    const index_t room = in - first - reads;
    const index_t end = room < 0 ? 0 : room / step + 1;
    whole_end = end < n / lanes ? end : n / lanes;
    whole_begin = first < 0 ? ceil_div(-first, step) : 0;
    if (whole_begin >= whole_end) whole_begin = whole_end = count;
  }
};
// Calls run(edge, plane, row, o) for the chunks that are not whole, whose masks Edge(a, o) prepares, and
// run_whole(plane, row, o) for the others. Narrow rows go chunk by chunk, masks in registers; wide ones in
// the order of memory.
template <class T, class Edge, class Args, class Run, class RunWhole>
NDNN_INLINE void for_chunks(const Args& a, const Chunks& c, Run&& run, RunWhole&& run_whole) {
  constexpr index_t kL = kLanes<T>, kKept = 4;
  const index_t edges = c.count - (c.whole_end - c.whole_begin);
  if (c.count <= 2 || edges > kKept) {
    for (index_t i = 0; i < c.count; ++i) {
      const Edge edge(a, i * kL);
      for (index_t p = 0; p < a.planes; ++p)
        for (index_t r = 0; r < a.count; ++r) run(edge, p, r, i * kL);
    }
    return;
  }
  const auto place = [&](index_t e) {
    return (e < c.whole_begin ? e : e - c.whole_begin + c.whole_end) * kL;
  };
  const Edge kept[kKept] = {{a, place(0)}, {a, place(1)}, {a, place(2)}, {a, place(3)}};
  for (index_t p = 0; p < a.planes; ++p)
    for (index_t r = 0; r < a.count; ++r) {
      for (index_t e = 0; e < edges; ++e) run(kept[e], p, r, place(e));
      for (index_t i = c.whole_begin; i < c.whole_end; ++i) run_whole(p, r, i * kL);
    }
}
template <class T, int kStride>
NDNN_INLINE Chunks chunks_of(const MaxWindowArgs<T>& a) {
  // The last tap, too, is loaded as whole vectors.
  return {a.n, kLanes<T>, a.first, kLanes<T> * kStride, a.taps - 1 + kLanes<T> * kStride, a.in};
}

template <class T, int kStride, int kTaps>
void argmax_chunks(const MaxWindowArgs<T>& a) {
  using Edge = MaskedTaps<T, kStride>;
  const Argmax<T, kStride, kTaps> windows{a};
  for_chunks<T, Edge>(
      windows.a, chunks_of<T, kStride>(a),
      [&](const Edge& edge, index_t p, index_t r, index_t o) NDNN_LAMBDA { windows.run(edge, p, r, o); },
      [&](index_t p, index_t r, index_t o)
          NDNN_LAMBDA { windows.run(WholeTaps<T, kStride>(windows.a, o), p, r, o); });
}
template <class T, int kStride>
void argmax_in_place_strided(const MaxWindowArgs<T>& a) {
  if (a.taps == 2) return argmax_chunks<T, kStride, 2>(a);
  if (a.taps == 3) return argmax_chunks<T, kStride, 3>(a);
  argmax_chunks<T, kStride, 0>(a);
}
template <class T>
void argmax_in_place(const MaxWindowArgs<T>& a) {
  if (a.stride == 1) return argmax_in_place_strided<T, 1>(a);
  argmax_in_place_strided<T, 2>(a);
}

// Small windows without indices: rows first, in registers, then along them.
template <class T, int kStride, int kTaps>
struct SmallWindows {
  static constexpr int kGroups = ceil_div(kTaps, kStride);  // with stride 2 a pair of vectors has two taps
  const MaxWindowArgs<T> a;  // a copy that no store can change: else each row loads all of it again

  template <class Taps>
  NDNN_INLINE void run(const Taps& taps, index_t plane, index_t r, index_t o) const {
    const Span& rows = a.rows[r];
    const T* const first = a.x + plane * a.plane + rows.begin * a.row + a.first + o * kStride;
    Vec<T> acc[kGroups][kStride];
#pragma GCC unroll 3
    for (int g = 0; g < kGroups; ++g)
#pragma GCC unroll 2
      for (int v = 0; v < kStride; ++v) acc[g][v] = taps.vector(first, g * kStride, v);
    const index_t step = a.row_step * a.row;
    const T* p = first + step;
    index_t h = 1;
    for (index_t d = 0; d < a.depth_count; ++d, h = 0, p = first + d * a.depth)
      for (; h < rows.count; ++h, p += step)
#pragma GCC unroll 3
        for (int g = 0; g < kGroups; ++g)
#pragma GCC unroll 2
          for (int v = 0; v < kStride; ++v)
            acc[g][v] = larger_or_nan<T>(acc[g][v], taps.vector(p, g * kStride, v));
    store_few(a.y + plane * a.y_plane + r * a.y_row + o, along(acc), a.n - o);
  }
  static NDNN_INLINE Vec<T> along(const Vec<T> (&acc)[kGroups][kStride]) {
    if constexpr (kStride == 1) {
      Vec<T> y = acc[0][0];
#pragma GCC unroll 3
      for (int k = 1; k < kTaps; ++k) y = larger_or_nan<T>(y, acc[k][0]);
      return y;
    } else {
      Vec<T> y = every_second<T, 0>(acc[0][0], acc[0][1]);
      if constexpr (kTaps > 1) y = larger_or_nan<T>(y, every_second<T, 1>(acc[0][0], acc[0][1]));
      if constexpr (kTaps > 2) y = larger_or_nan<T>(y, every_second<T, 0>(acc[1][0], acc[1][1]));
      return y;
    }
  }

  void all() const {
    const SmallWindows own = *this;  // that no store can change: else each row would load all of it again
    using Edge = MaskedTaps<T, kStride>;
    for_chunks<T, Edge>(
        own.a, chunks_of<T, kStride>(own.a),
        [&](const Edge& edge, index_t p, index_t r, index_t o) NDNN_LAMBDA { own.run(edge, p, r, o); },
        [&](index_t p, index_t r, index_t o)
            NDNN_LAMBDA { own.run(WholeTaps<T, kStride>(own.a, o), p, r, o); });
  }
};

template <class T, int kStride>
void window_strided(const MaxWindowArgs<T>& a) {
  if (a.taps == 1) return SmallWindows<T, kStride, 1>{a}.all();
  if (a.taps == 2) return SmallWindows<T, kStride, 2>{a}.all();
  SmallWindows<T, kStride, 3>{a}.all();
}
template <class T>
void window(const MaxWindowArgs<T>& a) {
  if (a.stride == 1) return window_strided<T, 1>(a);
  window_strided<T, 2>(a);
}
#endif

template <class T>
constexpr MaxPoolInPlaceKernels<T> make_kernels() {
#if NDNN_VEC_BYTES == 64
  return {&window<T>, &argmax_in_place<T>};
#else
  return {nullptr, nullptr};
#endif
}
extern const MaxPoolInPlaceKernels<float> max_pool_in_place_kernels_f32;
extern const MaxPoolInPlaceKernels<double> max_pool_in_place_kernels_f64;
constexpr MaxPoolInPlaceKernels<float> max_pool_in_place_kernels_f32 = make_kernels<float>();
constexpr MaxPoolInPlaceKernels<double> max_pool_in_place_kernels_f64 = make_kernels<double>();

#include "core/isa_end.hpp"
