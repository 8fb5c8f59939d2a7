// SPDX-License-Identifier: MIT
// What all losses ask of their arguments.
#pragma once
#include <string>
#include <vector>

#include "bind/bind.hpp"
#include "ops/loss/loss.hpp"

namespace ndnn {

Reduction to_reduction(const char* fn, const py::object& value);
// A TypeError unless all arrays that are not null have the dtype of the first.
void check_one_dtype(const char* fn, const std::vector<const char*>& names,
                     const std::vector<py::array>& arrays);
// Class numbers, contiguous.
using Labels = py::array_t<index_t, py::array::c_style | py::array::forcecast>;
Labels to_labels(const char* fn, const char* name, const py::array& a);
// A ValueError that names the first that is neither below `count` nor ignored.
void check_labels(const char* fn, const char* name, const Labels& t, index_t count, index_t ignore_index,
                  bool ignores);
// The index of an element, counted in C order, as a tuple.
std::string place_text(index_t flat, const py::array& a);

}  // namespace ndnn
