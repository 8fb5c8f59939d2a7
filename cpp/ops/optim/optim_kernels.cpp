// SPDX-License-Identifier: MIT
// Compiled once per instruction set. Bound by memory: Adam reads 16 bytes and writes 12 of every float32.
#include "ops/optim/optim_kernels.hpp"

#include <type_traits>
#include <utility>

#include "core/isa_begin.hpp"
#include "core/vec.hpp"
#include "core/vec_each.hpp"

template <class T, bool kBuffer, bool kNesterov>
void sgd_of(const SgdArgs<T>& a) {
  const Vec<T> sign = broadcast(a.sign), decay = broadcast(a.decay), kept = broadcast(a.kept),
               added = broadcast(a.added), momentum = broadcast(a.momentum), rate = broadcast(a.rate);
  each_vector<T>(a.n, [&](index_t i, auto at, auto put) {
    const Vec<T> w = at(a.w + i), slope = sign * at(a.g + i) + decay * w;
    Vec<T> step = slope;
    if constexpr (kBuffer) {
      const Vec<T> buffer = kept * at(a.buffer + i) + added * slope;
      put(a.buffer + i, buffer);
      step = kNesterov ? slope + momentum * buffer : buffer;
    }
    put(a.w + i, w - rate * step);
  });
}
template <class T>
void sgd(const SgdArgs<T>& a) {
  if (!a.buffer) sgd_of<T, false, false>(a);
  else if (a.nesterov) sgd_of<T, true, true>(a);
  else sgd_of<T, true, false>(a);
}

template <class T, bool kLargest>
void adam_of(const AdamArgs<T>& a) {
  const Vec<T> sign = broadcast(a.sign), decay = broadcast(a.decay), shrink = broadcast(a.shrink),
               new_mean = broadcast(a.new_mean), kept_square = broadcast(a.kept_square),
               new_square = broadcast(a.new_square), rate = broadcast(a.rate), eps = broadcast(a.eps);
  each_vector<T>(a.n, [&](index_t i, auto at, auto put) {
    const Vec<T> w = at(a.w + i), slope = sign * at(a.g + i) + decay * w;
    Vec<T> mean = at(a.mean + i), square = at(a.square + i);
    mean += new_mean * (slope - mean);
    square = kept_square * square + new_square * (slope * slope);
    put(a.mean + i, mean);
    put(a.square + i, square);
    if constexpr (kLargest) {
      const Vec<T> before = at(a.largest + i);
      square = before >= square ? before : square;
      put(a.largest + i, square);
    }
    put(a.w + i, shrink * w - rate * (mean / (square_root<T>(square) + eps)));
  });
}
template <class T>
void adam(const AdamArgs<T>& a) {
  if (a.largest) adam_of<T, true>(a);
  else adam_of<T, false>(a);
}

extern const OptimKernels<float> optim_kernels_f32;
extern const OptimKernels<double> optim_kernels_f64;
constexpr OptimKernels<float> optim_kernels_f32 = {&sgd<float>, &adam<float>};
constexpr OptimKernels<double> optim_kernels_f64 = {&sgd<double>, &adam<double>};

#include "core/isa_end.hpp"
