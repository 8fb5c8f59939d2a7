// SPDX-License-Identifier: MIT
#pragma once
#include "named_shapes.hpp"

namespace ndnn::bench {

// <name>/packed: weights packed before; <name>/call: packed in every call. float32, instruction set in force.
// peak: FLOP/s that the counter "peak" is a share of.
void register_conv(const NamedShape& shape, int threads, double peak);

}  // namespace ndnn::bench
