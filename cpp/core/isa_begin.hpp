// SPDX-License-Identifier: MIT
// Opens the target region and the namespace of one instruction set. Included LAST, after every other
// header, in files that cmake/kernels.cmake compiles once per set with baseline flags: std:: code stays
// outside the region, so no shared weak function can carry instructions an older CPU lacks.
// No include guard: it may be opened once per file, and isa_end.hpp closes it.
#if !defined(NDNN_ISA) || !defined(NDNN_ISA_LEVEL)
#error "kernel files are compiled by ndnn_add_kernels()"
#endif

#if NDNN_ISA_LEVEL > 0
#include <immintrin.h>  // masked loads and stores and permutations, used in vec.hpp only
#endif

// The sets are spelled twice because a pragma's string is not macro-expanded by GCC.
#if NDNN_ISA_LEVEL == 1
#define NDNN_VEC_BYTES 32
#define NDNN_VEC_REGISTERS 16
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#elif NDNN_ISA_LEVEL == 2
#define NDNN_VEC_BYTES 64
#define NDNN_VEC_REGISTERS 32
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), \
                             apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")
#endif
#else
#define NDNN_VEC_BYTES 16
#if defined(__aarch64__)
#define NDNN_VEC_REGISTERS 32
#else
#define NDNN_VEC_REGISTERS 16
#endif
#endif

namespace ndnn {
namespace NDNN_ISA {
