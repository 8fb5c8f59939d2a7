// SPDX-License-Identifier: MIT
// Comparing and choosing lanes. Included after vec.hpp, inside its region and namespace; includes nothing.
#pragma once

// Maxima as torch's: nan is larger than all, of equal values the first stays.
template <class T>
using IntOf = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
template <class T>
NDNN_INLINE Vec<T> larger_or_nan(Vec<T> a, Vec<T> b) {
#if NDNN_VEC_BYTES == 64
  // max(b, a) is a where either is nan or they are equal
  if constexpr (sizeof(T) == 4)
    return (Vec<T>)_mm512_mask_max_ps((__m512)b, _mm512_cmp_ps_mask((__m512)b, (__m512)b, _CMP_ORD_Q),
                                      (__m512)b, (__m512)a);
  else
    return (Vec<T>)_mm512_mask_max_pd((__m512d)b, _mm512_cmp_pd_mask((__m512d)b, (__m512d)b, _CMP_ORD_Q),
                                      (__m512d)b, (__m512d)a);
#else
  const Vec<T> most = b > a ? b : a;
  return b != b ? b : most;
#endif
}
#if NDNN_VEC_BYTES == 64
template <class T>
using Lanes = LaneMask<T>;
template <class T>
NDNN_INLINE Lanes<T> takes_over(Vec<T> b, Vec<T> a) {  // where larger_or_nan(a, b) is b, the last nan
  if constexpr (sizeof(T) == 4)
    return _mm512_cmp_ps_mask((__m512)b, (__m512)a, _CMP_GT_OQ) |
           _mm512_cmp_ps_mask((__m512)b, (__m512)b, _CMP_UNORD_Q);
  else
    return _mm512_cmp_pd_mask((__m512d)b, (__m512d)a, _CMP_GT_OQ) |
           _mm512_cmp_pd_mask((__m512d)b, (__m512d)b, _CMP_UNORD_Q);
}
template <class T>
NDNN_INLINE Lanes<T> equal_lanes(Vec<IntOf<T>> a, Vec<IntOf<T>> b) {
  if constexpr (sizeof(T) == 4) return _mm512_cmpeq_epi32_mask((__m512i)a, (__m512i)b);
  else return _mm512_cmpeq_epi64_mask((__m512i)a, (__m512i)b);
}
template <class T, class V>
NDNN_INLINE V choose(Lanes<T> m, V yes, V no) {
  if constexpr (sizeof(T) == 4) return (V)_mm512_mask_mov_epi32((__m512i)no, m, (__m512i)yes);
  else return (V)_mm512_mask_mov_epi64((__m512i)no, m, (__m512i)yes);
}
#else
template <class T>
using Lanes = decltype(Vec<T>{} > Vec<T>{});
template <class T>
NDNN_INLINE Lanes<T> takes_over(Vec<T> b, Vec<T> a) {
  return (b > a) | (b != b);
}
template <class T>
NDNN_INLINE Lanes<T> equal_lanes(Vec<IntOf<T>> a, Vec<IntOf<T>> b) {
  return a == b;
}
template <class T, class V>
NDNN_INLINE V choose(Lanes<T> m, V yes, V no) {
  return m ? yes : no;
}
#endif
#if NDNN_VEC_BYTES == 64
template <class T>
NDNN_INLINE Vec<T> add_where(Vec<T> a, LaneMask<T> m, Vec<T> b) {
  if constexpr (sizeof(T) == 4) return (Vec<T>)_mm512_mask_add_ps((__m512)a, m, (__m512)a, (__m512)b);
  else return (Vec<T>)_mm512_mask_add_pd((__m512d)a, m, (__m512d)a, (__m512d)b);
}
// The other lanes are those of `rest`, and are not read.
template <class T>
NDNN_INLINE Vec<T> load_masked_or(const T* p, LaneMask<T> m, Vec<T> rest) {
  if constexpr (sizeof(T) == 4) return (Vec<T>)_mm512_mask_loadu_ps((__m512)rest, m, p);
  else return (Vec<T>)_mm512_mask_loadu_pd((__m512d)rest, m, p);
}
#endif
// 0, 1, 2, ...
template <class I, int... J>
NDNN_INLINE Vec<I> lane_numbers(std::integer_sequence<int, J...>) {
  return Vec<I>{J...};
}
template <class I>
NDNN_INLINE Vec<I> lane_numbers() {
  return lane_numbers<I>(std::make_integer_sequence<int, kLanes<I>>{});
}
// a0 b0 a1 b1 ...: its first half (kHalf = 0) or its second.
template <class T, int kHalf, int... J>
NDNN_INLINE Vec<T> interleaved(Vec<T> a, Vec<T> b, std::integer_sequence<int, J...>) {
  constexpr int kL = kLanes<T>;
  return __builtin_shufflevector(a, b, (kHalf * kL / 2 + J / 2 + J % 2 * kL)...);
}
template <class T, int kHalf>
NDNN_INLINE Vec<T> interleaved(Vec<T> a, Vec<T> b) {
  return interleaved<T, kHalf>(a, b, std::make_integer_sequence<int, kLanes<T>>{});
}
