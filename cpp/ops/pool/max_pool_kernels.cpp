// SPDX-License-Identifier: MIT
// Compiled once per instruction set.
#include "ops/pool/max_pool_kernels.hpp"

#include <limits>
#include <utility>

#include "core/isa_begin.hpp"
#include "core/vec.hpp"
#include "core/vec_compare.hpp"

template <class T>
constexpr T kLeast = -std::numeric_limits<T>::infinity();

// Elements `step` apart, the first `count` lanes of them; with kStep known, whole vectors may be read.
template <class T, int kStep>
NDNN_INLINE Vec<T> load_every(const T* p, index_t step, index_t count) {
  if constexpr (kStep == 1) return load(p);
  if constexpr (kStep == 2) return every_second<T, 0>(load(p), load(p + kLanes<T>));
  T lanes[kLanes<T>] = {};
  for (index_t l = 0; l < count; ++l) lanes[l] = p[l * step];
  return load(lanes);
}

template <class T>
NDNN_INLINE void fill_least(T* p, index_t n) {
  for (index_t i = 0; i < n; i += kLanes<T>) store(p + i, broadcast(kLeast<T>));
}

// ---- the maximum of rows

// kVectors of neighbouring columns, so that the loop over rows is paid once for them.
template <class T, int kVectors>
NDNN_INLINE void max_of_rows(const MaxRowsArgs<T>& a, const T* x, index_t count, T* out) {
  Vec<T> acc[kVectors];
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) acc[v] = load(x + v * kLanes<T>);
  const index_t step = a.row_step * a.row;
  const T* p = x + step;
  index_t h = 1;
  for (index_t d = 0; d < a.depth_count; ++d, p = x + d * a.depth, h = 0)
    for (; h < count; ++h, p += step)
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) acc[v] = larger<T>(acc[v], load(p + v * kLanes<T>));
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) store(out + v * kLanes<T>, acc[v]);
}
// Any stride, or fewer elements than a vector.
template <class T>
void max_of_few(const MaxRowsArgs<T>& a, const T* x, index_t count, index_t n, T* out) {
  const auto at = [&](const T* p) {
    return a.element == 1 ? load_part(p, n) : load_every<T, 0>(p, a.element, n);
  };
  Vec<T> acc = at(x);
  for (index_t d = 0; d < a.depth_count; ++d)
    for (index_t h = 0; h < count; ++h) acc = larger<T>(acc, at(x + d * a.depth + h * a.row_step * a.row));
  store_part(out, acc, n);
}
template <class T>
void max_of_row(const MaxRowsArgs<T>& a, const T* x, index_t count, T* out) {
  constexpr index_t kL = kLanes<T>;
  const index_t n = a.n;
  if (a.element != 1) {
    for (index_t i = 0; i < n; i += kL)
      if (n - i >= kL) {
        Vec<T> acc = load_every<T, 0>(x + i * a.element, a.element, kL);
        for (index_t d = 0; d < a.depth_count; ++d)
          for (index_t h = 0; h < count; ++h)
            acc = larger<T>(acc, load_every<T, 0>(x + i * a.element + d * a.depth + h * a.row_step * a.row,
                                                  a.element, kL));
        store(out + i, acc);
      } else {
        max_of_few(a, x + i * a.element, count, n - i, out + i);
      }
    return;
  }
  index_t i = 0;
  for (; i + 4 * kL <= n; i += 4 * kL) max_of_rows<T, 4>(a, x + i, count, out + i);
  for (; i + kL <= n; i += kL) max_of_rows<T, 1>(a, x + i, count, out + i);
  if (i < n && n >= kL) max_of_rows<T, 1>(a, x + n - kL, count, out + n - kL);
  else if (i < n) max_of_few(a, x, count, n, out);
}

template <class T>
void max_rows(const MaxRowsArgs<T>& a) {
  for (index_t p = 0; p < a.planes; ++p)
    for (index_t r = 0; r < a.count; ++r) {
      T* const out = a.out + p * a.out_plane + r * a.out_row;
      fill_least(out + a.n, a.right);
      fill_least(out - a.left, a.left);
      max_of_row(a, a.x + p * a.plane + a.rows[r].begin * a.row, a.rows[r].count, out);
    }
}

// ---- the maximum along a row

