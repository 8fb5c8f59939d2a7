// SPDX-License-Identifier: MIT
#include "ops/optim/optim.hpp"

namespace ndnn {
namespace {

constexpr index_t kPiece = 16 << 10;  // elements of one task

template <class T>
SgdArgs<T> from(SgdArgs<T> a, index_t begin, index_t n) {
  a.w += begin;
  a.g += begin;
  if (a.buffer) a.buffer += begin;
  a.n = n;
  return a;
}
template <class T>
AdamArgs<T> from(AdamArgs<T> a, index_t begin, index_t n) {
  a.w += begin;
  a.g += begin;
  a.mean += begin;
  a.square += begin;
  if (a.largest) a.largest += begin;
  a.n = n;
  return a;
}

template <class Args, class Kernel>
void each_piece(int threads, const std::vector<Args>& parameters, Kernel kernel) {
  std::vector<index_t> end;  // the number of pieces up to and with each parameter
  end.reserve(parameters.size());
  for (const Args& a : parameters) end.push_back((end.empty() ? 0 : end.back()) + ceil_div(a.n, kPiece));
  if (end.empty()) return;
  parallel_for(threads, end.back(), [&](index_t task, int) {
    const auto i = std::upper_bound(end.begin(), end.end(), task) - end.begin();
    const Args& a = parameters[static_cast<std::size_t>(i)];
    const index_t piece = task - (end[i] - ceil_div(a.n, kPiece)), begin = piece * kPiece;
    kernel(from(a, begin, std::min(kPiece, a.n - begin)));
  });
}

}  // namespace

template <class T>
void run_sgd(Isa isa, int threads, const std::vector<SgdArgs<T>>& parameters) {
  each_piece(threads, parameters, optim_kernels<T>(isa).sgd);
}
template <class T>
void run_adam(Isa isa, int threads, const std::vector<AdamArgs<T>>& parameters) {
  each_piece(threads, parameters, optim_kernels<T>(isa).adam);
}

template void run_sgd(Isa, int, const std::vector<SgdArgs<float>>&);
template void run_sgd(Isa, int, const std::vector<SgdArgs<double>>&);
template void run_adam(Isa, int, const std::vector<AdamArgs<float>>&);
template void run_adam(Isa, int, const std::vector<AdamArgs<double>>&);

}  // namespace ndnn
