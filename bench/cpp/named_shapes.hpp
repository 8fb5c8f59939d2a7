// SPDX-License-Identifier: MIT
#pragma once
#include <string>
#include <vector>

#include "ops/conv/conv.hpp"

namespace ndnn::bench {

// One line of bench/shapes/*.txt, checked.
struct NamedShape {
  std::string name;
  ConvArgs args;
  std::array<index_t, 5> x, w;  // (N, C, D, H, W) and (OC, C/groups, KD, KH, KW)
  ConvGeometry geometry;
};

// Every shape of folder/*.txt, file by file. Throws ValueError, `file:line: what is wrong`.
std::vector<NamedShape> load_shapes(const std::string& folder);
// A whole decimal number in [least, most], or ValueError.
index_t parse_number(const std::string& what, const std::string& text, index_t least, index_t most);

}  // namespace ndnn::bench
