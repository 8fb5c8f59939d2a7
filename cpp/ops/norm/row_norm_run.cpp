// SPDX-License-Identifier: MIT
// Norms with one weight for each element of a row.
#include "ops/norm/norm_passes.hpp"

namespace ndnn {
namespace {

constexpr index_t kParts = 32;    // of the rows, whose weights' gradients are summed apart
constexpr index_t kRowsInT = 64;  // summed in T, before they are added in double

struct Pieces {
  explicit Pieces(const RowNorm& p) : n(p.n), count(ceil_div(p.n, kNormPiece)) {}
  index_t n, count;
  index_t begin(index_t i) const { return i * kNormPiece; }
  index_t size(index_t i) const { return std::min(kNormPiece, n - begin(i)); }
};

template <class T>
const T* row_of(const T* values, const RowNorm& p, index_t row) {
  return values ? values + row % p.weights * p.n : nullptr;
}

// Sums of g * weight and g * weight * (x - mean) of one row -> the coefficients of dx.
template <class T>
NormGradient<T> coefficients(const RowNorm& p, const double* slots, index_t pieces, double mean, double var,
                             double eps) {
  double sum = 0, products = 0;
  for (index_t i = 0; i < pieces; ++i) {
    sum += slots[2 * i];
    products += slots[2 * i + 1];
  }
  const double inverse = inverse_deviation(var, eps);
  products += (double(T(mean)) - mean) * sum;
  return gradient_of<T>(mean, inverse, inverse, p.centred ? sum : 0, products, double(p.n));
}

// Gradients of weight and bias over some rows: added in T, and every kRowsInT rows in double. Null: not
// wanted.
template <class T>
class ParameterSums {
 public:
  ParameterSums(index_t n, T* values, double* dw, double* db)
      : n_(n), values_(dw ? values : nullptr), dw_(dw), db_(db) {
    if (values_) std::fill_n(values_, 2 * n, T(0));
  }
  T* dw(index_t j) const { return values_ ? values_ + j : nullptr; }
  T* db(index_t j) const { return values_ ? values_ + n_ + j : nullptr; }
  void added_row() {
    if (++rows_ % kRowsInT == 0) flush();
  }
  void flush() {
    if (!values_) return;
    for (index_t j = 0; j < n_; ++j) {
      dw_[j] += double(values_[j]);
      db_[j] += double(values_[n_ + j]);
    }
    std::fill_n(values_, 2 * n_, T(0));
  }

