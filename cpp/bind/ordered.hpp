// SPDX-License-Identifier: MIT
// Results that lie in memory as an operand does, as NumPy's and torch's elementwise results; and results
// written to an array of the caller's.
#pragma once
#include <cstdint>

#include "bind/arrays.hpp"
#include "core/walk.hpp"

namespace ndnn {

// The axes of an array, those of large strides first.
struct MemoryOrder {
  int axes = 0;
  std::int8_t axis[kMaxAxes];
};
MemoryOrder memory_order(const py::array& a);
MemoryOrder index_order(int axes);

bool is_contiguous(const py::array& a);
// A new array, without gaps in this order.
py::array new_array(const py::array& like, const MemoryOrder& order);

// An array of the user's for a result of this shape and dtype: a ValueError or TypeError if it is none.
py::array to_out(const char* fn, py::handle out, const py::array& like);
// Do they share memory, other than element for element?
bool overlap(const py::array& out, const py::array& operand);

// Axes that a lacks, or that are 1, repeat.
template <class T>
Walk<T> walk(const py::array& a, const py::array& shape_of, const MemoryOrder& order) {
  index_t shape[kMaxAxes], stride[kMaxAxes];
  const int missing = order.axes - static_cast<int>(a.ndim());
  for (int i = 0; i < order.axes; ++i) {
    const int axis = order.axis[i];
    shape[i] = shape_of.shape(axis);
    const bool repeats = axis < missing || a.shape(axis - missing) != shape[i];
    stride[i] = repeats ? 0 : a.strides(axis - missing) / static_cast<index_t>(sizeof(T));
  }
  // Whoever walks to write made or checked the array.
  return Walk<T>(static_cast<T*>(const_cast<void*>(a.data())), order.axes, shape, stride);
}

}  // namespace ndnn
