// SPDX-License-Identifier: MIT
// Instruction sets, chosen at run time. The list itself stands in cmake/kernels.cmake.
#pragma once
#include <string>
#include <vector>

namespace ndnn {

enum class Isa : int { base = 0, avx2 = 1, avx512 = 2 };
constexpr int kIsaCount = 3;

const char* isa_name(Isa isa);
// Best first is NOT promised; the order is base, avx2, avx512.
std::vector<Isa> supported_isas();
// The one in force: NDNN_ISA or the best supported. Throws ValueError where NDNN_ISA names none.
Isa active_isa();
void force_isa(const std::string& name);

// One table per instruction set; entries this build lacks are null.
template <class Table>
struct PerIsa {
  const Table* table[kIsaCount];
  const Table& get(Isa isa) const { return *table[static_cast<int>(isa)]; }
};

// Data cache sizes of this machine in bytes, with usual values where the system does not say.
struct Caches {
  long l1, l2, l3;
};
const Caches& caches();
// Cores of the machine, whatever part of them this process may use.
int cores();

}  // namespace ndnn
