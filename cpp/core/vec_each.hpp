// SPDX-License-Identifier: MIT
// Included after vec.hpp.
#pragma once

// body(i, load, store) for every vector of n elements, the last in part.
template <class T, class Body>
NDNN_INLINE void each_vector(index_t n, const Body& body) {
  constexpr index_t kL = kLanes<T>;
  index_t i = 0;
  for (; i + kL <= n; i += kL)
    body(
        i, [](const T* p) { return load(p); }, [](T* p, Vec<T> v) { store(p, v); });
  if (const index_t rest = n - i)
    body(
        i, [rest](const T* p) { return load_part(p, rest); },
        [rest](T* p, Vec<T> v) { store_part(p, v, rest); });
}
