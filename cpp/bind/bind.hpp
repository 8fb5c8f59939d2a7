// SPDX-License-Identifier: MIT
#pragma once
#include "bind/arguments.hpp"

namespace ndnn {

// Threads for a call from here: the context's limit (ndnn.num_threads), the process's and OpenMP's.
int call_threads();

void bind_runtime(py::module_& m);
void bind_packed_weight(py::module_& m);
void bind_conv(py::module_& m);
void bind_conv_transpose(py::module_& m);

}  // namespace ndnn
