// SPDX-License-Identifier: MIT
// Division by the Euclidean norm along the middle axis of (outer, n, inner): rows, or columns of a matrix.
#include <limits>

#include "ops/norm/norm_passes.hpp"
#include "ops/norm/packed_columns.hpp"

namespace ndnn {
namespace {

constexpr index_t kWidth = 256;  // columns of one task
constexpr index_t kPackedRows = 64;

// Rows, or blocks of columns, too short for vectors. With masks, 100000 rows of 3 took 1.4 times as long
// here, and 4 times on AVX2, which has none.
bool is_packed(const LengthNorm& p) {
  return p.inner < kFewPixels && p.n <= (p.inner > 1 ? kPackedRows : kFewPixels);
}

// 1 / max(norm, eps); nan passes. Finite where it is not 1 / 0, as 0 times it must be 0.
template <class T>
double inverse_length(double norm, double eps) {
  const double divisor = norm >= eps || std::isnan(norm) ? norm : eps;
  return divisor > 0 ? std::min(1 / divisor, double(std::numeric_limits<T>::max())) : 1 / divisor;
}

template <class T>
int arrays_of(const T* g, const T* x) {
  return g == x ? 1 : 2;
}

// set(i, sum of g * x along the i-th row or column), then map(kernels, g, x, y, runs or columns, the first's
// i) for what was summed. Short rows are several at a time.
template <class T, class Set, class Map>
void row_passes(const LengthNorm& p, const T* g, const T* x, T* y, Set&& set, Map&& map) {
  const NormKernels<T>& k = norm_kernels<T>(p.isa);
  const index_t height = std::clamp<index_t>(kNormPiece / p.n, 1, kPlanesOfBlock);
  const index_t pieces = ceil_div(p.n, kNormPiece),
                bytes = height * p.n * arrays_of(g, x) * index_t(sizeof(T));
  const auto rows = [&](index_t block) { return std::min(height, p.outer - block * height); };
  const auto size = [&](index_t i) { return std::min(kNormPiece, p.n - i * kNormPiece); };
  const auto offset = [&](index_t block, index_t i) { return block * height * p.n + i * kNormPiece; };
  const T centre[kPlanesOfBlock]{};
  two_passes<double>(
      {ceil_div(p.outer, height), pieces, pieces, bytes, pieces, p.threads}, 2 * height,
      [&](index_t block, index_t i, double* slot) {
        const index_t at = offset(block, i);
        k.plane_sums(g + at, x + at, {1, 0, rows(block), size(i)}, centre, slot);
      },
      [&](index_t block, const double* slots) {
        for (index_t r = 0; r < rows(block); ++r) {
          double sum = 0;
          for (index_t i = 0; i < pieces; ++i) sum += slots[2 * (i * height + r) + 1];
          set(block * height + r, sum);
        }
      },
      [&](index_t block, index_t i) {
        const index_t at = offset(block, i);
        map(k, g + at, x + at, y + at, Runs{rows(block), p.n, size(i)}, block * height);
      });
}

// The same of columns, as many at a time as stay in L2.
template <class T, class Set, class Map>
void column_passes(const LengthNorm& p, const T* g, const T* x, T* y, Set&& set, Map&& map) {
  const NormKernels<T>& k = norm_kernels<T>(p.isa);
  const index_t width = std::min(p.inner, kWidth), bytes = p.n * width * arrays_of(g, x) * index_t(sizeof(T));
  const index_t strips = ceil_div(p.inner, width), pieces = ceil_div(p.n, kNormRows);
  const auto first = [&](index_t group) { return group / strips * p.inner + group % strips * width; };
  const auto columns = [&](index_t group, index_t i) {
    return Columns{std::min(kNormRows, p.n - i * kNormRows), p.inner,
                   std::min(width, p.inner - group % strips * width)};
  };
  const auto offset = [&](index_t group, index_t i) {
    return (group / strips * p.n + i * kNormRows) * p.inner + group % strips * width;
  };
  const T centre[kWidth]{};
  two_passes<T>(
      {p.outer * strips, pieces, pieces, bytes, strips > 1 ? 1 : pieces, p.threads}, 2 * width,
      [&](index_t group, index_t i, T* slot) {
        const index_t at = offset(group, i);
        k.column_sums(g + at, x + at, columns(group, i), centre, slot, slot + width);
      },
      [&](index_t group, const T* slots) {
        for (index_t j = 0; j < columns(group, 0).width; ++j) {
          double sum = 0;
          for (index_t i = 0; i < pieces; ++i) sum += double(slots[(2 * i + 1) * width + j]);
          set(first(group) + j, sum);
        }
      },
      [&](index_t group, index_t i) {
        const index_t at = offset(group, i);
        map(k, g + at, x + at, y + at, columns(group, i), first(group));
      });
}

template <class T, class Set, class Map>
void packed_passes(const LengthNorm& p, const T* g, const T* x, T* y, Set&& set, Map&& map) {
  const NormKernels<T>& k = norm_kernels<T>(p.isa);
  const index_t height = PackedColumns::most_outer(p.inner);
  parallel_for(p.threads, ceil_div(p.outer, height), [&](index_t task, int) {
    T gs[kPackedRows * kPackedWidth], xs[kPackedRows * kPackedWidth], ys[kPackedRows * kPackedWidth];
    T sums[kPackedWidth], products[kPackedWidth];
    const T centre[kPackedWidth]{};
    const index_t outer = std::min(height, p.outer - task * height), at = task * height * p.n * p.inner;
    const PackedColumns packed(outer, p.n, p.inner);
    const Columns c{p.n, kPackedWidth, packed.width()};
    packed.pack(x + at, xs);
    if (g != x) packed.pack(g + at, gs);
    const T* const of_g = g != x ? gs : xs;
    k.column_sums(of_g, xs, c, centre, sums, products);
    const index_t first = task * height * p.inner;
    for (index_t j = 0; j < c.width; ++j) set(first + j, double(products[j]));
    map(k, of_g, xs, ys, c, first);
    packed.unpack(ys, y + at);
  });
}

}  // namespace

template <class T>
void run_length_norm(const LengthNorm& p, const T* x, T* y, double* norm) {
  const auto set = [&](index_t i, double squares) { norm[i] = std::sqrt(squares); };
  const auto scale = [&](index_t i) { return T(inverse_length<T>(norm[i], p.eps)); };
  const auto columns = [&](const NormKernels<T>& k, const T*, const T* from, T* to, const Columns& c,
                           index_t first) {
    T scales[kWidth];
    const T zeros[kWidth]{};
    for (index_t j = 0; j < c.width; ++j) scales[j] = scale(first + j);
    k.column_affine(from, to, c, zeros, scales, zeros);
  };
  const auto rows = [&](const NormKernels<T>& k, const T*, const T* from, T* to, const Runs& r,
                        index_t first) {
    Affine<T> a[kPlanesOfBlock];
    for (index_t i = 0; i < r.runs; ++i) a[i] = {0, scale(first + i), 0};
    k.affine(from, to, r, a, 1);
  };
  if (is_packed(p)) packed_passes(p, x, x, y, set, columns);
  else if (p.inner == 1) row_passes(p, x, x, y, set, rows);
  else column_passes(p, x, x, y, set, columns);
}

template <class T>
void run_length_norm_gradient(const LengthNorm& p, const T* g, const T* x, T* dx, const double* norm) {
  const index_t norms = p.outer * p.inner;
  const std::unique_ptr<double[]> products(new double[static_cast<std::size_t>(norms)]);
  const auto set = [&](index_t i, double sum) { products[i] = sum; };
  // A norm that eps replaced, or of 0, does not depend on x.
  const auto coefficients = [&](index_t i) {
    const double inverse = inverse_length<T>(norm[i], p.eps);
    const bool moves = norm[i] >= p.eps && norm[i] != 0;
    return NormGradient<T>{0, T(inverse), moves ? T(-products[i] * inverse * inverse * inverse) : T(0), 0};
  };
  const auto columns = [&](const NormKernels<T>& k, const T* of_g, const T* of_x, T* to, const Columns& c,
                           index_t first) {
    T of_grad[kWidth], of_input[kWidth];
    const T zeros[kWidth]{};
    for (index_t j = 0; j < c.width; ++j) {
      const NormGradient<T> a = coefficients(first + j);
      of_grad[j] = a.of_grad;
      of_input[j] = a.of_input;
    }
    k.column_gradient(of_g, of_x, to, c, zeros, of_grad, of_input, zeros);
  };
  const auto rows = [&](const NormKernels<T>& k, const T* of_g, const T* of_x, T* to, const Runs& r,
                        index_t first) {
    NormGradient<T> a[kPlanesOfBlock];
    for (index_t i = 0; i < r.runs; ++i) a[i] = coefficients(first + i);
    k.gradient(of_g, of_x, to, r, a, 1);
  };
  if (is_packed(p)) packed_passes(p, g, x, dx, set, columns);
  else if (p.inner == 1) row_passes(p, g, x, dx, set, rows);
  else column_passes(p, g, x, dx, set, columns);
}

#define NDNN_INSTANTIATE(T)                                                \
  template void run_length_norm(const LengthNorm&, const T*, T*, double*); \
  template void run_length_norm_gradient(const LengthNorm&, const T*, const T*, T*, const double*);
NDNN_INSTANTIATE(float)
NDNN_INSTANTIATE(double)

}  // namespace ndnn
