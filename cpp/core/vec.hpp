// SPDX-License-Identifier: MIT
// Vectors of the instruction set being compiled, as GCC/Clang vector extensions: +, -, * and
// comparisons are the language's own, and a*b + c contracts to one FMA where the set has it.
// Included after isa_begin.hpp, inside its region and namespace; includes nothing itself.
#pragma once

#define NDNN_INLINE inline __attribute__((always_inline))

constexpr int kVecBytes = NDNN_VEC_BYTES;
constexpr int kRegisters = NDNN_VEC_REGISTERS;

template <class T>
struct VecType {
  static constexpr int lanes = kVecBytes / sizeof(T);
  typedef T type __attribute__((vector_size(kVecBytes)));
  typedef T unaligned __attribute__((vector_size(kVecBytes), aligned(alignof(T)), may_alias));
};
template <class T>
using Vec = typename VecType<T>::type;
template <class T>
constexpr int kLanes = VecType<T>::lanes;

template <class T>
NDNN_INLINE Vec<T> load(const T* p) {
  return *reinterpret_cast<const typename VecType<T>::unaligned*>(p);
}
template <class T>
NDNN_INLINE void store(T* p, Vec<T> v) {
  *reinterpret_cast<typename VecType<T>::unaligned*>(p) = v;
}
// x - 0 is x for every x, so the compiler drops the subtraction; x + 0 would turn -0 into 0.
template <class T>
NDNN_INLINE Vec<T> broadcast(T x) {
  return x - Vec<T>{};
}

// The lane that step `D` of a butterfly transposition takes: blocks of D lanes swap places.
template <int D, int Second>
constexpr int butterfly_lane(int j, int lanes) {
  const bool upper = (j & D) != 0;
  if (Second) return upper ? lanes + j : j + D;
  return upper ? lanes + j - D : j;
}
template <class T, int D, int Second, int... J>
NDNN_INLINE Vec<T> butterfly(Vec<T> a, Vec<T> b, std::integer_sequence<int, J...>) {
  return __builtin_shufflevector(a, b, butterfly_lane<D, Second>(J, kLanes<T>)...);
}
// rows[i][j] <-> rows[j][i], lanes x lanes.
template <class T, int D = 1>
NDNN_INLINE void transpose(Vec<T> (&rows)[kLanes<T>]) {
  if constexpr (D < kLanes<T>) {
    using J = std::make_integer_sequence<int, kLanes<T>>;
#pragma GCC unroll 16
    for (int i = 0; i < kLanes<T>; ++i) {
      if (i & D) continue;
      const Vec<T> a = rows[i], b = rows[i + D];
      rows[i] = butterfly<T, D, 0>(a, b, J{});
      rows[i + D] = butterfly<T, D, 1>(a, b, J{});
    }
    transpose<T, D * 2>(rows);
  }
}
