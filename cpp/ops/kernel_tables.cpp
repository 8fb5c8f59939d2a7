// SPDX-License-Identifier: MIT
// Joins the tables that each kernel file defines in every instruction set's namespace:
// tile_kernels<float>(isa) is ndnn::<isa>::tile_kernels_f32, and so on.
#include "ndnn_isas.hpp"
#include "ops/conv/epilogue_kernels.hpp"
#include "ops/conv/stencil_kernels.hpp"
#include "ops/conv/weight_gradient_kernels.hpp"
#include "ops/conv/winograd_kernels.hpp"
#include "ops/conv_transpose/interleave_kernels.hpp"
#include "ops/matmul/tile_kernels.hpp"

namespace ndnn {

#define NDNN_DECLARE(isa)                                                 \
  namespace isa {                                                         \
  extern const TileKernels<float> tile_kernels_f32;                       \
  extern const TileKernels<double> tile_kernels_f64;                      \
  extern const StencilKernels<float> stencil_kernels_f32;                 \
  extern const StencilKernels<double> stencil_kernels_f64;                \
  extern const WinogradKernels<float> winograd_kernels_f32;               \
  extern const WinogradKernels<double> winograd_kernels_f64;              \
  extern const EpilogueKernels<float> epilogue_kernels_f32;               \
  extern const EpilogueKernels<double> epilogue_kernels_f64;              \
  extern const WeightGradientKernels<float> weight_gradient_kernels_f32;  \
  extern const WeightGradientKernels<double> weight_gradient_kernels_f64; \
  extern const InterleaveKernels<float> interleave_kernels_f32;           \
  extern const InterleaveKernels<double> interleave_kernels_f64;          \
  }
NDNN_FOR_EACH_ISA(NDNN_DECLARE)
#undef NDNN_DECLARE

#define NDNN_TABLE(Table, name, T, LIST)                              \
  template <>                                                         \
  const Table<T>& name<T>(Isa isa) {                                  \
    static constexpr PerIsa<Table<T>> all{{NDNN_FOR_EACH_ISA(LIST)}}; \
    return all.get(isa);                                              \
  }
#define NDNN_TILES_F32(isa) &isa::tile_kernels_f32,
#define NDNN_TILES_F64(isa) &isa::tile_kernels_f64,
#define NDNN_STENCILS_F32(isa) &isa::stencil_kernels_f32,
#define NDNN_STENCILS_F64(isa) &isa::stencil_kernels_f64,
#define NDNN_WINOGRAD_F32(isa) &isa::winograd_kernels_f32,
#define NDNN_WINOGRAD_F64(isa) &isa::winograd_kernels_f64,
#define NDNN_EPILOGUES_F32(isa) &isa::epilogue_kernels_f32,
#define NDNN_EPILOGUES_F64(isa) &isa::epilogue_kernels_f64,
#define NDNN_INTERLEAVES_F32(isa) &isa::interleave_kernels_f32,
#define NDNN_INTERLEAVES_F64(isa) &isa::interleave_kernels_f64,
#define NDNN_WEIGHT_GRADIENTS_F32(isa) &isa::weight_gradient_kernels_f32,
#define NDNN_WEIGHT_GRADIENTS_F64(isa) &isa::weight_gradient_kernels_f64,
NDNN_TABLE(TileKernels, tile_kernels, float, NDNN_TILES_F32)
NDNN_TABLE(TileKernels, tile_kernels, double, NDNN_TILES_F64)
NDNN_TABLE(StencilKernels, stencil_kernels, float, NDNN_STENCILS_F32)
NDNN_TABLE(StencilKernels, stencil_kernels, double, NDNN_STENCILS_F64)
NDNN_TABLE(WinogradKernels, winograd_kernels, float, NDNN_WINOGRAD_F32)
NDNN_TABLE(WinogradKernels, winograd_kernels, double, NDNN_WINOGRAD_F64)
NDNN_TABLE(EpilogueKernels, epilogue_kernels, float, NDNN_EPILOGUES_F32)
NDNN_TABLE(EpilogueKernels, epilogue_kernels, double, NDNN_EPILOGUES_F64)
NDNN_TABLE(InterleaveKernels, interleave_kernels, float, NDNN_INTERLEAVES_F32)
NDNN_TABLE(InterleaveKernels, interleave_kernels, double, NDNN_INTERLEAVES_F64)
NDNN_TABLE(WeightGradientKernels, weight_gradient_kernels, float, NDNN_WEIGHT_GRADIENTS_F32)
NDNN_TABLE(WeightGradientKernels, weight_gradient_kernels, double, NDNN_WEIGHT_GRADIENTS_F64)

}  // namespace ndnn
