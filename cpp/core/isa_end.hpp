// SPDX-License-Identifier: MIT
// Closes what isa_begin.hpp opened.
}  // namespace NDNN_ISA
}  // namespace ndnn

#if NDNN_ISA_LEVEL > 0
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