 private:
  index_t n_, rows_ = 0;
  T* values_;
  double *dw_, *db_;
};

}  // namespace

template <class T>
void run_row_norm(const RowNorm& p, const T* x, T* y, const T* weight, const T* bias, double eps,
                  double* mean, double* var) {
  const NormKernels<T>& k = norm_kernels<T>(p.isa);
  const Pieces pieces(p);
  two_passes<double>(
      {p.rows, pieces.count, pieces.count, p.n * index_t(sizeof(T)), pieces.count, p.threads}, 2,
      [&](index_t row, index_t i, double* slot) {
        const T* const from = x + row * p.n + pieces.begin(i);
        const Runs r{1, pieces.size(i), pieces.size(i)};
        if (p.centred) k.moments(from, r, slot);
        else k.sums(from, from, r, 0, slot);
      },
      [&](index_t row, const double* slots) {
        Moments m{0, 0};
        if (p.centred) {
          m = joined(pieces.count, double(p.n), [&](index_t i, double& n, double& of_piece, double& squares) {
            n = double(pieces.size(i));
            of_piece = slots[2 * i];
            squares = slots[2 * i + 1];
          });
        } else {
          for (index_t i = 0; i < pieces.count; ++i) m.var += slots[2 * i + 1];
          m.var /= double(p.n);
        }
        mean[row] = m.mean;
        var[row] = m.var;
      },
      [&](index_t row, index_t i) {
        const index_t j = pieces.begin(i), at = row * p.n + j;
        const T *w = row_of(weight, p, row), *b = row_of(bias, p, row);
        k.row_affine(x + at, y + at, pieces.size(i),
                     affine_of<T>(mean[row], inverse_deviation(var[row], eps), 0), w ? w + j : nullptr,
                     b ? b + j : nullptr);
      });
}

template <class T>
void run_row_norm_gradient(const RowNorm& p, const T* g, const T* x, T* dx, const T* weight, double eps,
                           const double* mean, const double* var, double* dw, double* db) {
  const NormKernels<T>& k = norm_kernels<T>(p.isa);
  const Pieces pieces(p);
  const index_t weights = p.weights * p.n;
  const auto sum = [&](index_t row, index_t i, double* slot) {
    const index_t j = pieces.begin(i), at = row * p.n + j;
    const T* const w = row_of(weight, p, row);
    k.row_sums(g + at, x + at, pieces.size(i), T(mean[row]), w ? w + j : nullptr, slot);
  };
  // dw and db of this piece of the row
  const auto apply = [&](index_t row, index_t i, const NormGradient<T>& a, T* of_weight, T* of_bias) {
    const index_t j = pieces.begin(i), at = row * p.n + j;
    const T* const w = row_of(weight, p, row);
    const Affine<T> normalise = affine_of<T>(mean[row], inverse_deviation(var[row], eps), 0);
    k.row_gradient(g + at, x + at, dx + at, pieces.size(i), a, normalise, w ? w + j : nullptr, of_weight,
                   of_bias);
  };
  if (dw) std::fill_n(dw, weights, 0.);
  if (dw) std::fill_n(db, weights, 0.);

  if (weights * index_t(sizeof(T)) <= caches().l2 / 16) {
    // Parts of the rows, each with sums of its own.
    const index_t step = round_up(std::max(kRowsInT, ceil_div(p.rows, kParts)), p.weights);
    const index_t parts = ceil_div(p.rows, step);
    const std::unique_ptr<double[]> own(new double[static_cast<std::size_t>(dw ? parts * 2 * weights : 0)]());
    const std::unique_ptr<T[]> values(new T[static_cast<std::size_t>(dw ? p.threads * 2 * weights : 0)]);
    const std::unique_ptr<double[]> slots(new double[static_cast<std::size_t>(p.threads * 2 * pieces.count)]);
    parallel_for(p.threads, parts, [&](index_t part, int thread) {
      double* const of_part = dw ? own.get() + part * 2 * weights : nullptr;
      double* const slot = slots.get() + thread * 2 * pieces.count;
      ParameterSums<T> sums(weights, values.get() + thread * 2 * weights, of_part,
                            dw ? of_part + weights : nullptr);
      for (index_t row = part * step; row < std::min(p.rows, (part + 1) * step); ++row) {
        for (index_t i = 0; i < pieces.count; ++i) sum(row, i, slot + 2 * i);
        const auto a = coefficients<T>(p, slot, pieces.count, mean[row], var[row], eps);
        const index_t first = row % p.weights * p.n;
        for (index_t i = 0; i < pieces.count; ++i) {
          const index_t j = first + pieces.begin(i);
          apply(row, i, a, sums.dw(j), sums.db(j));
        }
        sums.added_row();
      }
      sums.flush();
    });
    if (!dw) return;
    for (index_t part = 0; part < parts; ++part)
      for (index_t j = 0; j < weights; ++j) {
        dw[j] += own[part * 2 * weights + j];
        db[j] += own[part * 2 * weights + weights + j];
      }
    return;
  }
  // Long rows: all sums first; then a piece of all rows at a time, whose sums stay in L1.
  const std::unique_ptr<double[]> slots(new double[static_cast<std::size_t>(p.rows * pieces.count * 2)]);
  parallel_for(p.threads, p.rows * pieces.count,
               [&](index_t t, int) { sum(t / pieces.count, t % pieces.count, slots.get() + 2 * t); });
  const std::unique_ptr<NormGradient<T>[]> of_row(new NormGradient<T>[static_cast<std::size_t>(p.rows)]);
  for (index_t row = 0; row < p.rows; ++row)
    of_row[row] =
        coefficients<T>(p, slots.get() + 2 * row * pieces.count, pieces.count, mean[row], var[row], eps);
  parallel_for(p.threads, p.weights * pieces.count, [&](index_t t, int) {
    const index_t first = t / pieces.count, i = t % pieces.count, j = first * p.n + pieces.begin(i);
    T values[2 * kNormPiece];
    ParameterSums<T> sums(pieces.size(i), values, dw ? dw + j : nullptr, dw ? db + j : nullptr);
    for (index_t row = first; row < p.rows; row += p.weights) {
      apply(row, i, of_row[row], sums.dw(0), sums.db(0));
      sums.added_row();
    }
    sums.flush();
  });
}

#define NDNN_INSTANTIATE(T)                                                                               \
  template void run_row_norm(const RowNorm&, const T*, T*, const T*, const T*, double, double*, double*); \
  template void run_row_norm_gradient(const RowNorm&, const T*, const T*, T*, const T*, double,           \
                                      const double*, const double*, double*, double*);
NDNN_INSTANTIATE(float)
NDNN_INSTANTIATE(double)

}  // namespace ndnn
