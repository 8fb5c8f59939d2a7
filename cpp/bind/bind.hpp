// SPDX-License-Identifier: MIT
#pragma once
#include "bind/arguments.hpp"
#include "ops/conv/conv.hpp"

namespace ndnn {

// Threads for a call from here: the context's limit (ndnn.num_threads), the process's and OpenMP's.
int call_threads();

// The numbers of a convolution; `fn` is the user's function.
ConvArgs to_conv_args(const char* fn, int rank, const py::object& stride, const py::object& padding,
                      const py::object& dilation, const py::object& groups);
// A shape given as a tuple, as an array's five axes; one without N gets an N of 1, but for a weight's.
std::array<index_t, 5> to_sizes(const char* fn, const char* name, const py::object& shape, int rank,
                                bool weight);

void bind_runtime(py::module_& m);
void bind_packed_weight(py::module_& m);
void bind_conv(py::module_& m);
void bind_conv_transpose(py::module_& m);
void bind_conv_grad(py::module_& m);
void bind_fold(py::module_& m);
void bind_norm(py::module_& m);
void bind_scale(py::module_& m);
void bind_optim(py::module_& m);
void bind_loss(py::module_& m);
void bind_cross_entropy(py::module_& m);
void bind_embedding(py::module_& m);
void bind_grid_sample(py::module_& m);
void bind_max_pool(py::module_& m);
void bind_max_unpool(py::module_& m);
void bind_interpolate(py::module_& m);
void bind_avg_pool(py::module_& m);
void bind_activation(py::module_& m);
void bind_softmax(py::module_& m);

}  // namespace ndnn
