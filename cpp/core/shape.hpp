// SPDX-License-Identifier: MIT
// Sizes and checked arithmetic. Everything that is multiplied or added before it is known to be
// small goes through Checked, so that no product of user numbers can wrap around unseen.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace ndnn {

using index_t = std::int64_t;  // elements or positions, never bytes

constexpr int kMaxSpatial = 3;                  // D, H, W; lower ranks use leading unit axes
using Axes = std::array<index_t, kMaxSpatial>;  // one number per spatial axis

constexpr index_t ceil_div(index_t a, index_t b) { return a / b + (a % b > 0); }  // b > 0
constexpr index_t round_up(index_t a, index_t b) { return ceil_div(a, b) * b; }
constexpr index_t product(const Axes& a) { return a[0] * a[1] * a[2]; }

// An int64 that remembers whether any step of its computation overflowed.
struct Checked {
  index_t value = 0;
  bool overflow = false;
  constexpr Checked(index_t v, bool o = false) : value(v), overflow(o) {}
};

inline Checked operator+(Checked a, Checked b) {
  index_t r = 0;
  const bool o = __builtin_add_overflow(a.value, b.value, &r);
  return {r, a.overflow || b.overflow || o};
}
inline Checked operator-(Checked a, Checked b) {
  index_t r = 0;
  const bool o = __builtin_sub_overflow(a.value, b.value, &r);
  return {r, a.overflow || b.overflow || o};
}
inline Checked operator*(Checked a, Checked b) {
  index_t r = 0;
  const bool o = __builtin_mul_overflow(a.value, b.value, &r);
  return {r, a.overflow || b.overflow || o};
}

}  // namespace ndnn
