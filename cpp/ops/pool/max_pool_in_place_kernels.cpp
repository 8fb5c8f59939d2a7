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

// ---- small windows without indices: down the rows of a window, in registers, then along

// The rows of one window: kDepths times kRows, where it has fewer, the last stands for the missing. kRows of
// 0: any number of both.
template <class T, int kDepths, int kRows>
struct WindowRows {
  const MaxWindowArgs<T>& a;
  const T* row[kRows ? kDepths * kRows : 1];
  index_t count, step;
  NDNN_INLINE WindowRows(const MaxWindowArgs<T>& args, const T* plane, index_t r)
      : a(args), count(a.rows[r].count), step(a.row_step * a.row) {
    row[0] = plane + a.rows[r].begin * a.row + a.first;
    const index_t depth = a.depth_count > 1 ? a.depth : 0;
#pragma GCC unroll 4
    for (int i = 1; i < kDepths * kRows; ++i)
      row[i] = i < kRows ? row[i - 1] + (i < count ? step : 0) : row[i - kRows] + depth;
  }
  // The largest of each place, from kVectors neighbouring ones on.
  template <int kVectors, class Load>
  NDNN_INLINE void largest(Vec<T> (&acc)[kVectors], index_t at, Load&& load_from) const {
    const auto each = [&](const T* p, auto&& join) NDNN_LAMBDA {
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) acc[v] = join(acc[v], load_from(p + at + v * kLanes<T>, v));
    };
    const auto larger = [](Vec<T> old, Vec<T> v) NDNN_LAMBDA { return larger_or_nan<T>(old, v); };
    each(row[0], [](Vec<T>, Vec<T> v) NDNN_LAMBDA { return v; });
#pragma GCC unroll 4
    for (int i = 1; i < kDepths * kRows; ++i) each(row[i], larger);
    if constexpr (kRows == 0)
      for (index_t d = 0; d < a.depth_count; ++d)
        for (index_t h = d == 0; h < count; ++h) each(row[0] + d * a.depth + h * step, larger);
  }
};

template <class T, int kBy, int... J>
NDNN_INLINE Vec<T> following(Vec<T> a, Vec<T> b, std::integer_sequence<int, J...>) {
  return __builtin_shufflevector(a, b, (J + kBy)...);
}

template <class T, int kStride, int kTaps, int kDepths, int kRows>
struct SmallWindows {
  static constexpr int kL = kLanes<T>, kGroup = kStride * kL;
  static constexpr int kReach = (kTaps - 1) / kStride;  // lanes of the next group that a vector needs
  using Rows = WindowRows<T, kDepths, kRows>;
  struct Group {  // the positions of kL outputs, and those between them
    Vec<T> v[kStride];
  };
  const MaxWindowArgs<T> a;
  index_t whole_end;               // groups but the first that are inside [0, in)
  LaneMask<T> mask[3][kStride]{};  // of the first, of that at the end, of those behind it

  explicit NDNN_INLINE SmallWindows(const MaxWindowArgs<T>& args)
      : a(args), whole_end((a.in - a.first) / kGroup) {
    for (int v = 0; v < kStride; ++v)
      for (int at_end = 0; at_end < 2; ++at_end) {
        const index_t at = a.first + at_end * whole_end * kGroup + v * kL;
        mask[at_end][v] = lanes_between<T>(-at, a.in - at);
      }
  }

