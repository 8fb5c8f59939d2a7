// SPDX-License-Identifier: MIT
#pragma once
#include <cstddef>

namespace ndnn {

// Scratch memory of one call, on a cache line; released blocks up to kKeptBytes are kept for the next
// call (one per process), because fresh pages cost more than many a convolution.
class Scratch {
 public:
  static constexpr std::size_t kKeptBytes = std::size_t{8} << 20;
  explicit Scratch(std::size_t bytes);  // throws std::bad_alloc
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  char* data() const { return data_; }

 private:
  char* data_;
  std::size_t bytes_;
};

}  // namespace ndnn
