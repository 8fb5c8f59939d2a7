// SPDX-License-Identifier: MIT
#pragma once
#include "core/isa.hpp"
#include "ops/norm/packed_columns.hpp"

namespace ndnn {

constexpr index_t kResponseWidth = kPackedWidth;  // pixels of a tile, at most

// base^beta: by square roots where it can be.
enum class ResponsePower { one, half, three_quarters, any };

// x, y, g and dx: `channels` rows of `width` pixels, ld apart. scratch: as many rows of kResponseWidth as the
// window has channels, and for the gradient `channels` more.
template <class T>
struct ResponseTile {
  index_t channels, ld, width;
  index_t before, after;
  T coefficient, k, beta;
  T of_negative;  // what |base|^beta is multiplied with where base < 0
  T of_gradient;  // 2 * coefficient * beta
  ResponsePower power;
  T* scratch;
};
template <class T>
struct ResponseNormKernels {
  void (*forward)(const T* x, T* y, const ResponseTile<T>& t);
  void (*gradient)(const T* g, const T* x, T* dx, const ResponseTile<T>& t);
};
template <class T>
const ResponseNormKernels<T>& response_norm_kernels(Isa isa);

}  // namespace ndnn
