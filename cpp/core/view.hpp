// SPDX-License-Identifier: MIT
#pragma once
#include "core/shape.hpp"

namespace ndnn {

// A strided (N, C, D, H, W) array; strides count elements and may be zero or negative.
template <class T>
struct View {
  T* data = nullptr;
  std::array<index_t, 5> shape{1, 1, 1, 1, 1};
  std::array<index_t, 5> stride{0, 0, 0, 0, 0};
};

}  // namespace ndnn
