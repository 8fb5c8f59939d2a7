// SPDX-License-Identifier: MIT
// explain(): a plan as one line for people.
#include <cstdio>

#include "ops/conv/conv.hpp"

namespace ndnn {
namespace {

std::string fixed(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.2f", value);
  return text;
}

// "stencil (input channels per group are 64, not 1), lanes_on_pixels (estimated 1.04 times the cost)"
std::string others(const ConvPlan& p, bool packed) {
  std::string all;
  for (int i = 0; i < kConvAlgorithms; ++i) {
    const auto a = static_cast<ConvAlgorithm>(i);
    if (a == p.form.algorithm) continue;
    std::string why = refusal(a, p.g);
    if (why.empty()) {
      const ConvPlan q = plan_conv(p.g, p.item_bytes, p.isa, p.threads, packed, a);
      why = "estimated " + fixed(q.cycles / p.cycles) + " times the cost";
    }
    all += concat(all.empty() ? "" : ", ", algorithm_name(a), " (", why, ")");
  }
  return all;
}

}  // namespace

std::string describe(const char* name, const ConvPlan& p, bool packed) {
  return concat(name, " -> ", algorithm_name(p.form.algorithm), ", isa=", isa_name(p.isa),
                ", threads=", p.threads, ", scratch=", fixed(double(p.scratch_bytes) / (1 << 20)),
                " MiB, tile=", tail(p.tile, p.g.rank), ", channels per panel=", p.form.panel,
                ", reduction blocks=", p.blocks, "; refused: ", others(p, packed));
}

}  // namespace ndnn
