// SPDX-License-Identifier: MIT
// Arrays and scratch for the checks. Each array lives in a heap block of exactly its size: AddressSanitizer
// sees one element too many.
#pragma once
#include <cstring>
#include <memory>

#include "cases.hpp"
#include "core/check.hpp"
#include "core/scratch.hpp"

namespace ndnn::selftest {

enum class Layout { dense, reversed, channels_last, stepped, repeated };
constexpr Layout kLayouts[] = {Layout::dense, Layout::reversed, Layout::channels_last, Layout::stepped,
                               Layout::repeated};
constexpr const char* kLayoutNames[] = {"dense", "reversed", "channels_last", "stepped", "repeated"};

template <class T>
std::unique_ptr<T[]> small_integers(index_t n, Random& r) {
  auto block = std::make_unique<T[]>(static_cast<std::size_t>(n));
  for (index_t i = 0; i < n; ++i) block[i] = T(r.between(-4, 4));
  return block;
}

inline index_t elements(const std::array<index_t, 5>& shape) {
  index_t n = 1;
  for (const index_t s : shape) n *= s;
  return n;
}

inline std::array<index_t, 5> strides(Layout layout, const std::array<index_t, 5>& shape) {
  std::array<index_t, 5> order{0, 1, 2, 3, 4}, stride{};
  if (layout == Layout::channels_last) order = {0, 2, 3, 4, 1};
  index_t next = layout == Layout::stepped ? 2 : 1;
  for (int i = 4; i >= 0; --i) {
    stride[order[i]] = layout == Layout::reversed ? -next : next;
    next = next * shape[order[i]] + (layout == Layout::stepped);
  }
  if (layout == Layout::repeated) stride[0] = stride[3] = 0;
  return stride;
}

// An input array in some layout, in a block that starts and ends with its outermost elements.
template <class T>
struct Input {
  Input(Layout layout, const std::array<index_t, 5>& shape, Random& r) {
    view.shape = shape;
    view.stride = strides(layout, shape);
    index_t low = 0, high = 0;
    for (int a = 0; a < 5; ++a) (view.stride[a] < 0 ? low : high) += (shape[a] - 1) * view.stride[a];
    const index_t size = elements(shape) ? high - low + 1 : 0;
    block = small_integers<T>(size, r);
    view.data = block.get() - (size ? low : 0);
  }
  std::unique_ptr<T[]> block;
  View<const T> view;
};

inline std::string text_of(const Case& c) {
  const ConvArgs& a = c.args;
  return concat("x=", Tuple{c.x.data(), 5}, " w=", Tuple{c.w.data(), 5}, " stride=", tail(a.stride, 3),
                " padding=",
                a.mode == Padding::given  ? concat(tail(a.padding, 3))
                : a.mode == Padding::same ? "same"
                                          : "valid",
                " dilation=", tail(a.dilation, 3), " groups=", a.groups, c.bias ? " bias" : "");
}

// The next Scratch gets a block of exactly this size, full of NaNs and wild offsets.
inline void prepare_scratch(std::size_t bytes) {
  auto kept = std::make_unique<Scratch>(0);  // whatever was kept
  const Scratch next(bytes);
  std::memset(next.data(), 0xff, bytes);
  kept.reset();  // before next, whose block is the one to be kept
}

}  // namespace ndnn::selftest
