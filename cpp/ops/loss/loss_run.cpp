// SPDX-License-Identifier: MIT
#include <algorithm>

#include "core/parallel.hpp"
#include "core/scratch.hpp"
#include "core/walk.hpp"
#include "ops/loss/loss_kernels.hpp"

namespace ndnn {
namespace {

constexpr LossInfo kInfo[kLosses] = {
    {Loss::squared, "squared", 2, 2, {"input", "target"}, false, 0, {}, 1},
    {Loss::absolute, "absolute", 2, 2, {"input", "target"}, false, 0, {}, 1},
    {Loss::huber, "huber", 2, 2, {"input", "target"}, false, 1, {"delta"}, 1},
    {Loss::smooth_l1, "smooth_l1", 2, 2, {"input", "target"}, false, 2, {"beta", "1 / beta"}, 1},
    {Loss::bce, "bce", 2, 2, {"input", "target"}, false, 0, {}, 4},
    {Loss::bce_weighted, "bce_weighted", 3, 2, {"input", "target", "weight"}, false, 0, {}, 4},
    {Loss::bce_logits, "bce_logits", 2, 2, {"input", "target"}, false, 0, {}, 4},
    {Loss::bce_logits_weighted,
     "bce_logits_weighted",
     4,
     2,
     {"input", "target", "weight", "pos_weight"},
     false,
     0,
     {},
     4},
    {Loss::kl_div, "kl_div", 2, 2, {"input", "target"}, false, 0, {}, 3},
    {Loss::kl_div_log_target, "kl_div_log_target", 2, 2, {"input", "target"}, false, 0, {}, 2},
    {Loss::poisson, "poisson", 2, 2, {"input", "target"}, false, 2, {"eps", "full"}, 5},
    {Loss::poisson_log_input, "poisson_log_input", 2, 2, {"input", "target"}, false, 2, {"eps", "full"}, 5},
    {Loss::gaussian, "gaussian", 3, 2, {"input", "target", "var"}, false, 2, {"eps", "full"}, 4},
    {Loss::hinge_embedding, "hinge_embedding", 2, 2, {"input", "target"}, false, 1, {"margin"}, 1},
    {Loss::margin_ranking, "margin_ranking", 3, 3, {"input1", "input2", "target"}, false, 1, {"margin"}, 1},
    {Loss::soft_margin, "soft_margin", 2, 2, {"input", "target"}, false, 0, {}, 4},
    {Loss::hinge, "hinge", 2, 2, {"input", "target"}, true, 0, {}, 1},
    {Loss::perceptron, "perceptron", 2, 2, {"input", "target"}, true, 0, {}, 1},
    {Loss::zero_one, "zero_one", 2, 2, {"input", "target"}, true, 0, {}, 1},
    {Loss::sigmoid_focal, "sigmoid_focal", 2, 2, {"inputs", "targets"}, false, 2, {"alpha", "gamma"}, 8},
};

template <class T>
Walk<const T> walk_of(const LossCall<T>& call, const Operand<T>& o) {
  return {o.data, static_cast<int>(call.shape.size()), call.shape.data(), o.stride.data()};
}
// Elements [begin, begin + n): where they are, or gathered into `room`.
template <class T>
const T* elements(const Walk<const T>& walk, index_t begin, index_t n, T* room) {
  if (walk.dense()) return walk.data + begin;
  gather(walk, begin, n, room);
  return room;
}

// Calls body(args, begin, tile) for every tile; each thread has room for operands that lie scattered.
// A task is 16 tiles: its start costs 1 % of the cheapest loss.
template <class T, class Body>
void for_each_tile(const LossCall<T>& call, const Operand<T>& grad, double cycles, Body&& body) {
  constexpr index_t kTilesOfTask = 16;
  const int operands = kInfo[static_cast<int>(call.loss)].operands;
  const index_t tiles = ceil_div(call.size, kLossTile), tasks = ceil_div(tiles, kTilesOfTask);
  const int threads = useful_threads(double(call.size) * cycles, call.threads);
  constexpr index_t kRoom = (kMaxLossOperands + 1) * kLossTile;
  const Scratch scratch(sizeof(T) * kRoom * static_cast<std::size_t>(threads));
  std::vector<Walk<const T>> walks;
  for (int k = 0; k < operands; ++k) walks.push_back(walk_of(call, call.operand[k]));
  if (grad.data) walks.push_back(walk_of(call, grad));
  parallel_for(threads, tasks, [&](index_t task, int thread) {
    T* const room = reinterpret_cast<T*>(scratch.data()) + thread * kRoom;
    LossArgs<T> args{};
    std::copy_n(call.parameter, kMaxLossParameters, args.parameter);
    const index_t end = std::min(tiles, (task + 1) * kTilesOfTask);
    for (index_t tile = task * kTilesOfTask; tile < end; ++tile) {
      const index_t begin = tile * kLossTile;
      args.n = std::min(kLossTile, call.size - begin);
      for (int k = 0; k < operands; ++k)
        args.operand[k] = elements(walks[k], begin, args.n, room + k * kLossTile);
      if (grad.data) args.grad = elements(walks.back(), begin, args.n, room + kMaxLossOperands * kLossTile);
      body(args, begin, tile);
    }
  });
}

template <class T>
double cycles_of(const LossCall<T>& call) {
  return kInfo[static_cast<int>(call.loss)].cycles * double(sizeof(T)) / 4;
}

}  // namespace

const LossInfo& loss_info(Loss loss) { return kInfo[static_cast<int>(loss)]; }

const LossInfo* find_loss(const std::string& name) {
  for (const LossInfo& info : kInfo)
    if (name == info.name) return &info;
  return nullptr;
}

template <class T>
index_t find_bad_label(const LossCall<T>& call) {
  std::vector<T> room(kLossTile);
  const Walk<const T> labels = walk_of(call, call.operand[1]);
  for (index_t begin = 0; begin < call.size; begin += kLossTile) {
    const index_t n = std::min(kLossTile, call.size - begin);
    const T* const t = elements(labels, begin, n, room.data());
    const auto good = [](T v) { return v == 1 || v == -1; };
    const T* const bad = std::find_if_not(t, t + n, good);
    if (bad != t + n) return begin + (bad - t);
  }
  return -1;
}

template <class T>
void run_loss(const LossCall<T>& call, T* y) {
  const LossFn<T> value = loss_kernels<T>(call.isa).value[static_cast<int>(call.loss)];
  for_each_tile(call, Operand<T>{}, cycles_of(call), [&](LossArgs<T>& args, index_t begin, index_t) {
    args.y = y + begin;
    value(args);
  });
}

template <class T>
double run_loss_sum(const LossCall<T>& call) {
  const LossSumFn<T> sum = loss_kernels<T>(call.isa).sum[static_cast<int>(call.loss)];
  std::vector<double> parts(static_cast<std::size_t>(ceil_div(call.size, kLossTile)));
  for_each_tile(call, Operand<T>{}, cycles_of(call),
                [&](LossArgs<T>& args, index_t, index_t tile) { parts[tile] = sum(args); });
  double total = 0;
  for (const double part : parts) total += part;
  return total;
}

template <class T>
void run_loss_gradient(const LossCall<T>& call, int of, const Operand<T>& grad, T scale, T* y) {
  const LossFn<T> gradient = loss_kernels<T>(call.isa).gradient[static_cast<int>(call.loss)][of];
  for_each_tile(call, grad, cycles_of(call), [&](LossArgs<T>& args, index_t begin, index_t) {
    args.y = y + begin;
    args.scale = scale;
    gradient(args);
  });
}

#define NDNN_INSTANTIATE(T)                            \
  template index_t find_bad_label(const LossCall<T>&); \
  template void run_loss(const LossCall<T>&, T*);      \
  template double run_loss_sum(const LossCall<T>&);    \
  template void run_loss_gradient(const LossCall<T>&, int, const Operand<T>&, T, T*);
NDNN_INSTANTIATE(float)
NDNN_INSTANTIATE(double)

}  // namespace ndnn
