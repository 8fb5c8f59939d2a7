// SPDX-License-Identifier: MIT
// Chooses the tile kernels of one instruction set.
#include "ndnn_isas.hpp"
#include "ops/matmul/tile_kernels.hpp"

namespace ndnn {

#define NDNN_DECLARE(isa)                            \
  namespace isa {                                    \
  extern const TileKernels<float> tile_kernels_f32;  \
  extern const TileKernels<double> tile_kernels_f64; \
  }
NDNN_FOR_EACH_ISA(NDNN_DECLARE)
#undef NDNN_DECLARE

#define NDNN_F32(isa) &isa::tile_kernels_f32,
#define NDNN_F64(isa) &isa::tile_kernels_f64,
template <>
const TileKernels<float>& tile_kernels<float>(Isa isa) {
  static constexpr PerIsa<TileKernels<float>> all{{NDNN_FOR_EACH_ISA(NDNN_F32)}};
  return all.get(isa);
}
template <>
const TileKernels<double>& tile_kernels<double>(Isa isa) {
  static constexpr PerIsa<TileKernels<double>> all{{NDNN_FOR_EACH_ISA(NDNN_F64)}};
  return all.get(isa);
}

}  // namespace ndnn
