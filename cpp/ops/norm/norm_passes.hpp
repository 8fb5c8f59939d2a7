// SPDX-License-Identifier: MIT
// What all norms share: first sums, then a map that needs them.
#pragma once
#include <cmath>
#include <memory>

#include "core/parallel.hpp"
#include "ops/norm/norm.hpp"

namespace ndnn {

constexpr index_t kNormTaskBytes = 64 << 10;

// Groups whose sums are of `pieces` and whose map is of `maps`; `bytes` are read.
struct TwoPasses {
  index_t groups, pieces, maps, bytes;
  index_t neighbours;  // pieces, or maps, of a group side by side in memory, before those of the next group
  int threads;
  bool streamed = false;  // there is too much of all groups to leave the order of memory
};

// sum(group, piece, slot) of all pieces of a group, finish(group, first slot), apply(group, map) of all: a
// group at a time where it stays in L2 between the passes, so that memory is read once; else each over all
// groups.
template <class E, class Sum, class Finish, class Apply>
void two_passes(const TwoPasses& t, index_t slot, Sum&& sum, Finish&& finish, Apply&& apply) {
  const bool stays = !t.streamed && t.bytes <= caches().l2 * 3 / 4;
  const index_t kept = (stays ? t.threads : t.groups) * t.pieces;
  const std::unique_ptr<E[]> slots(new E[static_cast<std::size_t>(kept * slot)]);
  const index_t bytes = std::max<index_t>(t.bytes, 1);
  if (stays) {
    const index_t block = std::max<index_t>(1, kNormTaskBytes / bytes);
    parallel_for(t.threads, ceil_div(t.groups, block), [&](index_t task, int thread) {
      E* const own = slots.get() + thread * t.pieces * slot;
      for (index_t g = task * block; g < std::min(t.groups, (task + 1) * block); ++g) {
        for (index_t i = 0; i < t.pieces; ++i) sum(g, i, own + i * slot);
        finish(g, static_cast<const E*>(own));
        for (index_t i = 0; i < t.maps; ++i) apply(g, i);
      }
    });
    return;
  }
  const auto each = [&](index_t pieces, auto&& body) {
    const index_t all = t.groups * pieces, side_by_side = std::min(t.neighbours, pieces);
    const index_t block = std::max<index_t>(1, kNormTaskBytes / std::max<index_t>(1, bytes / pieces));
    parallel_for(t.threads, ceil_div(all, block), [&](index_t task, int) {
      for (index_t i = task * block; i < std::min(all, (task + 1) * block); ++i) {
        const index_t run = i / side_by_side;
        body(run % t.groups, run / t.groups * side_by_side + i % side_by_side);
      }
    });
  };
  each(t.pieces, [&](index_t g, index_t i) { sum(g, i, slots.get() + (g * t.pieces + i) * slot); });
  for (index_t g = 0; g < t.groups; ++g) finish(g, static_cast<const E*>(slots.get() + g * t.pieces * slot));
  each(t.maps, apply);
}

// Mean and variance of pieces with their own: piece(i, count, mean, squares), where squares are about its
// mean.
struct Moments {
  double mean, var;
};
template <class Piece>
Moments joined(index_t pieces, double count, Piece&& piece) {
  double n, m, squares, sum = 0, about = 0;
  for (index_t i = 0; i < pieces; ++i) {
    piece(i, n, m, squares);
    sum += n * m;
  }
  const double mean = sum / count;
  for (index_t i = 0; i < pieces; ++i) {
    piece(i, n, m, squares);
    about += squares + n * (m - mean) * (m - mean);
  }
  return {mean, about / count};
}

inline double inverse_deviation(double var, double eps) { return 1 / std::sqrt(var + eps); }

template <class T>
Affine<T> affine_of(double mean, double scale, double bias) {
  const T centre = T(mean);
  return {centre, T(scale), T(bias + (double(centre) - mean) * scale)};
}

// dx = scale * g - (sum + products * xhat * inverse) * inverse / count, where `sum` is that of g * weight and
// `products` that of g * weight * (x - mean).
template <class T>
NormGradient<T> gradient_of(double mean, double inverse, double scale, double sum, double products,
                            double count) {
  const T centre = T(mean);
  const double of_input = -products * inverse * inverse * inverse / count;
  return {centre, T(scale), T(of_input), T(of_input * (double(centre) - mean) - sum * inverse / count)};
}

}  // namespace ndnn
