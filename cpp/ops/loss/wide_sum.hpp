// SPDX-License-Identifier: MIT
// Sums of vectors in double. Included inside the region and namespace of an
// instruction set.
#pragma once

template <class T, int... J>
NDNN_INLINE Vec<T> keep_first(Vec<T> v, index_t n, std::integer_sequence<int, J...>) {
  using Word = typename RealBits<T>::Word;
  const Words<T> lane = {J...};
  return reals_of<T>(words_of<T>(v) & (Words<T>)(lane < static_cast<Word>(n)));
}
// The first n lanes, zeros in the others whatever they held.
template <class T>
NDNN_INLINE Vec<T> keep_first(Vec<T> v, index_t n) {
  return keep_first<T>(v, n, std::make_integer_sequence<int, kLanes<T>>{});
}

template <class T>
struct WideSum {
  Vec<double> part[sizeof(double) / sizeof(T)] = {};

  NDNN_INLINE void add(Vec<T> v) {
    if constexpr (sizeof(T) == 8) {
      part[0] += v;
    } else {
      part[0] += widen<0>(v);
      part[1] += widen<1>(v);
    }
  }
  NDNN_INLINE double total() const {
    Vec<double> v = part[0];
    if constexpr (sizeof(T) == 4) v += part[1];
    return sum_across<double>(v)[0];
  }
};
