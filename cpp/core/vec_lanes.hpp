// SPDX-License-Identifier: MIT
// Elements chosen by numbers in a vector. Included after vec.hpp.
#pragma once

// p[index[l]] in lane l. Before AVX-512, gathering instructions are slower than single loads.
template <class T>
NDNN_INLINE Vec<T> gather(const T* p, LaneIndex<T> index) {
#if NDNN_VEC_BYTES == 64
  // The masked form, as GCC warns of what the other leaves undefined.
  if constexpr (sizeof(T) == 4)
    return (Vec<T>)_mm512_mask_i32gather_ps(_mm512_setzero_ps(), 0xffff, (__m512i)index, p, 4);
  else return (Vec<T>)_mm512_mask_i64gather_pd(_mm512_setzero_pd(), 0xff, (__m512i)index, p, 8);
#else
  Vec<T> v{};
  for (int l = 0; l < kLanes<T>; ++l) v[l] = p[index[l]];
  return v;
#endif
}

#if NDNN_VEC_BYTES == 64
template <class T>
NDNN_INLINE void store_masked(T* p, Vec<T> v, LaneMask<T> m) {
  if constexpr (sizeof(T) == 4) _mm512_mask_storeu_ps(p, m, (__m512)v);
  else _mm512_mask_storeu_pd(p, m, (__m512d)v);
}
#endif