template <class T, int kStride>
void max_along_strided(const MaxAlongArgs<T>& a) {
  constexpr index_t kL = kLanes<T>;
  for (index_t p = 0; p < a.planes; ++p)
    for (index_t r = 0; r < a.rows; ++r) {
      const T* const from = a.buffer + p * a.buffer_plane + r * a.buffer_row;
      T* const y = a.y + p * a.y_plane + r * a.y_row;
      for (index_t o = 0; o < a.n; o += kL) {
        const index_t count = a.n - o < kL ? a.n - o : kL;
        const T* const first = from + o * a.stride;
        Vec<T> acc = load_every<T, kStride>(first, a.stride, count);
        for (index_t k = 1; k < a.taps; ++k)
          acc = larger<T>(acc, load_every<T, kStride>(first + k * a.gap, a.stride, count));
        if (count == kL) store(y + o, acc);
        else store_part(y + o, acc, count);
      }
    }
}

// Windows of many taps: each round doubles what every element is the maximum of, until two taps are left.
// Kernels of 13 take 4 passes over the row, not 12 loads an output.
template <class T>
MaxAlongArgs<T> with_two_taps(const MaxAlongArgs<T>& a) {
  const index_t n = (a.n - 1) * a.stride + (a.taps - 1) * a.gap + 1;
  index_t have = 1;
  for (; 2 * have < a.taps; have *= 2)
    for (index_t p = 0; p < a.planes; ++p)
      for (index_t r = 0; r < a.rows; ++r) {
        T* const row = a.buffer + p * a.buffer_plane + r * a.buffer_row;
        for (index_t i = 0; i < n - have * a.gap; i += kLanes<T>)
          store(row + i, larger<T>(load(row + i), load(row + i + have * a.gap)));
      }
  MaxAlongArgs<T> b = a;
  b.gap = (a.taps - have) * a.gap;
  b.taps = 2;
  return b;
}

constexpr index_t kManyTaps = 5;
template <class T>
void max_along(const MaxAlongArgs<T>& a) {
  const MaxAlongArgs<T> b = a.taps >= kManyTaps ? with_two_taps(a) : a;
  if (b.stride == 1) return max_along_strided<T, 1>(b);
  if (b.stride == 2) return max_along_strided<T, 2>(b);
  max_along_strided<T, 0>(b);
}

// ---- the maximum and its index

// What lies where the lanes of a chunk of outputs read: anything (whole vectors may be read) ...
template <class T, int kStride>
struct WholeTaps {
  index_t gap, stride, count;
  WholeTaps(const MaxWindowArgs<T>& a, index_t o)
      : gap(a.gap), stride(a.stride), count(a.n - o < kLanes<T> ? a.n - o : kLanes<T>) {}
  template <class Tap>
  NDNN_INLINE void each(const T* p, index_t taps, Tap&& tap) const {
#pragma GCC unroll 3
    for (index_t k = 0; k < taps; ++k) tap(load_every<T, kStride>(p + k * gap, stride, count));
  }
  NDNN_INLINE Vec<T> vector(const T* p, index_t k, int v) const { return load(p + k + v * kLanes<T>); }
};

#if NDNN_VEC_BYTES == 64
// ... or something outside [0, in), which is -inf.
template <class T, int kStride>
struct MaskedTaps {
  LaneMask<T> mask[kMostTapsInPlace][kStride];
  MaskedTaps(const MaxWindowArgs<T>& a, index_t o) {
    for (int k = 0; k < a.taps; ++k)
      for (int v = 0; v < kStride; ++v) {
        const index_t at = a.first + o * kStride + k + v * kLanes<T>;
        mask[k][v] = lanes_between<T>(-at, a.in - at);
      }
  }
  NDNN_INLINE Vec<T> vector(const T* p, index_t k, int v) const {
    return load_masked_or<T>(p + k + v * kLanes<T>, mask[k][v], broadcast(kLeast<T>));
  }
  // With stride 2, one pair of vectors holds two taps.
  template <class Tap>
  NDNN_INLINE void each(const T* p, index_t taps, Tap&& tap) const {
#pragma GCC unroll 3
    for (index_t k = 0; k < taps; k += kStride) {
      if constexpr (kStride == 1) {
        tap(vector(p, k, 0));
      } else {
        const Vec<T> low = vector(p, k, 0), high = vector(p, k, 1);
        tap(every_second<T, 0>(low, high));
        if (k + 1 < taps) tap(every_second<T, 1>(low, high));
      }
    }
  }
};
#endif

