// SPDX-License-Identifier: MIT
#include "ops/norm/column_norm.hpp"

#include "ops/norm/norm_passes.hpp"

namespace ndnn {
namespace {

constexpr index_t kWidth = 256;  // columns of one task, about

// The matrix cut into blocks of whole channels and of kNormRows rows.
struct Blocks {
  index_t rows, size, channels, columns, width;

  explicit Blocks(const ChannelNorm& p)
      : rows(p.n),
        size(p.size),
        channels(p.channels),
        columns(p.channels * p.size),
        width(std::min(columns, size * std::max<index_t>(1, kWidth / size))) {}

  index_t first_column(index_t block) const { return block * width; }
  index_t width_of(index_t block) const { return std::min(width, columns - first_column(block)); }
  index_t row_blocks() const { return ceil_div(rows, kNormRows); }
  index_t rows_of(index_t row_block) const { return std::min(kNormRows, rows - row_block * kNormRows); }
  Columns at(index_t block, index_t row_block) const {
    return {rows_of(row_block), columns, width_of(block)};
  }
  index_t offset(index_t block, index_t row_block) const {
    return row_block * kNormRows * columns + first_column(block);
  }
  double count() const { return double(rows) * double(size); }

  template <class T>
  TwoPasses passes(int threads, int arrays) const {
    const index_t bytes = rows * width * arrays * index_t(sizeof(T));
    return {ceil_div(columns, width), row_blocks(), row_blocks(), bytes, 1, threads};
  }
  // body(channel, its first column in the block)
  template <class Body>
  void each_channel(index_t block, Body&& body) const {
    for (index_t j = 0; j < width_of(block); j += size) body((first_column(block) + j) / size, j);
  }
};

// Arrays of one number a column.
template <class T, int kArrays>
struct Expanded {
  explicit Expanded(index_t columns)
      : columns_(columns), values_(new T[static_cast<std::size_t>(kArrays * columns)]) {}
  T* of(int array, index_t column) const { return values_.get() + array * columns_ + column; }
  void set(const Blocks& b, index_t channel, const T (&values)[kArrays]) const {
    for (int i = 0; i < kArrays; ++i) std::fill_n(of(i, channel * b.size), b.size, values[i]);
  }

