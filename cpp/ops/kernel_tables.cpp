// SPDX-License-Identifier: MIT
// Joins the tables that each kernel file defines in every instruction set's namespace:
// tile_kernels<float>(isa) is ndnn::<isa>::tile_kernels_f32, and so on.
#include "ndnn_isas.hpp"
#include "ops/activation/activation_kernels.hpp"
#include "ops/conv/epilogue_kernels.hpp"
#include "ops/conv/stencil_kernels.hpp"
#include "ops/conv/weight_gradient_kernels.hpp"
#include "ops/conv/winograd_kernels.hpp"
#include "ops/conv_transpose/interleave_kernels.hpp"
#include "ops/fold/fold_kernels.hpp"
#include "ops/embedding/embedding_kernels.hpp"
#include "ops/loss/cross_entropy_kernels.hpp"
#include "ops/loss/loss_kernels.hpp"
#include "ops/grid_sample/packed_sample_kernels.hpp"
#include "ops/matmul/tile_kernels.hpp"
#include "ops/norm/norm_kernels.hpp"
#include "ops/norm/response_norm_kernels.hpp"
#include "ops/optim/optim_kernels.hpp"
#include "ops/pool/max_pool_kernels.hpp"
#include "ops/resize/resize_kernels.hpp"
#include "ops/softmax/softmax_kernels.hpp"

namespace ndnn {

#define NDNN_DECLARE(isa, Table, name)   \
  namespace isa {                        \
  extern const Table<float> name##_f32;  \
  extern const Table<double> name##_f64; \
  }
#define NDNN_ADDRESS(isa, name) &isa::name,
#define NDNN_TABLE(Table, name)                                                                     \
  NDNN_FOR_EACH_ISA_WITH(NDNN_DECLARE, Table, name)                                                 \
  template <>                                                                                       \
  const Table<float>& name<float>(Isa isa) {                                                        \
    static constexpr PerIsa<Table<float>> all{{NDNN_FOR_EACH_ISA_WITH(NDNN_ADDRESS, name##_f32)}};  \
    return all.get(isa);                                                                            \
  }                                                                                                 \
  template <>                                                                                       \
  const Table<double>& name<double>(Isa isa) {                                                      \
    static constexpr PerIsa<Table<double>> all{{NDNN_FOR_EACH_ISA_WITH(NDNN_ADDRESS, name##_f64)}}; \
    return all.get(isa);                                                                            \
  }

NDNN_TABLE(TileKernels, tile_kernels)
NDNN_TABLE(StencilKernels, stencil_kernels)
NDNN_TABLE(StencilGradientKernels, stencil_gradient_kernels)
NDNN_TABLE(WinogradKernels, winograd_kernels)
NDNN_TABLE(EpilogueKernels, epilogue_kernels)
NDNN_TABLE(InterleaveKernels, interleave_kernels)
NDNN_TABLE(WeightGradientKernels, weight_gradient_kernels)
NDNN_TABLE(FoldKernels, fold_kernels)
NDNN_TABLE(NormKernels, norm_kernels)
NDNN_TABLE(ResponseNormKernels, response_norm_kernels)
NDNN_TABLE(OptimKernels, optim_kernels)
NDNN_TABLE(LossKernels, loss_kernels)
NDNN_TABLE(CrossEntropyKernels, cross_entropy_kernels)
NDNN_TABLE(EmbeddingKernels, embedding_kernels)
NDNN_TABLE(GridSampleKernels, grid_sample_kernels)
NDNN_TABLE(PackedSampleTable, packed_sample_kernels)
NDNN_TABLE(MaxPoolKernels, max_pool_kernels)
NDNN_TABLE(ResizeKernels, resize_kernels)
NDNN_TABLE(MaxPoolInPlaceKernels, max_pool_in_place_kernels)
NDNN_TABLE(MapKernels, map_kernels)
NDNN_TABLE(SoftmaxKernels, softmax_kernels)

}  // namespace ndnn