template <class E>
NDNN_INLINE void store_few(E* p, Vec<E> v, index_t count) {
  using Real = std::conditional_t<sizeof(E) == 4, float, double>;
  if (count >= kLanes<E>) store(p, v);
  else store_part(reinterpret_cast<Real*>(p), (Vec<Real>)v, count);
}
template <class I>
NDNN_INLINE void store_wide(std::int64_t* p, Vec<I> v, index_t count) {
  using Wide = Vec<std::int64_t>;
  if constexpr (sizeof(I) == 8) {
    store_few(p, (Wide)v, count);
  } else {
    constexpr int kHalf = kLanes<I> / 2;
    typedef I Half __attribute__((vector_size(kVecBytes / 2)));
    struct Halves {
      Half low, high;
    } halves;
    __builtin_memcpy(&halves, &v, sizeof(v));
    store_few(p, __builtin_convertvector(halves.low, Wide), count);
    if (count > kHalf) store_few(p + kHalf, __builtin_convertvector(halves.high, Wide), count - kHalf);
  }
}

// kTaps of 0: any number.
template <class T, int kStride, int kTaps>
struct Argmax {
  using I = PoolIndex<T>;
  const MaxWindowArgs<T>& a;

  template <class Taps>
  NDNN_INLINE void run(const Taps& taps, index_t plane, index_t r, index_t o) const {
    const Span& rows = a.rows[r];
    const T* from = a.x + plane * a.plane + rows.begin * a.row + a.first + o * a.stride;
    const index_t row0 = a.first_index + a.first + o * a.stride + rows.begin * a.index_row;
    const Vec<I> lanes = lane_numbers<I>() * static_cast<I>(a.stride) + static_cast<I>(row0);
    const Vec<I> gap = broadcast(static_cast<I>(a.gap));
    Vec<T> acc = broadcast(kLeast<T>);
    Vec<I> at = lanes;
    if (a.begin + o < a.lead_count) at += load(a.lead + a.begin + o);
    for (index_t d = 0; d < a.depth_count; ++d)
      for (index_t h = 0; h < rows.count; ++h) {
        Vec<I> own =
            lanes + static_cast<I>(d * a.index_depth + h * a.row_step * a.index_row);
        taps.each(from + d * a.depth + h * a.row_step * a.row, kTaps ? kTaps : a.taps, [&](Vec<T> v) {
          const Lanes<T> m = takes_over<T>(v, acc);
          acc = choose<T>(m, v, acc);
          at = choose<T>(m, own, at);
          own += gap;
        });
      }
    const index_t to = plane * a.y_plane + r * a.y_row + o, count = a.n - o;
    if (a.saved) store_few(a.saved + to, at, count);
    if (a.indices) store_wide<I>(a.indices + to, at, count);
    store_few(a.y + to, acc, count);
  }
};

template <class T, int kStride>
void argmax_strided(const MaxWindowArgs<T>& a) {
  const Argmax<T, kStride, 0> windows{a};
  for (index_t p = 0; p < a.planes; ++p)
    for (index_t r = 0; r < a.count; ++r)
      for (index_t o = 0; o < a.n; o += kLanes<T>) windows.run(WholeTaps<T, kStride>(a, o), p, r, o);
}
template <class T>
void argmax(const MaxWindowArgs<T>& a) {
  if (a.stride == 1) return argmax_strided<T, 1>(a);
  if (a.stride == 2) return argmax_strided<T, 2>(a);
  argmax_strided<T, 0>(a);
}

#if NDNN_VEC_BYTES == 64

// ---- in place

