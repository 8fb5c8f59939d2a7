// SPDX-License-Identifier: MIT
// Tasks are fixed numbers of rows; kernels get up to kTile of one plane. A row is written by one task.
#include <limits>

#include "core/parallel.hpp"
#include "ops/conv_transpose/interleave_kernels.hpp"
#include "ops/fold/fold.hpp"
#include "ops/fold/fold_kernels.hpp"

namespace ndnn {
namespace {

constexpr index_t kTile = 64;                        // rows of a kernel call
constexpr index_t kTaskElements = index_t{1} << 15;  // 128 KB of floats: a tenth of L2

index_t rows_of_task(index_t width) {
  return std::max<index_t>(1, kTaskElements / std::max<index_t>(width, 1));
}

constexpr index_t kOutside = std::numeric_limits<index_t>::min();  // strides may make any other number

// Where plane `plane` of the gathered array lies in the input, or kOutside.
index_t plane_source(const GatherPlan& p, index_t plane) {
  index_t at = 0;
  for (std::size_t a = p.outer.size(); a-- > 0;) {
    const AxisMap& m = p.outer[a].map;
    const index_t rest = m.out == 1 ? 0 : plane % m.out, i = m.source(rest);
    if (i < 0) return kOutside;
    at += i * p.outer[a].stride;
    plane = m.out == 1 ? plane : plane / m.out;
  }
  return at;
}

// Calls body(plane of the gathered array) for each that reads plane `plane` of the input, in order.
template <class Body>
void for_readers(const GatherPlan& p, std::size_t axes, index_t plane, index_t at, index_t pitch,
                 const Body& body) {
  if (axes == 0) return body(at);
  const AxisMap& m = p.outer[axes - 1].map;
  const index_t i = plane % m.in;
  for (int k = 0; k < m.runs; ++k) {
    const Run& r = m.run[k];
    if (r.fill) continue;
    const index_t q = r.step ? (i - r.from) / r.step : 0;
    if (r.from + q * r.step != i || q < 0 || q >= r.count) continue;
    const index_t end = r.step ? q + 1 : r.count;
    for (index_t o = r.first + q; o < r.first + end; ++o)
      for_readers(p, axes - 1, plane / m.in, at + o * pitch, pitch * m.out, body);
  }
}

// Pairs of rows, handed to the kernel kTile at a time.
template <class T>
class Pairs {
 public:
  Pairs(void (*kernel)(const RowArgs<T>&), const AxisMap& columns, index_t stride, T fill)
      : kernel_(kernel), args_{pairs_, 0, &columns, stride, fill} {}
  ~Pairs() { flush(); }
  Pairs(const Pairs&) = delete;
  Pairs& operator=(const Pairs&) = delete;
  void push(T* gathered, T* input) {
    pairs_[args_.count++] = {gathered, input};
    if (args_.count == kTile) flush();
  }

