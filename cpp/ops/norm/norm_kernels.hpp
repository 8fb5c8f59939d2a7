// SPDX-License-Identifier: MIT
#pragma once
#include "core/isa.hpp"
#include "core/shape.hpp"

namespace ndnn {

// Elements that are summed in T: 64 lanes' chains of 64 terms. Longer sums add such pieces in double. Twice a
// piece of float64 is no more than L1.
constexpr index_t kNormPiece = 2048;
constexpr index_t kNormRows = 256;  // of one column, for the same reason

// `runs` runs of n neighbouring elements, ld from the start of one to that of the next. The elements `soon`
// further on are asked for by the sums, as they will be next; 0: none.
struct Runs {
  index_t runs, ld, n, soon = 0;
};
// `count` neighbouring planes of n elements in each of `images`, ld apart.
struct PlaneBlock {
  index_t images, ld, count, n, soon = 0;
};
constexpr index_t kPlanesOfBlock = 128;  // at most

// (x - centre) * scale + shift: with the centre near the mean, the difference is exact.
template <class T>
struct Affine {
  T centre, scale, shift;
};
// of_grad * g + of_input * (x - centre) + constant
template <class T>
struct NormGradient {
  T centre, of_grad, of_input, constant;
};
// Of a matrix: what follows has one number a column.
struct Columns {
  index_t rows, ld, width;
};

// Nothing is read or written beyond the runs or columns. Sums of at most kNormPiece elements, or kNormRows
// rows.
template <class T>
struct NormKernels {
  // The mean, and the sum of squares of the deviations from it.
  void (*moments)(const T* x, const Runs& r, double out[2]);
  // Sums of g and of g * (x - centre).
  void (*sums)(const T* g, const T* x, const Runs& r, T centre, double out[2]);
  // The same of each plane over all images, memory read in its order: out has two numbers a plane.
  void (*plane_moments)(const T* x, const PlaneBlock& b, double* out);
  void (*plane_sums)(const T* g, const T* x, const PlaneBlock& b, const T* centre, double* out);
  // y and x are laid out alike; run i takes a[i * step].
  void (*affine)(const T* x, T* y, const Runs& r, const Affine<T>* a, index_t step);
  void (*gradient)(const T* g, const T* x, T* dx, const Runs& r, const NormGradient<T>* a, index_t step);

  // The mean is centre + sum / rows, the sum of squares about it squares - sum^2 / rows.
  void (*column_moments)(const T* x, const Columns& c, T* centre, T* sum, T* squares);
  void (*column_sums)(const T* g, const T* x, const Columns& c, const T* centre, T* sum, T* products);
  void (*column_affine)(const T* x, T* y, const Columns& c, const T* centre, const T* scale, const T* shift);
  void (*column_gradient)(const T* g, const T* x, T* dx, const Columns& c, const T* centre, const T* of_grad,
                          const T* of_input, const T* constant);

  // One row; weight and bias (either may be null) have a number for each of its elements.
  void (*row_affine)(const T* x, T* y, index_t n, const Affine<T>& a, const T* weight, const T* bias);
  // As `sums`, of g * weight.
  void (*row_sums)(const T* g, const T* x, index_t n, T centre, const T* weight, double out[2]);
  // As `gradient`, of g * weight; adds g * normalised x to dw and g to db, which are null or not together.
  void (*row_gradient)(const T* g, const T* x, T* dx, index_t n, const NormGradient<T>& a,
                       const Affine<T>& normalise, const T* weight, T* dw, T* db);
};
template <class T>
const NormKernels<T>& norm_kernels(Isa isa);

}  // namespace ndnn