// Chunks of kLanes outputs: `whole` are complete, and read from `first`, `step` a chunk and `reads` elements
// each, inside [0, in) only.
struct Chunks {
  index_t count, whole_begin, whole_end;
  Chunks(index_t n, index_t lanes, index_t first, index_t step, index_t reads, index_t in)
      : count(ceil_div(n, lanes)) {
    const index_t room = in - first - reads;
    const index_t end = room < 0 ? 0 : room / step + 1;
    whole_end = end < n / lanes ? end : n / lanes;
    whole_begin = first < 0 ? ceil_div(-first, step) : 0;
    if (whole_begin >= whole_end) whole_begin = whole_end = count;
  }
};
// Calls run(edge, plane, row, o) for the chunks that are not whole, whose masks Edge(a, o) prepares, and
// run_whole(plane, row, o) for the others. Narrow rows go chunk by chunk, masks in registers; wide ones in the
// order of memory.
template <class T, class Edge, class Args, class Run, class RunWhole>
NDNN_INLINE void for_chunks(const Args& a, const Chunks& c, Run&& run, RunWhole&& run_whole) {
  constexpr index_t kL = kLanes<T>, kKept = 4;
  if (c.count <= 2) {
    for (index_t i = 0; i < c.count; ++i) {
      const Edge edge(a, i * kL);
      for (index_t p = 0; p < a.planes; ++p)
        for (index_t r = 0; r < a.count; ++r) run(edge, p, r, i * kL);
    }
    return;
  }
  const Edge kept[kKept] = {{a, 0}, {a, kL}, {a, (c.count - 2) * kL}, {a, (c.count - 1) * kL}};
  const auto at_edge = [&](index_t i, index_t p, index_t r) {
    const index_t k = i < 2 ? i : i - c.count + kKept;
    if (k < 0 || (k < 2 && i >= 2)) run(Edge(a, i * kL), p, r, i * kL);
    else run(kept[k], p, r, i * kL);
  };
  for (index_t p = 0; p < a.planes; ++p)
    for (index_t r = 0; r < a.count; ++r) {
      for (index_t i = 0; i < c.whole_begin; ++i) at_edge(i, p, r);
      for (index_t i = c.whole_begin; i < c.whole_end; ++i) run_whole(p, r, i * kL);
      for (index_t i = c.whole_end; i < c.count; ++i) at_edge(i, p, r);
    }
}
template <class T, int kStride>
Chunks chunks_of(const MaxWindowArgs<T>& a) {
  const index_t groups = ceil_div(a.taps, kStride);
  return {a.n, kLanes<T>, a.first, kLanes<T> * kStride, (groups - 1 + kLanes<T>) * kStride, a.in};
}

