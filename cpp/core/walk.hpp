// SPDX-License-Identifier: MIT
// Arrays of one shape and any strides, gone through in one order of the axes: element i of each belongs to
// element i of the others.
#pragma once
#include <algorithm>

#include "core/shape.hpp"

namespace ndnn {

constexpr int kMaxAxes = 64;  // NumPy's limit

template <class T>
struct Walk {
  T* data = nullptr;
  int axes = 1;  // neighbours that are one run of memory are one axis, and at least one is left
  index_t shape[kMaxAxes], stride[kMaxAxes];

  Walk(T* first, int nd, const index_t* sizes, const index_t* strides) : data(first) {
    shape[0] = stride[0] = 1;
    for (int a = 0; a < nd; ++a) {
      if (sizes[a] == 1) continue;
      if (shape[axes - 1] == 1) {
        shape[axes - 1] = sizes[a];
      } else if (stride[axes - 1] == sizes[a] * strides[a]) {
        shape[axes - 1] *= sizes[a];
      } else {
        shape[axes++] = sizes[a];
      }
      stride[axes - 1] = strides[a];
    }
  }
  bool dense() const { return axes == 1 && stride[0] == 1; }

  // Where element i lies.
  T* at(index_t i) const {
    T* p = data;
    for (int a = axes - 1; a > 0; i /= shape[a--]) p += i % shape[a] * stride[a];
    return p + i * stride[0];
  }
  // From element i on, how many lie one behind the other.
  index_t run(index_t i) const {
    const index_t inner = shape[axes - 1];
    return stride[axes - 1] == 1 || inner == 1 ? inner - i % inner : 1;
  }
  // Calls piece(first, stride, count) for the n elements from i on, in order.
  template <class Piece>
  void pieces(index_t i, index_t n, Piece&& piece) const {
    const int last = axes - 1;
    index_t at_axis[kMaxAxes];
    T* p = data;
    for (int a = last; a >= 0; i /= shape[a--]) p += (at_axis[a] = a ? i % shape[a] : i) * stride[a];
    while (n > 0) {
      const index_t count = std::min(n, shape[last] - at_axis[last]);
      piece(p, stride[last], count);
      n -= count;
      p += count * stride[last];
      at_axis[last] += count;
      for (int a = last; a > 0 && at_axis[a] == shape[a]; --a) {
        p += stride[a - 1] - shape[a] * stride[a];
        at_axis[a] = 0;
        ++at_axis[a - 1];
      }
    }
  }
};

// The n elements from i on, to `to` and back.
template <class T>
void gather(const Walk<const T>& from, index_t i, index_t n, T* to) {
  from.pieces(i, n, [&](const T* p, index_t stride, index_t count) {
    if (stride == 1) std::copy_n(p, count, to);
    else
      for (index_t k = 0; k < count; ++k) to[k] = p[k * stride];
    to += count;
  });
}
template <class T>
void scatter(const T* from, const Walk<T>& to, index_t i, index_t n) {
  to.pieces(i, n, [&](T* p, index_t stride, index_t count) {
    if (stride == 1) std::copy_n(from, count, p);
    else
      for (index_t k = 0; k < count; ++k) p[k * stride] = from[k];
    from += count;
  });
}

}  // namespace ndnn
