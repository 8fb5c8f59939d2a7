// SPDX-License-Identifier: MIT
// Normalisation: y = (x - mean) / sqrt(var + eps) * weight + bias. Two kinds: with one weight a channel of
// (N, C, size) (batch, instance and group norm), and with one for each element of a row (layer and RMS norm).
// Arrays are contiguous. Means and variances are float64, formed of sums over pieces that are each centred on
// their own mean: their error is a few dozen eps times the standard deviation, whatever the mean. Cuts come
// from shapes and caches, and sums are added in order, so that no result depends on threads.
#pragma once
#include "ops/norm/norm_kernels.hpp"

namespace ndnn {

struct ChannelNorm {
  index_t n, channels, size;
  index_t groups;  // of channels, which share statistics in each image; 0: over the batch, by channel
  Isa isa;
  int threads;
  index_t statistics() const { return groups ? n * groups : channels; }
  index_t elements() const { return n * channels * size; }
};
// Batch norm of so few pixels takes them as columns: lanes run over channels. Others of so few are rows.
constexpr index_t kFewPixels = 16;

// weight and bias (either may be null): one number a channel. Writes y, and mean and var of each group.
template <class T>
void run_channel_norm(const ChannelNorm& p, const T* x, T* y, const double* weight, const double* bias,
                      double eps, double* mean, double* var);
// y = (x - centre) * scale + shift, by channel.
template <class T>
void run_channel_affine(const ChannelNorm& p, const T* x, T* y, const Affine<T>* a);
// The gradients, given that of y, where mean and var are x's. dw and db: one number a channel.
template <class T>
void run_channel_norm_gradient(const ChannelNorm& p, const T* g, const T* x, T* dx, const double* weight,
                               double eps, const double* mean, const double* var, double* dw, double* db);
// Those of weight and bias alone, where mean and var, one a channel, are given.
template <class T>
void run_channel_sums(const ChannelNorm& p, const T* g, const T* x, double eps, const double* mean,
                      const double* var, double* dw, double* db);

struct RowNorm {
  index_t rows, n;
  index_t weights;  // rows of weight and bias, which follow each other; 1 for layer norm
  bool centred;     // RMS norm is not: its mean is 0
  Isa isa;
  int threads;
};
template <class T>
void run_row_norm(const RowNorm& p, const T* x, T* y, const T* weight, const T* bias, double eps,
                  double* mean, double* var);
// dw and db (both or neither null) have the shape of weight.
template <class T>
void run_row_norm_gradient(const RowNorm& p, const T* g, const T* x, T* dx, const T* weight, double eps,
                           const double* mean, const double* var, double* dw, double* db);

// x / max(norm, eps), where norm is the Euclidean norm along n of (outer, n, inner).
struct LengthNorm {
  index_t outer, n, inner;
  double eps;
  Isa isa;
  int threads;
};
// norm: (outer, inner).
template <class T>
void run_length_norm(const LengthNorm& p, const T* x, T* y, double* norm);
template <class T>
void run_length_norm_gradient(const LengthNorm& p, const T* g, const T* x, T* dx, const double* norm);

}  // namespace ndnn
