// SPDX-License-Identifier: MIT
#include "core/scratch.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

#include "core/shape.hpp"

namespace ndnn {
namespace {

constexpr std::size_t kLine = 64;

// A kept block starts with its own size, one line before the data.
std::atomic<char*> g_kept{nullptr};

std::size_t size_of(const char* block) { return *reinterpret_cast<const std::size_t*>(block); }

}  // namespace

Scratch::Scratch(std::size_t bytes) {
  // Taken as a whole and put back as a whole: no lock that a fork could leave held.
  char* block = g_kept.exchange(nullptr, std::memory_order_acquire);
  if (block && size_of(block) < bytes) {
    std::free(block);
    block = nullptr;
  }
  if (!block) {
    const std::size_t size = (bytes + kLine - 1) / kLine * kLine;
    if (size < bytes || size > std::size_t(-1) / 2 - kLine) throw std::bad_alloc();
    block = static_cast<char*>(std::aligned_alloc(kLine, size + kLine));
    if (!block) throw std::bad_alloc();
    *reinterpret_cast<std::size_t*>(block) = size;
  }
  bytes_ = size_of(block);
  data_ = block + kLine;
}

Scratch::~Scratch() {
  char* block = data_ - kLine;
  if (bytes_ <= kKeptBytes) block = g_kept.exchange(block, std::memory_order_release);
  std::free(block);
}

}  // namespace ndnn