 private:
  void flush() {
    if (args_.count) kernel_(args_);
    args_.count = 0;
  }
  void (*kernel_)(const RowArgs<T>&);
  RowPair<T> pairs_[kTile];
  RowArgs<T> args_;
};

}  // namespace

template <class T>
void run_gather(const GatherPlan& p, Isa isa, const T* x, T fill, T* y) {
  const index_t height = p.height(), width = p.width(), taps = p.taps();
  if (p.gathered() == 0) return;
  const auto kw = static_cast<index_t>(p.columns.size());
  const index_t rows = p.planes * taps * height, chunk = rows_of_task(width);
  const FoldKernels<T>& kernels = fold_kernels<T>(isa);
  T* const input = const_cast<T*>(x);  // read only: the adjoint writes to what this reads
  parallel_for(p.threads, ceil_div(rows, chunk), [&](index_t task, int) {
    const index_t end = std::min(rows, (task + 1) * chunk);
    for (index_t r = task * chunk; r < end;) {
      const index_t block = r / height, oh = r - block * height, plane = block / taps;
      const index_t tap = block - plane * taps, stop = std::min(height, oh + end - r);
      const AxisMap& map = p.rows[tap / kw];
      const index_t base = plane_source(p, plane);
      Pairs<T> pairs(kernels.copy, p.columns[tap % kw], p.column_stride, fill);
      for (index_t o = oh; o < stop; ++o, ++r) {
        const index_t i = base == kOutside ? -1 : map.source(o);
        pairs.push(y + r * width, i < 0 ? nullptr : input + base + i * p.row_stride);
      }
    }
  });
}

template <class T>
void run_gather_adjoint(const GatherPlan& p, Isa isa, const T* y, T* x) {
  const index_t in_rows = p.rows[0].in, in_width = p.columns[0].in;
  if (p.inputs() == 0) return;
  const auto kw = static_cast<index_t>(p.columns.size());
  const index_t chunk = std::min(in_rows, rows_of_task(in_width)), chunks = ceil_div(in_rows, chunk);
  const FoldKernels<T>& kernels = fold_kernels<T>(isa);
  T* const grad = const_cast<T*>(y);
  parallel_for(p.threads, p.in_planes * chunks, [&](index_t task, int) {
    const index_t plane = task / chunks, begin = task % chunks * chunk;
    const index_t end = std::min(in_rows, begin + chunk);
    T* const to = x + plane * in_rows * in_width;
    std::fill(to + begin * in_width, to + end * in_width, T(0));
    if (p.gathered() == 0) return;
    for_readers(p, p.outer.size(), plane, 0, 1, [&](index_t reader) {
      for (index_t tap = 0; tap < p.taps(); ++tap) {
        const T* const from = grad + (reader * p.taps() + tap) * p.height() * p.width();
        const AxisMap& map = p.rows[tap / kw];
        Pairs<T> pairs(kernels.add, p.columns[tap % kw], 1, T(0));
        for (int k = 0; k < map.runs; ++k) {
          const Run& r = map.run[k];
          if (r.fill) continue;
          for (index_t q = 0, i = r.from; q < r.count; ++q, i += r.step)
            if (i >= begin && i < end)
              pairs.push(const_cast<T*>(from) + (r.first + q) * p.width(), to + i * in_width);
        }
      }
    });
  });
}

template <class T>
void run_shuffle(const GatherPlan& p, Isa isa, const T* y, T* x) {
  const index_t height = p.height(), width = p.width(), area = height * width;
  const auto kh = static_cast<index_t>(p.rows.size()), kw = static_cast<index_t>(p.columns.size());
  if (p.gathered() == 0) return;
  const index_t chunk = std::min(height, rows_of_task(width * kw * kh)), chunks = ceil_div(height, chunk);
  const InterleaveKernels<T>& kernels = interleave_kernels<T>(isa);
  parallel_for(p.threads, p.planes * chunks, [&](index_t task, int) {
    const index_t plane = task / chunks, begin = task % chunks * chunk;
    InterleavedPhase<T> phases[kMostShuffled];
    const T* const from = y + plane * kh * kw * area + begin * width;
    for (index_t j = 0; j < kw; j += kMostShuffled) {
      const index_t count = std::min(kMostShuffled, kw - j);
      for (index_t i = 0; i < count; ++i) phases[i] = {from + (j + i) * area, kw * area, width, j + i};
      kernels.run({phases, count, kw, nullptr, x + (plane * height + begin) * kh * width * kw, width * kw,
                   kh * width * kw, kh, std::min(chunk, height - begin), width * kw});
    }
  });
}

#define NDNN_FOLD(T)                                                         \
  template void run_gather<T>(const GatherPlan&, Isa, const T*, T, T*);      \
  template void run_gather_adjoint<T>(const GatherPlan&, Isa, const T*, T*); \
  template void run_shuffle<T>(const GatherPlan&, Isa, const T*, T*);
NDNN_FOLD(float)
NDNN_FOLD(double)

}  // namespace ndnn
