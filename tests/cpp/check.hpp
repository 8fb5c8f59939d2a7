// SPDX-License-Identifier: MIT
#pragma once
#include "cases.hpp"

namespace ndnn::selftest {

struct Tally {
  int passed = 0, failed = 0;
};

// Runs one case in every way and compares bit for bit with the plain sum; prints what differs.
void check_case(const Case& c, const std::vector<Isa>& isas, Tally& tally);
// The same of the weight's and the bias's gradient.
void check_gradient(const Case& c, const std::vector<Isa>& isas, Tally& tally);
// Separable maps of random windows and weights.
void check_resize(int count, std::uint64_t seed, const std::vector<Isa>& isas, Tally& tally);
// Random maximum pooling and unpooling, in every way.
void check_max_pool(int count, std::uint64_t seed, const std::vector<Isa>& isas, Tally& tally);
// The epilogue's activations within their stated bound.
void check_activations(const std::vector<Isa>& isas, Tally& tally);
// Every elementwise operator and softmax on random sizes and strides.
void check_maps(int rounds, std::uint64_t seed, const std::vector<Isa>& isas, Tally& tally);

// Norms and optimiser steps on so many random sizes.
void check_norms(int cases, const std::vector<Isa>& isas, Tally& tally);
// Losses and embeddings of random sizes.
void check_losses(int rounds, const std::vector<Isa>& isas, Tally& tally);
// `count` random paddings, blocks and samplings.
void check_fold(const std::vector<Isa>& isas, int count, std::uint64_t seed, Tally& tally);

}  // namespace ndnn::selftest