  static NDNN_INLINE Group parted(Group g) {
    if constexpr (kStride == 1) return g;
    else return {{every_second<T, 0>(g.v[0], g.v[1]), every_second<T, 1>(g.v[0], g.v[1])}};
  }
  static NDNN_INLINE Group whole(const Rows& rows, index_t j) {
    Group g;
    rows.largest(g.v, j * kGroup, [](const T* p, int) NDNN_LAMBDA { return load(p); });
    return parted(g);
  }
  NDNN_INLINE Group edge(const Rows& rows, index_t j) const {
    const LaneMask<T>* const m = mask[j == 0 ? 0 : j == whole_end ? 1 : 2];
    Group g;
    rows.largest(g.v, j * kGroup, [&](const T* p, int v) NDNN_LAMBDA {
      return load_masked_or<T>(p, m[v], broadcast(kLeast<T>));
    });
    return parted(g);
  }
  static NDNN_INLINE Vec<T> along(const Group& g, const Group& next) {
    constexpr auto kAll = std::make_integer_sequence<int, kLanes<T>>{};
    Vec<T> y = g.v[0];
    if constexpr (kTaps > 1 && kStride == 2) y = larger_or_nan<T>(y, g.v[1]);
    if constexpr (kReach > 0) y = larger_or_nan<T>(y, following<T, 1>(g.v[0], next.v[0], kAll));
    if constexpr (kReach > 1) y = larger_or_nan<T>(y, following<T, 2>(g.v[0], next.v[0], kAll));
    return y;
  }
  NDNN_INLINE void row(const Rows& rows, T* y) const {
    Group g = edge(rows, 0);
    index_t j = 1;
    for (; j < whole_end && j * kL <= a.n; ++j) {
      const Group next = whole(rows, j);
      store(y + (j - 1) * kL, along(g, next));
      g = next;
    }
    for (index_t left = a.n - (j - 1) * kL; left > 0; left -= kL, ++j) {
      Group next = g;
      if (left > kL - kReach) next = edge(rows, j);
      store_few(y + (j - 1) * kL, along(g, next), left);
      g = next;
    }
  }

  // Rows so short that one vector holds what two of them read, and one those of two rows of outputs.
  bool narrow() const { return (a.n - 1) * kStride + kTaps <= kL && 2 * a.n <= kL && a.y_row == a.n; }
  NDNN_INLINE Vec<T> first_vector(const Rows& rows) const {
    Vec<T> v[1];
    const LaneMask<T> m = mask[0][0];
    rows.largest(v, 0,
                 [&](const T* p, int) NDNN_LAMBDA { return load_masked_or<T>(p, m, broadcast(kLeast<T>)); });
    return v[0];
  }
  NDNN_INLINE void row_pairs(const T* x, T* y) const {
    using I = IntOf<T>;
    const LaneIndex<T> lane = lane_numbers<I>();
    const I n = static_cast<I>(a.n);
    const LaneIndex<T> first = lane * kStride + (lane < n ? LaneIndex<T>{} : broadcast<I>(kL - n * kStride));
    const auto both = [&](index_t r, index_t other) NDNN_LAMBDA {
      const Vec<T> low = first_vector(Rows(a, x, r)), high = first_vector(Rows(a, x, other));
      Vec<T> largest = permute<T>(low, high, first);
#pragma GCC unroll 3
      for (I k = 1; k < kTaps; ++k) largest = larger_or_nan<T>(largest, permute<T>(low, high, first + k));
      return largest;
    };
    index_t r = 0;
    for (; r + 1 < a.count; r += 2) store_few(y + r * n, both(r, r + 1), 2 * n);
    if (r < a.count) store_part(y + r * n, both(r, r), n);
  }

  void all() const {
    const SmallWindows own = *this;  // that no store can change: else each row would load all of it again
    const bool in_pairs = own.narrow();
    for (index_t p = 0; p < own.a.planes; ++p) {
      const T* const x = own.a.x + p * own.a.plane;
      T* const y = own.a.y + p * own.a.y_plane;
      if (in_pairs) own.row_pairs(x, y);
      else if (own.a.n <= kL - kReach)
        for (index_t r = 0; r < own.a.count; ++r) {
          const Group g = own.edge(Rows(own.a, x, r), 0);
          store_few(y + r * own.a.y_row, along(g, g), own.a.n);
        }
      else
        for (index_t r = 0; r < own.a.count; ++r) own.row(Rows(own.a, x, r), y + r * own.a.y_row);
    }
  }
};

template <class T, int kStride, int kTaps>
void window_of_taps(const MaxWindowArgs<T>& a) {
  index_t tallest = 0;
  for (index_t r = 0; r < a.count; ++r) tallest = a.rows[r].count > tallest ? a.rows[r].count : tallest;
  if (a.depth_count == 1 && tallest == 2) return SmallWindows<T, kStride, kTaps, 1, 2>(a).all();
  if (a.depth_count == 1 && tallest == 3) return SmallWindows<T, kStride, kTaps, 1, 3>(a).all();
  if (a.depth_count == 2 && tallest == 2) return SmallWindows<T, kStride, kTaps, 2, 2>(a).all();
  SmallWindows<T, kStride, kTaps, 1, 0>(a).all();
}
template <class T, int kStride>
void window_strided(const MaxWindowArgs<T>& a) {
  if (a.taps == 1) return window_of_taps<T, kStride, 1>(a);
  if (a.taps == 2) return window_of_taps<T, kStride, 2>(a);
  window_of_taps<T, kStride, 3>(a);
}
template <class T>
void window(const MaxWindowArgs<T>& a) {
  if (a.stride == 1) return window_strided<T, 1>(a);
  window_strided<T, 2>(a);
}

