// SPDX-License-Identifier: MIT
#include <algorithm>

#include "core/parallel.hpp"
#include "ops/softmax/softmax_kernels.hpp"

namespace ndnn {
namespace {

constexpr index_t kTask = 1 << 15;  // elements, about
constexpr index_t kLine = 64;       // bytes
constexpr index_t kNarrow = 1 << 10, kNarrowColumns = 8;

template <class T>
class SoftmaxRun {
 public:
  SoftmaxRun(const SoftmaxCall<T>& call, Isa isa) : c_(call), kernels_(softmax_kernels<T>(isa)) {}

  // Many rows at a time.
  void rows(int threads) const {
    const index_t each = std::max<index_t>(1, kTask / c_.n);
    parallel_for(threads, ceil_div(c_.outer, each), [&](index_t task, int) {
      const index_t first = task * each;
      SoftmaxArgs<T> a = args(first * c_.n);
      a.rows = std::min(each, c_.outer - first);
      if (!c_.x->dense()) gather(*c_.x, first * c_.n, a.rows * c_.n, a.out);
      (c_.y ? kernels_.rows_gradient : kernels_.rows)[c_.log](a);
    });
  }
  // A range of columns at a time: as many as stay in half of L2 with all their rows, whole cache lines.
  void columns(int threads) const {
    const index_t line = kLine / static_cast<index_t>(sizeof(T));
    const index_t fits = caches().l2 / 2 / static_cast<index_t>(sizeof(T)) / c_.n;
    const index_t width = std::clamp(fits / line * line, line, kMostColumns);
    const index_t ranges = ceil_div(c_.inner, width);
    parallel_for(threads, c_.outer * ranges, [&](index_t task, int) {
      const index_t column = task % ranges * width, at = task / ranges * c_.n * c_.inner + column;
      SoftmaxArgs<T> a = args(at);
      a.width = std::min(width, c_.inner - column);
      a.ld = c_.inner;
      if (!c_.x->dense())
        for (index_t k = 0; k < c_.n; ++k) gather(*c_.x, at + k * a.ld, a.width, a.out + k * a.ld);
      (c_.y ? kernels_.columns_gradient : kernels_.columns)[c_.log](a);
    });
  }

  // Few columns: a column becomes a row for the time. By columns, 3 of 16 lanes would work.
  void narrow_columns(int threads) const {
    const index_t block = c_.n * c_.inner, each = std::max<index_t>(1, kNarrow / block);
    parallel_for(threads, ceil_div(c_.outer, each), [&](index_t task, int) {
      T plain[kNarrow], x[kNarrow], y[kNarrow];
      const index_t first = task * each, count = std::min(each, c_.outer - first), at = first * block;
      gather(*c_.x, at, count * block, plain);
      transpose(plain, count, c_.n, c_.inner, x);
      if (c_.y) transpose(c_.y + at, count, c_.n, c_.inner, y);
      SoftmaxArgs<T> a = args(at);
      a.x = a.out = x;
      a.y = y;
      a.rows = count * c_.inner;
      (c_.y ? kernels_.rows_gradient : kernels_.rows)[c_.log](a);
      transpose(x, count, c_.inner, c_.n, c_.out + at);
    });
  }
  bool narrow() const { return c_.inner < kNarrowColumns && c_.n * c_.inner <= kNarrow; }

 private:
  static void transpose(const T* from, index_t blocks, index_t rows, index_t columns, T* to) {
    for (index_t b = 0; b < blocks; ++b, from += rows * columns, to += rows * columns)
      for (index_t c = 0; c < columns; ++c)
        for (index_t r = 0; r < rows; ++r) to[c * rows + r] = from[r * columns + c];
  }
  // An input of other strides is brought to the output's memory first, and worked on there.
  SoftmaxArgs<T> args(index_t at) const {
    SoftmaxArgs<T> a{};
    a.out = c_.out + at;
    a.x = c_.x->dense() ? c_.x->data + at : a.out;
    a.y = c_.y ? c_.y + at : nullptr;
    a.n = c_.n;
    a.scale = c_.scale;
    return a;
  }

  const SoftmaxCall<T>& c_;
  const SoftmaxKernels<T>& kernels_;
};

}  // namespace

template <class T>
void run_softmax(const SoftmaxCall<T>& call, Isa isa, int threads) {
  if (call.size() == 0) return;
  const SoftmaxRun<T> run(call, isa);
  if (call.inner == 1) run.rows(threads);
  else if (run.narrow()) run.narrow_columns(threads);
  else run.columns(threads);
}
template void run_softmax<float>(const SoftmaxCall<float>&, Isa, int);
template void run_softmax<double>(const SoftmaxCall<double>&, Isa, int);

}  // namespace ndnn
