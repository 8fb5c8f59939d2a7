// SPDX-License-Identifier: MIT
// explain(): a plan as one line for people.
#include <cstdio>

#include "ops/conv/conv.hpp"

namespace ndnn {

std::string describe(const char* name, const ConvPlan& p) {
  const auto chosen = p.form.algorithm;
  const auto other = chosen == ConvAlgorithm::lanes_on_channels ? ConvAlgorithm::lanes_on_pixels
                                                                : ConvAlgorithm::lanes_on_channels;
  const ConvPlan q = plan_conv(p.g, p.item_bytes, p.isa, p.threads, other);
  char scratch[32], slower[32];
  std::snprintf(scratch, sizeof(scratch), "%.2f", double(p.scratch_bytes) / (1 << 20));
  std::snprintf(slower, sizeof(slower), "%.2f", q.cycles / p.cycles);
  return concat(name, " -> ", algorithm_name(chosen), ", isa=", isa_name(p.isa), ", threads=", p.threads,
                ", scratch=", scratch, " MiB, tile=", tail(p.tile, p.g.rank), ", channels per panel=",
                p.form.panel, ", reduction blocks=", p.blocks, "; refused: ", algorithm_name(other),
                " (estimated ", slower, " times the cost)");
}

}  // namespace ndnn
