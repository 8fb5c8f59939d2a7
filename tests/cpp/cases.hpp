// SPDX-License-Identifier: MIT
#pragma once
#include <string>
#include <vector>

#include "ops/conv/conv.hpp"

namespace ndnn::selftest {

// A convolution to try; its name says what is awkward about it.
struct Case {
  std::string name;
  ConvArgs args;
  std::array<index_t, 5> x, w;  // (N, C, D, H, W) and (OC, C/groups, KD, KH, KW)
  bool bias = true;
};

// Numbers that are the same on every machine, unlike those of std::uniform_int_distribution.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t bits() {  // splitmix64
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  index_t between(index_t least, index_t most) {
    return least + static_cast<index_t>(bits() % static_cast<std::uint64_t>(most - least + 1));
  }

 private:
  std::uint64_t state_;
};

std::vector<Case> awkward_cases();
std::vector<Case> random_cases(int count, std::uint64_t seed);

}  // namespace ndnn::selftest
