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

// Strides of a C-contiguous array. Those of one that no memory could hold wrap around.
inline std::array<index_t, 5> dense_strides(const std::array<index_t, 5>& shape) {
  std::array<index_t, 5> stride{};
  std::uint64_t elements = 1;
  for (int a = 4; a >= 0; elements *= static_cast<std::uint64_t>(shape[a--]))
    stride[a] = static_cast<index_t>(elements);
  return stride;
}

}  // namespace ndnn
