// SPDX-License-Identifier: MIT
#include "core/parallel.hpp"
#include "ops/activation/activation_kernels.hpp"

namespace ndnn {
namespace {

constexpr MapInfo kInfo[kMaps] = {
#define NDNN_INFO(name, Functor, from, cycles, function, ...) {#name, function, 1, cycles, {__VA_ARGS__}},
    NDNN_FUNCTIONS(NDNN_INFO)
#undef NDNN_INFO
#define NDNN_INFO(name, Functor, from, cycles, function, ...) {#name, function, 2, cycles, {__VA_ARGS__}},
        NDNN_FUNCTIONS(NDNN_INFO)
#undef NDNN_INFO
#define NDNN_INFO(name, Functor, operands, cycles, function, ...) \
  {#name, function, operands, cycles, {__VA_ARGS__}},
            NDNN_MAPS(NDNN_INFO)
#undef NDNN_INFO
};

enum class Saved { input, result };
constexpr Saved kSaved[kFunctions] = {
#define NDNN_SAVED(name, Functor, from, ...) Saved::from,
    NDNN_FUNCTIONS(NDNN_SAVED)
#undef NDNN_SAVED
};

constexpr index_t kTask = 1 << 15;   // elements
constexpr index_t kPiece = 1 << 10;  // what is copied to and from other strides at a time: it stays in L1

// Numbers that have nothing to do with each other, for keys that do.
std::uint64_t mixed(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

template <class T>
class MapTask {
 public:
  MapTask(const MapCall<T>& call, const MapKernels<T>& kernels)
      : c_(call), kernels_(kernels), operands_(map_info(call.map).operands) {
    std::copy_n(c_.parameter, kMaxParameters, args_.parameter);
  }
  void run(index_t i, index_t end) {
    // Tasks, and so pieces, do not cross a multiple of 2^32.
    const std::uint64_t key = mixed(c_.key + mixed(static_cast<std::uint64_t>(i) >> 32));
    args_.key[0] = static_cast<std::uint32_t>(key);
    args_.key[1] = static_cast<std::uint32_t>(key >> 32);
    for (index_t count; i < end; i += count) {
      count = length(i, end - i);
      piece(i, count);
    }
  }

 private:
  // Long runs are gone through where they lie; short ones share a piece.
  index_t length(index_t i, index_t most) const {
    const auto limit = [&](index_t run) { most = std::min(most, std::max(run, kPiece)); };
    for (int k = 0; k < operands_; ++k) limit(c_.in[k]->run(i));
    limit(c_.out->run(i));
    return most;
  }
  void piece(index_t i, index_t n) {
    for (int k = 0; k < operands_; ++k) {
      const bool in_place = c_.in[k]->run(i) >= n;
      args_.in[k] = in_place ? c_.in[k]->at(i) : buffer_[k];
      if (!in_place) gather(*c_.in[k], i, n, buffer_[k]);
    }
    const bool in_place = c_.out->run(i) >= n;
    args_.out = in_place ? c_.out->at(i) : result_;
    args_.n = n;
    args_.place = static_cast<std::uint32_t>(i);
    kernels_.of[c_.map](args_);
    if (!in_place) scatter(result_, *c_.out, i, n);
  }

  const MapCall<T>& c_;
  const MapKernels<T>& kernels_;
  const int operands_;
  MapArgs<T> args_;
  T buffer_[kMaxOperands][kPiece];
  T result_[kPiece];
};

}  // namespace

const MapInfo& map_info(int map) { return kInfo[map]; }

int find_map(std::string_view name, bool gradient) {
  for (int i = gradient ? kFunctions : 0; i < kMaps; ++i)
    if (name == kInfo[i].name) return gradient && i >= 2 * kFunctions ? -1 : i;
  return -1;
}

bool gradient_takes_output(int map) { return map < kFunctions && kSaved[map] == Saved::result; }

template <class T>
void run_map(const MapCall<T>& call, Isa isa, int threads) {
  const MapKernels<T>& kernels = map_kernels<T>(isa);
  parallel_for(threads, ceil_div(call.n, kTask), [&](index_t task, int) {
    MapTask<T>(call, kernels).run(task * kTask, std::min(call.n, (task + 1) * kTask));
  });
}
template void run_map<float>(const MapCall<float>&, Isa, int);
template void run_map<double>(const MapCall<double>&, Isa, int);

}  // namespace ndnn