// ---- the gradient of windows that do not overlap

// v[0] of lane 0, v[1] of lane 0, ..., in as many vectors.
template <class T>
NDNN_INLINE void interleave(Vec<T> (&)[1]) {}
template <class T>
NDNN_INLINE void interleave(Vec<T> (&v)[2]) {
  const Vec<T> a = v[0], b = v[1];
  v[0] = interleaved<T, 0>(a, b);
  v[1] = interleaved<T, 1>(a, b);
}
template <class T>
NDNN_INLINE void interleave(Vec<T> (&v)[4]) {
  Vec<T> even[2] = {v[0], v[2]}, odd[2] = {v[1], v[3]};
  interleave<T>(even);
  interleave<T>(odd);
#pragma GCC unroll 2
  for (int half = 0; half < 2; ++half) {
    v[2 * half] = interleaved<T, 0>(even[half], odd[half]);
    v[2 * half + 1] = interleaved<T, 1>(even[half], odd[half]);
  }
}

template <class T, int kStride>
void spread_strided(const MaxSpreadArgs<T>& args) {
  using I = PoolIndex<T>;
  constexpr index_t kL = kLanes<T>;
  const MaxSpreadArgs<T> a = args;
  const Vec<I> down = broadcast(static_cast<I>(a.n)), none = Vec<I>{} - 1;
  const auto load_outputs = [](const auto* p, index_t room, auto rest) NDNN_LAMBDA {
    const T* const q = reinterpret_cast<const T*>(p);
    return room >= kL ? load(q) : load_masked_or<T>(q, lanes_between<T>(0, room), (Vec<T>)rest);
  };
  for (index_t p = 0; p < a.planes; ++p)
    for (index_t row = 0, u = 0; row < a.rows; row += a.row_stride, ++u) {
      const index_t from = p * a.plane + (u < a.last ? u : a.last) * a.outputs;
      const index_t rows = a.rows - row < a.row_stride ? a.rows - row : a.row_stride;
      for (index_t o = 0; o * kStride < a.n; o += kL) {
        const index_t left = a.n - o * kStride;
        const Vec<I> index = (Vec<I>)load_outputs(a.index + from + o, a.outputs - o, none);
        const Vec<T> dy = load_outputs(a.dy + from + o, a.outputs - o, none);
        Vec<I> own = lane_numbers<I>() * kStride + static_cast<I>(a.first_index + row * a.n + o * kStride);
        T* dx = a.dx + p * a.dx_plane + row * a.n + o * kStride;
        for (index_t r = 0; r < rows; ++r, own += down, dx += a.n) {
          Vec<T> v[kStride];
#pragma GCC unroll 4
          for (int f = 0; f < kStride; ++f)
            v[f] = add_where<T>(Vec<T>{}, equal_lanes<T>(index - static_cast<I>(f), own), dy);
          interleave<T>(v);
#pragma GCC unroll 4
          for (int f = 0; f < kStride; ++f)
            if (left > f * kL) store_few(dx + f * kL, v[f], left - f * kL);
        }
      }
    }
}
template <class T>
void spread(const MaxSpreadArgs<T>& a) {
  if (a.stride == 1) return spread_strided<T, 1>(a);
  if (a.stride == 2) return spread_strided<T, 2>(a);
  spread_strided<T, 4>(a);
}
#endif

template <class T>
constexpr MaxPoolInPlaceKernels<T> make_kernels() {
#if NDNN_VEC_BYTES == 64
  return {&window<T>, &argmax_in_place<T>, &spread<T>};
#else
  return {nullptr, nullptr, nullptr};
#endif
}
extern const MaxPoolInPlaceKernels<float> max_pool_in_place_kernels_f32;
extern const MaxPoolInPlaceKernels<double> max_pool_in_place_kernels_f64;
constexpr MaxPoolInPlaceKernels<float> max_pool_in_place_kernels_f32 = make_kernels<float>();
constexpr MaxPoolInPlaceKernels<double> max_pool_in_place_kernels_f64 = make_kernels<double>();

#include "core/isa_end.hpp"
