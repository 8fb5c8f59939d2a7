// SPDX-License-Identifier: MIT
// Steps of optimisers: one pass over each parameter with all that belongs to it. The parameters of a step are
// dealt to threads together, in pieces, so that many small ones cost one call.
#pragma once
#include <vector>

#include "core/parallel.hpp"
#include "ops/optim/optim_kernels.hpp"

namespace ndnn {

template <class T>
void run_sgd(Isa isa, int threads, const std::vector<SgdArgs<T>>& parameters);
template <class T>
void run_adam(Isa isa, int threads, const std::vector<AdamArgs<T>>& parameters);

}  // namespace ndnn
