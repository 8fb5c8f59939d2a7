// SPDX-License-Identifier: MIT
#pragma once
#include "ops/activation/activation.hpp"

namespace ndnn {

// out[i] = f(in[0][i], ...), i < n; out may be one of the operands. Neither reads nor writes beyond, and a
// value depends on the operands at its place alone.
template <class T>
struct MapArgs {
  const T* in[kMaxOperands];
  T* out;
  index_t n;
  T parameter[kMaxParameters];
  std::uint32_t key[2], place;  // random maps: element i draws number place + i, which stays below 2^32
};
template <class T>
using MapFn = void (*)(const MapArgs<T>&);

template <class T>
struct MapKernels {
  MapFn<T> of[kMaps];
};
template <class T>
const MapKernels<T>& map_kernels(Isa isa);

}  // namespace ndnn
