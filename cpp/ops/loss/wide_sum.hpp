// SPDX-License-Identifier: MIT
// Sums of vectors in double. Included inside the region and namespace of an instruction set.
#pragma once

// Widening a vector of floats takes 2 conversions and 2 additions: nothing beside the loads of a loss.
template <class T>
struct WideSum {
  Vec<double> part[sizeof(double) / sizeof(T)] = {};

  NDNN_INLINE void add(Vec<T> v) {
    if constexpr (sizeof(T) == 8) part[0] += v;
    else add_halves(v, std::make_integer_sequence<int, kLanes<T> / 2>{});
  }
  template <int... J>
  NDNN_INLINE void add_halves(Vec<T> v, std::integer_sequence<int, J...>) {
    part[0] += __builtin_convertvector(__builtin_shufflevector(v, v, J...), Vec<double>);
    part[1] += __builtin_convertvector(__builtin_shufflevector(v, v, (J + kLanes<T> / 2)...), Vec<double>);
  }
  // The first n lanes, whatever the others hold.
  NDNN_INLINE void add_first(Vec<T> v, index_t n) {
    T lanes[kLanes<T>];
    store(lanes, v);
    for (index_t i = n; i < kLanes<T>; ++i) lanes[i] = 0;
    add(load(lanes));
  }
  NDNN_INLINE double total() const {
    Vec<double> v = part[0];
    if constexpr (sizeof(T) == 4) v += part[1];
    double sum = 0;
    for (int i = 0; i < kLanes<double>; ++i) sum += v[i];
    return sum;
  }
};
