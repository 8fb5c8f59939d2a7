// SPDX-License-Identifier: MIT
#include "core/isa.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>

#include "core/check.hpp"

namespace ndnn {
namespace {

constexpr const char* kNames[kIsaCount] = {"base", "avx2", "avx512"};

bool supports(Isa isa) {
#if defined(__x86_64__)
  switch (isa) {
    case Isa::base: return true;
    case Isa::avx2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case Isa::avx512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  }
  return false;
#else
  return isa == Isa::base;
#endif
}

Isa parse(const std::string& name, const char* source) {
  std::string known;
  for (const Isa isa : supported_isas()) {
    if (name == isa_name(isa)) return isa;
    known += (known.empty() ? "" : ", ") + std::string(isa_name(isa));
  }
  value_error(source, ": the instruction set must be one of this machine's (", known, "), but got '", name,
              "'");
}

std::atomic<int> g_isa{-1};  // -1: not chosen yet

long cache_bytes(int name, long usual) {
  const long bytes = sysconf(name);
  return bytes > 0 ? bytes : usual;
}

}  // namespace

const char* isa_name(Isa isa) { return kNames[static_cast<int>(isa)]; }

std::vector<Isa> supported_isas() {
  std::vector<Isa> all;
  for (int i = 0; i < kIsaCount; ++i)
    if (supports(static_cast<Isa>(i))) all.push_back(static_cast<Isa>(i));
  return all;
}

Isa active_isa() {
  int isa = g_isa.load(std::memory_order_relaxed);
  if (__builtin_expect(isa < 0, 0)) {
    const char* wanted = std::getenv("NDNN_ISA");
    isa = static_cast<int>(wanted && *wanted ? parse(wanted, "NDNN_ISA") : supported_isas().back());
    g_isa.store(isa, std::memory_order_relaxed);
  }
  return static_cast<Isa>(isa);
}

void force_isa(const std::string& name) { g_isa.store(static_cast<int>(parse(name, "force_isa"))); }

int cores() {
  static const int n = static_cast<int>(std::clamp(sysconf(_SC_NPROCESSORS_CONF), 1L, 1024L));
  return n;
}

const Caches& caches() {
#if defined(_SC_LEVEL1_DCACHE_SIZE)
  // Virtual machines report odd values now and then, and L3 is that of all cores: keep to what one core has.
  static const Caches c{std::clamp(cache_bytes(_SC_LEVEL1_DCACHE_SIZE, 32 << 10), 16L << 10, 192L << 10),
                        std::clamp(cache_bytes(_SC_LEVEL2_CACHE_SIZE, 512 << 10), 256L << 10, 4L << 20),
                        std::clamp(cache_bytes(_SC_LEVEL3_CACHE_SIZE, 8 << 20), 2L << 20, 32L << 20)};
#else
  static const Caches c{64 << 10, 1 << 20, 8 << 20};
#endif
  return c;
}

}  // namespace ndnn
