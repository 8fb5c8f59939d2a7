// SPDX-License-Identifier: MIT
#include "conv_bench.hpp"

#include <benchmark/benchmark.h>

#include <chrono>
#include <new>

namespace ndnn::bench {
namespace {

// On a cache line: where malloc happens to put an array would change the result.
class Buffer {
 public:
  explicit Buffer(index_t n) : data_(new (kLine) float[static_cast<std::size_t>(n)]()) {}
  ~Buffer() { operator delete[](data_, kLine); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  float* data() const { return data_; }

 private:
  static constexpr std::align_val_t kLine{64};
  float* data_;
};

// Numbers in [-1, 1), the same at every run; never denormal.
void fill(const Buffer& b, index_t n) {
  std::uint32_t state = 1;
  for (index_t i = 0; i < n; ++i) {
    state = state * 1664525u + 1013904223u;
    b.data()[i] = float(state >> 8) / float(1 << 23) - 1.0f;
  }
}

index_t elements(const std::array<index_t, 5>& shape) {
  index_t n = 1;
  for (const index_t s : shape) n *= s;
  return n;
}

void run(benchmark::State& state, const NamedShape& shape, bool packed_before, int threads, double peak) {
  ConvGeometry g = shape.geometry;
  const Buffer x(elements(shape.x)), w(elements(shape.w)), y(g.n * g.oc_all * g.pixels());
  fill(x, elements(shape.x));
  fill(w, elements(shape.w));
  View<const float> view{x.data(), shape.x, {}};
  index_t stride = 1;
  for (int a = 4; a >= 0; stride *= shape.x[a--]) view.stride[a] = stride;
  merge_axes(g, view.stride);
  const ConvPlan plan = plan_conv(g, sizeof(float), active_isa(), threads, packed_before);
  const Buffer packed(plan.packed_elements);
  if (packed_before) pack_conv(plan, w.data(), weight_layout(plan.g, false), packed.data());
  const auto call = [&] {
    if (packed_before) run_conv<float>(plan, view, packed.data(), {}, y.data());
    else pack_and_run_conv<float>(plan, view, w.data(), weight_layout(plan.g, false), {}, y.data());
    benchmark::ClobberMemory();
  };
  call();  // fresh pages of y, threads, scratch
  const auto begin = std::chrono::steady_clock::now();
  for (auto _ : state) call();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  const double flops_per_second = 2 * shape.geometry.macs() * double(state.iterations()) / seconds.count();
  state.counters["GFLOP/s"] = flops_per_second * 1e-9;
  state.counters["peak"] = flops_per_second / peak;
  state.SetLabel(algorithm_name(plan.form.algorithm));
}

}  // namespace

void register_conv(const NamedShape& shape, int threads, double peak) {
  for (const bool packed : {true, false}) {
    const std::string name = shape.name + (packed ? "/packed" : "/call");
    const auto body = [=](benchmark::State& state) { run(state, shape, packed, threads, peak); };
    benchmark::RegisterBenchmark(name.c_str(), body)->UseRealTime()->Unit(benchmark::kMicrosecond);
  }
}

}  // namespace ndnn::bench
