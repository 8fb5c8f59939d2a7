// SPDX-License-Identifier: MIT
// The geometry of a sliding window on one axis: the only copy of the output-size formula, of 'same'
// padding, of the ceil rule and of "which taps touch the input". Used by every windowed operator.
#pragma once
#include <algorithm>

#include "core/check.hpp"
#include "core/shape.hpp"

namespace ndnn {

// Output o, tap k reads input position o*stride + k*dilation - pad_lo; outside [0, in) is padding.
struct Window {
  index_t in = 1, kernel = 1, stride = 1, dilation = 1, pad_lo = 0, pad_hi = 0;
  index_t out = 1;

  index_t position(index_t o, index_t k) const { return o * stride + k * dilation - pad_lo; }
  index_t extent() const { return dilation * (kernel - 1) + 1; }  // of the kernel on the input
  // Output o is input o, all of it.
  bool trivial() const { return kernel == 1 && stride == 1 && pad_lo == 0 && out == in; }
};

struct Range {
  index_t begin = 0, end = 0;
  index_t size() const { return end - begin; }
  bool operator==(const Range& r) const { return begin == r.begin && end == r.end; }
};

// Extent of the kernel on the input, dilation*(kernel-1) + 1.
inline Checked window_extent(index_t kernel, index_t dilation) {
  return Checked(dilation) * (Checked(kernel) - 1) + 1;
}

// Sets w.out; null, or the rule that is broken. ceil_mode keeps a last partial window if it starts inside the
// input or the left padding. A stride that is never taken and a dilation between no taps become 1.
inline const char* set_output_size(Window& w, bool ceil_mode = false) {
  const Checked padded = Checked(w.in) + w.pad_lo + w.pad_hi;
  const Checked extent = window_extent(w.kernel, w.dilation);
  if (padded.overflow) return "the padded input must stay within 64-bit integers";
  // Rounded up, an only window may be cut off at the far side by less than a stride.
  const Checked longest = ceil_mode ? padded + w.stride - 1 : padded;
  if (extent.overflow || longest.overflow || extent.value > longest.value)
    return "the kernel must fit into the padded input";
  const index_t room = padded.value - extent.value;
  w.out = (ceil_mode ? ceil_div(room, w.stride) : room / w.stride) + 1;
  if (ceil_mode && (w.out - 1) * w.stride >= w.in + w.pad_lo) --w.out;
  if (w.out == 1) w.stride = 1;
  if (w.kernel == 1) w.dilation = 1;
  // The largest position that anything forms, in staged blocks too, must be an int64 with room.
  const Checked reach = Checked(w.out) * w.stride + Checked(w.kernel) * w.dilation + padded;
  if (reach.overflow || reach.value >= index_t{1} << 62) return "positions must stay below 2**62";
  return nullptr;
}

// 'same' padding for stride 1: the odd element goes to the right, as in torch.
inline bool set_same_padding(Window& w) {
  const Checked total = Checked(w.dilation) * (Checked(w.kernel) - 1);
  if (total.overflow) return false;
  w.pad_lo = total.value / 2;
  w.pad_hi = total.value - w.pad_lo;
  return true;
}

// Taps that touch the input for at least one output of [outputs.begin, outputs.end).
inline Range touching_taps(const Window& w, Range outputs) {
  // Mostly all of them; seen without a division: the first tap by the last output, the last by the first.
  if ((outputs.end - 1) * w.stride >= w.pad_lo && w.position(outputs.begin, w.kernel - 1) < w.in)
    return {0, w.kernel};
  const index_t first = w.pad_lo - (outputs.end - 1) * w.stride;        // k*dilation >= first
  const index_t last = w.in - 1 + w.pad_lo - outputs.begin * w.stride;  // k*dilation <= last
  Range r{first > 0 ? ceil_div(first, w.dilation) : 0,
          last < 0 ? 0 : std::min(w.kernel, last / w.dilation + 1)};
  if (w.in == 0 || r.end < r.begin) r = {0, 0};
  return r;
}

// Outputs whose tap k touches the input.
inline Range seeing_outputs(const Window& w, index_t k) {
  const index_t first = w.position(0, k), last = w.in - 1 - first;  // o*stride <= last
  Range r{first < 0 ? ceil_div(-first, w.stride) : 0, last < 0 ? 0 : std::min(w.out, last / w.stride + 1)};
  if (r.end < r.begin) r = {0, 0};
  return r;
}

}  // namespace ndnn
