# SPDX-License-Identifier: MIT
# THE list of instruction sets. Each kernel file is compiled once per set, always with baseline flags:
# core/isa_begin.hpp opens the target region inside the file (see cpp/README.md for why not -mavx2).
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64")
  set(NDNN_ISAS base avx2 avx512)  # in the order of `enum class Isa`
else()
  set(NDNN_ISAS base)
endif()

# ndnn_add_kernels(target file...): one object library per instruction set, linked into target.
function(ndnn_add_kernels target)
  set(level 0)
  set(for_each "")
  set(for_each_with "")
  foreach(isa IN LISTS NDNN_ISAS)
    set(lib ${target}_kernels_${isa})
    add_library(${lib} OBJECT ${ARGN})
    target_compile_definitions(${lib} PRIVATE NDNN_ISA=${isa} NDNN_ISA_LEVEL=${level})
    target_include_directories(${lib} PRIVATE ${PROJECT_SOURCE_DIR}/cpp)
    # A*b + c may become one FMA; wide vectors never cross a call, so their ABI does not matter.
    target_compile_options(${lib} PRIVATE ${NDNN_WARNINGS} ${NDNN_SANITIZE_FLAGS} -ffp-contract=fast
                                          -Wno-psabi -Wno-ignored-attributes)
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:${lib}>)
    string(APPEND for_each " X(${isa})")
    string(APPEND for_each_with " X(${isa}, __VA_ARGS__)")
    math(EXPR level "${level} + 1")
  endforeach()
  # For the code that lists them: NDNN_FOR_EACH_ISA(X) is X(base) X(avx2) ..., and
  # NDNN_FOR_EACH_ISA_WITH(X, more) is X(base, more) X(avx2, more) ...
  set(header ${CMAKE_CURRENT_BINARY_DIR}/generated/ndnn_isas.hpp)
  file(CONFIGURE OUTPUT ${header} @ONLY CONTENT
       "#define NDNN_FOR_EACH_ISA(X)${for_each}\n#define NDNN_FOR_EACH_ISA_WITH(X, ...)${for_each_with}\n")
  target_include_directories(${target} PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/generated)
endfunction()
