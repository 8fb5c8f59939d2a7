// SPDX-License-Identifier: MIT
// The gradient of prelu's weight: sums of g * x over what is not above 0.
#include "core/parallel.hpp"
#include "ops/activation/activation_kernels.hpp"

namespace ndnn {
namespace {

constexpr index_t kPiece = 1 << 10;  // elements whose products stay in L1

// Eight chains: one alone would wait for each addition.
template <class T>
double sum_of(const T* v, index_t n) {
  double sum[8] = {};
  index_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int k = 0; k < 8; ++k) sum[k] += double(v[i + k]);
  for (; i < n; ++i) sum[0] += double(v[i]);
  return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

}  // namespace

// A task has a range of channels, whose elements are one piece where they are few.
template <class T>
void run_prelu_weight_gradient(const PreluWeightCall<T>& c, Isa isa, int threads) {
  const MapFn<T> products = map_kernels<T>(isa).of[find_map("prelu_weight_gradient", false)];
  const index_t width = std::max<index_t>(1, kPiece / std::max<index_t>(1, c.inner));
  parallel_for(threads, ceil_div(c.channels, width), [&](index_t task, int) {
    const index_t first = task * width, channels = std::min(width, c.channels - first);
    const index_t count = channels * c.inner, most = std::min(count, kPiece);
    double sum[kPiece] = {};
    T product[kPiece];
    for (index_t n = 0; n < c.n; ++n)
      for (index_t i = 0; i < count; i += most) {
        const index_t at = (n * c.channels + first) * c.inner + i, piece = std::min(most, count - i);
        products({{c.g + at, c.x + at}, product, piece, {}, {}, 0});
        if (channels == 1) sum[0] += sum_of(product, piece);
        else
          for (index_t k = 0; k < channels; ++k) sum[k] += sum_of(product + k * c.inner, c.inner);
      }
    for (index_t k = 0; k < channels; ++k) c.out[first + k] = static_cast<T>(sum[k]);
  });
}
template void run_prelu_weight_gradient<float>(const PreluWeightCall<float>&, Isa, int);
template void run_prelu_weight_gradient<double>(const PreluWeightCall<double>&, Isa, int);

}  // namespace ndnn
