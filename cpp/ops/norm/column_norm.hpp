// SPDX-License-Identifier: MIT
// Batch norm of few pixels: (N, C * size) as columns, of which `size` neighbours make a channel.
#pragma once
#include "ops/norm/norm.hpp"

namespace ndnn {

template <class T>
void run_column_norm(const ChannelNorm& p, const T* x, T* y, const double* weight, const double* bias,
                     double eps, double* mean, double* var);
template <class T>
void run_column_affine(const ChannelNorm& p, const T* x, T* y, const Affine<T>* a);
template <class T>
void run_column_gradient(const ChannelNorm& p, const T* g, const T* x, T* dx, const double* weight,
                         double eps, const double* mean, const double* var, double* dw, double* db);
template <class T>
void run_column_sums(const ChannelNorm& p, const T* g, const T* x, double eps, const double* mean,
                     const double* var, double* dw, double* db);

}  // namespace ndnn
