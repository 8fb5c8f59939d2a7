// SPDX-License-Identifier: MIT
// The 1-D transforms of Winograd's convolution F(m, r): m outputs of an r-tap kernel from n = m + r - 1
// products. With the points p_0 .. p_(n-2) and infinity, g the taps, d the inputs (n of them):
//   y = A [(G g) * (B d)],   A[i][j] = p_j^i,   G[j][k] = p_j^k / prod over l != j of (p_j - p_l),
//   B[j] = coefficients of prod over l != j of (x - p_l),
// and for infinity A = (0 .. 0 1), G = (0 .. 0 1), B = coefficients of prod over all l of (x - p_l).
// Points: 0, +-1 (n = 4) and 0, +-5/8, +-3/2 (n = 6). All constants of A and B are exact in float. Among the
// symmetric sets these amplify rounding errors least: 2.3 times less than 0, +-1, +-2.
// Lanes are channels: a transform of vectors is the transform of that many channels.
#pragma once
#include "core/isa.hpp"
#include "core/shape.hpp"

namespace ndnn {

// For i1 < n[0], i2 < n[1]: reads vectors at from + i1*from_item[0] + i2*from_item[1] + j*from_step and
// writes vectors at to + i1*to_item[0] + i2*to_item[1] + j*to_step. Offsets count elements.
template <class T>
struct TransformArgs {
  const T* from;
  index_t from_step;
  T* to;
  index_t to_step;
  index_t n[2], from_item[2], to_item[2];
};
template <class T>
using TransformFn = void (*)(const TransformArgs<T>&);
// The last transform of the sums: adds the vector at bias; false where a result is inf or nan.
template <class T>
using LastTransformFn = bool (*)(const TransformArgs<T>&, const T* bias);

constexpr int kMostPoints = 6;

template <class T>
struct WinogradKernels {
  TransformFn<T> input[kMostPoints + 1];                    // [n]: n inputs -> n
  TransformFn<T> output[kMostPoints + 1][kMostPoints + 1];  // [n][m]: n products -> m outputs
  LastTransformFn<T> last_output[kMostPoints + 1][kMostPoints + 1];
  TransformFn<T> weights[kMostPoints + 1][kMostPoints + 1];  // [n][m]: n - m + 1 taps -> n
};

template <class T>
const WinogradKernels<T>& winograd_kernels(Isa isa);

}  // namespace ndnn
