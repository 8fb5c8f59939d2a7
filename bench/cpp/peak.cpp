// SPDX-License-Identifier: MIT
#include "peak.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

#include "core/parallel.hpp"
#include "ndnn_isas.hpp"

namespace ndnn {

#define NDNN_DECLARE(isa)              \
  namespace isa {                      \
  extern const PeakKernel peak_kernel; \
  }
NDNN_FOR_EACH_ISA(NDNN_DECLARE)
#undef NDNN_DECLARE

namespace bench {

double measure_peak(Isa isa, int threads) {
#define NDNN_TABLE(isa) &isa::peak_kernel,
  static constexpr PerIsa<PeakKernel> all{{NDNN_FOR_EACH_ISA(NDNN_TABLE)}};
#undef NDNN_TABLE
  constexpr index_t kSteps = 1 << 20;  // 1 to 4 ms
  constexpr int kBursts = 40;
  const PeakKernel& kernel = all.get(isa);
  std::vector<float> sums(static_cast<std::size_t>(threads) * kPeakSums, 1.0f);
  const float factor_and_term[2] = {0.5f, 0.5f};  // the sums stay 1
  double best = 0;
  for (int i = 0; i < kBursts; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    parallel_for(threads, threads, [&](index_t task, int) {
      kernel.run(kSteps, factor_and_term, sums.data() + task * kPeakSums);
    });
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    best = std::max(best, double(kSteps) * kernel.flops_per_step * threads / seconds.count());
  }
  return best;
}

}  // namespace bench
}  // namespace ndnn