 private:
  index_t columns_;
  std::unique_ptr<T[]> values_;
};

// Sums of g and g * (x - centre) into slots of two rows, then of(channel, sum, sum of g * (x - mean)), then
// apply.
template <class T, class Of, class Apply>
void gradient_passes(const ChannelNorm& p, const Blocks& b, const T* g, const T* x, const T* centre,
                     const double* mean, Of&& of, Apply&& apply) {
  const NormKernels<T>& k = norm_kernels<T>(p.isa);
  two_passes<T>(
      b.passes<T>(p.threads, 2), 2 * b.width,
      [&](index_t block, index_t r, T* slot) {
        const index_t at = b.offset(block, r);
        k.column_sums(g + at, x + at, b.at(block, r), centre + b.first_column(block), slot, slot + b.width);
      },
      [&](index_t block, const T* slots) {
        b.each_channel(block, [&](index_t c, index_t j) {
          double sum = 0, products = 0;
          for (index_t r = 0; r < b.row_blocks(); ++r)
            for (index_t l = 0; l < b.size; ++l) {
              const T* const s = slots + 2 * b.width * r + j + l;
              sum += double(s[0]);
              products += double(s[b.width]);
            }
          of(c, sum, products + (double(T(mean[c])) - mean[c]) * sum);
        });
      },
      apply);
}

}  // namespace

template <class T>
void run_column_norm(const ChannelNorm& p, const T* x, T* y, const double* weight, const double* bias,
                     double eps, double* mean, double* var) {
  const Blocks b(p);
  const NormKernels<T>& k = norm_kernels<T>(p.isa);
  const Expanded<T, 3> a(b.columns);
  two_passes<T>(
      b.passes<T>(p.threads, 1), 3 * b.width,
      [&](index_t block, index_t r, T* slot) {
        k.column_moments(x + b.offset(block, r), b.at(block, r), slot, slot + b.width, slot + 2 * b.width);
      },
      [&](index_t block, const T* slots) {
        b.each_channel(block, [&](index_t c, index_t j) {
          const Moments m = joined(b.row_blocks() * b.size, b.count(),
                                   [&](index_t i, double& n, double& of_piece, double& squares) {
                                     const T* const s = slots + 3 * b.width * (i / b.size) + j + i % b.size;
                                     n = double(b.rows_of(i / b.size));
                                     const double sum = double(s[b.width]);
                                     of_piece = double(s[0]) + sum / n;
                                     squares = std::fmax(0., double(s[2 * b.width]) - sum * sum / n);
                                   });
          mean[c] = m.mean;
          var[c] = m.var;
          const double scale = (weight ? weight[c] : 1) * inverse_deviation(m.var, eps);
          const Affine<T> of = affine_of<T>(m.mean, scale, bias ? bias[c] : 0);
          a.set(b, c, {of.centre, of.scale, of.shift});
        });
      },
      [&](index_t block, index_t r) {
        const index_t at = b.offset(block, r), j = b.first_column(block);
        k.column_affine(x + at, y + at, b.at(block, r), a.of(0, j), a.of(1, j), a.of(2, j));
      });
}

template <class T>
void run_column_affine(const ChannelNorm& p, const T* x, T* y, const Affine<T>* table) {
  const Blocks b(p);
  const NormKernels<T>& k = norm_kernels<T>(p.isa);
  const Expanded<T, 3> a(b.columns);
  for (index_t c = 0; c < p.channels; ++c) a.set(b, c, {table[c].centre, table[c].scale, table[c].shift});
  const index_t rows = std::max<index_t>(1, kNormTaskBytes / index_t(sizeof(T)) / b.columns);
  parallel_for(p.threads, ceil_div(b.rows, rows), [&](index_t task, int) {
    const index_t at = task * rows * b.columns, here = std::min(rows, b.rows - task * rows);
    k.column_affine(x + at, y + at, {here, b.columns, b.columns}, a.of(0, 0), a.of(1, 0), a.of(2, 0));
  });
}

template <class T>
void run_column_gradient(const ChannelNorm& p, const T* g, const T* x, T* dx, const double* weight,
                         double eps, const double* mean, const double* var, double* dw, double* db) {
  const Blocks b(p);
  const NormKernels<T>& k = norm_kernels<T>(p.isa);
  const Expanded<T, 4> a(b.columns);
  for (index_t c = 0; c < p.channels; ++c) std::fill_n(a.of(0, c * b.size), b.size, T(mean[c]));
  gradient_passes(
      p, b, g, x, a.of(0, 0), mean,
      [&](index_t c, double sum, double products) {
        const double inverse = inverse_deviation(var[c], eps), w = weight ? weight[c] : 1;
        dw[c] = products * inverse;
        db[c] = sum;
        const NormGradient<T> of =
            gradient_of<T>(mean[c], inverse, w * inverse, w * sum, w * products, b.count());
        a.set(b, c, {of.centre, of.of_grad, of.of_input, of.constant});
      },
      [&](index_t block, index_t r) {
        const index_t at = b.offset(block, r), j = b.first_column(block);
        k.column_gradient(g + at, x + at, dx + at, b.at(block, r), a.of(0, j), a.of(1, j), a.of(2, j),
                          a.of(3, j));
      });
}

template <class T>
void run_column_sums(const ChannelNorm& p, const T* g, const T* x, double eps, const double* mean,
                     const double* var, double* dw, double* db) {
  const Blocks b(p);
  const Expanded<T, 1> centre(b.columns);
  for (index_t c = 0; c < p.channels; ++c) centre.set(b, c, {T(mean[c])});
  gradient_passes(
      p, b, g, x, centre.of(0, 0), mean,
      [&](index_t c, double sum, double products) {
        dw[c] = products * inverse_deviation(var[c], eps);
        db[c] = sum;
      },
      [](index_t, index_t) {});
}

#define NDNN_INSTANTIATE(T)                                                                             \
  template void run_column_norm(const ChannelNorm&, const T*, T*, const double*, const double*, double, \
                                double*, double*);                                                      \
  template void run_column_affine(const ChannelNorm&, const T*, T*, const Affine<T>*);                  \
  template void run_column_gradient(const ChannelNorm&, const T*, const T*, T*, const double*, double,  \
                                    const double*, const double*, double*, double*);                    \
  template void run_column_sums(const ChannelNorm&, const T*, const T*, double, const double*,          \
                                const double*, double*, double*);
NDNN_INSTANTIATE(float)
NDNN_INSTANTIATE(double)

}  // namespace ndnn