template <class T, int kStride, int kTaps>
void argmax_chunks(const MaxWindowArgs<T>& a) {
  using Edge = MaskedTaps<T, kStride>;
  const Argmax<T, kStride, kTaps> windows{a};
  for_chunks<T, Edge>(
      a, chunks_of<T, kStride>(a),
      [&](const Edge& edge, index_t p, index_t r, index_t o) { windows.run(edge, p, r, o); },
      [&](index_t p, index_t r, index_t o) { windows.run(WholeTaps<T, kStride>(a, o), p, r, o); });
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
  const MaxWindowArgs<T>& a;

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
            acc[g][v] = larger<T>(acc[g][v], taps.vector(p, g * kStride, v));
    store_few(a.y + plane * a.y_plane + r * a.y_row + o, along(acc), a.n - o);
  }
  static NDNN_INLINE Vec<T> along(const Vec<T> (&acc)[kGroups][kStride]) {
    if constexpr (kStride == 1) {
      Vec<T> y = acc[0][0];
#pragma GCC unroll 3
      for (int k = 1; k < kTaps; ++k) y = larger<T>(y, acc[k][0]);
      return y;
    } else {
      Vec<T> y = every_second<T, 0>(acc[0][0], acc[0][1]);
      if constexpr (kTaps > 1) y = larger<T>(y, every_second<T, 1>(acc[0][0], acc[0][1]));
      if constexpr (kTaps > 2) y = larger<T>(y, every_second<T, 0>(acc[1][0], acc[1][1]));
      return y;
    }
  }

  void all() const {
    using Edge = MaskedTaps<T, kStride>;
    for_chunks<T, Edge>(
        a, chunks_of<T, kStride>(a),
        [&](const Edge& edge, index_t p, index_t r, index_t o) { run(edge, p, r, o); },
        [&](index_t p, index_t r, index_t o) { run(WholeTaps<T, kStride>(a, o), p, r, o); });
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

// ---- the gradient

template <class T>
struct MaskedSources {
  LaneMask<T> mask[kMostSources];
  MaskedSources(const MaxGradientArgs<T>& a, index_t j) {
    for (index_t e = 0; e < a.reach; ++e) {
      const index_t o = j + a.shift + e;
      mask[e] = lanes_between<T>(-o, a.outputs - o);
    }
  }
  template <class E>
  NDNN_INLINE Vec<E> at(const E* p, index_t e) const {
    return (Vec<E>)load_masked_or<T>(reinterpret_cast<const T*>(p), mask[e], (Vec<T>)(Vec<E>{} - 1));
  }
};
template <class T>
struct WholeSources {
  template <class E>
  NDNN_INLINE Vec<E> at(const E* p, index_t) const {
    return load(p);
  }
};

// Elements j * kStride + phase of a row of dx, lanes along j. kReach of 0: any.
template <class T, int kStride, int kReach>
struct MaxGradient {
  using I = PoolIndex<T>;
  const MaxGradientArgs<T>& a;

  template <class Sources>
  NDNN_INLINE void run(const Sources& sources, index_t plane, index_t row, index_t j) const {
    Vec<T> acc[kStride];
    Vec<I> own[kStride];
#pragma GCC unroll 2
    for (int f = 0; f < kStride; ++f) {
      acc[f] = Vec<T>{};
      own[f] = lane_numbers<I>() * kStride +
               broadcast(static_cast<I>(a.first_index + row * a.index_row + j * kStride + f));
    }
    for (index_t d = 0; d < a.depth_count; ++d)
      for (index_t h = 0; h < a.rows[row].count; ++h) {
        const index_t from =
            plane * a.plane + d * a.depth + (a.rows[row].begin + h) * a.outputs + j + a.shift;
#pragma GCC unroll 3
        for (index_t e = 0; e < (kReach ? kReach : a.reach); ++e) {
          const Vec<I> index = sources.at(a.index + from + e, e);
          const Vec<T> dy = sources.at(a.dy + from + e, e);
#pragma GCC unroll 2
          for (int f = 0; f < kStride; ++f) acc[f] = add_where<T>(acc[f], equal_lanes<T>(index, own[f]), dy);
        }
      }
    T* const dx = a.dx + plane * a.dx_plane + row * a.dx_row + j * kStride;
    const index_t count = a.n - j * kStride;
    if constexpr (kStride == 1) {
      store_few(dx, acc[0], count);
    } else {
      store_few(dx, interleaved<T, 0>(acc[0], acc[1]), count);
      if (count > kLanes<T>) store_few(dx + kLanes<T>, interleaved<T, 1>(acc[0], acc[1]), count - kLanes<T>);
    }
  }

  void all() const {
    constexpr index_t kL = kLanes<T>;
    const Chunks chunks(ceil_div(a.n, kStride), kL, a.shift, kL, kL + a.reach - 1, a.outputs);
    for_chunks<T, MaskedSources<T>>(
        a, chunks,
        [&](const MaskedSources<T>& edge, index_t p, index_t r, index_t j) { run(edge, p, r, j); },
        [&](index_t p, index_t r, index_t j) { run(WholeSources<T>(), p, r, j); });
  }
};

template <class T, int kStride>
void max_gradient_strided(const MaxGradientArgs<T>& a) {
  if (a.reach == 1) return MaxGradient<T, kStride, 1>{a}.all();
  if (a.reach == 2) return MaxGradient<T, kStride, 2>{a}.all();
  if (a.reach == 3) return MaxGradient<T, kStride, 3>{a}.all();
  MaxGradient<T, kStride, 0>{a}.all();
}
template <class T>
void max_gradient(const MaxGradientArgs<T>& a) {
  if (a.stride == 1) return max_gradient_strided<T, 1>(a);
  max_gradient_strided<T, 2>(a);
}
#endif

template <class T>
constexpr MaxPoolKernels<T> make_kernels() {
#if NDNN_VEC_BYTES == 64
  return {&max_rows<T>, &max_along<T>, &argmax<T>, &window<T>, &argmax_in_place<T>, &max_gradient<T>};
#else
  return {&max_rows<T>, &max_along<T>, &argmax<T>, nullptr, nullptr, nullptr};
#endif
}
extern const MaxPoolKernels<float> max_pool_kernels_f32;
extern const MaxPoolKernels<double> max_pool_kernels_f64;
constexpr MaxPoolKernels<float> max_pool_kernels_f32 = make_kernels<float>();
constexpr MaxPoolKernels<double> max_pool_kernels_f64 = make_kernels<double>();

#include "core/isa_end.hpp"
