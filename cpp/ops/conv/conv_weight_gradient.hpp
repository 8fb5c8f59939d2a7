// SPDX-License-Identifier: MIT
// The gradients of a convolution's weight and bias, every rank:
//   dW[oc, ic, tap] = sum over images and outputs o of dY[n, oc, o] * x[n, ic, o*stride + tap*dilation - pad]
// Two ways. channels: the product of lanes_on_channels (matmul/tile_kernels.hpp) with (tap, channel) as rows,
// outputs as reduction steps, output channels as lanes. dots: lanes along the rows of outputs, for depthwise
// and few channels a group. Both read x in the layout of Staging, so they know no stride and no padding.
#pragma once
#include "ops/conv/conv.hpp"

namespace ndnn {

struct WeightGradientPlan {
  // Geometry, blocks of (taps, channels), panels, tile of outputs, staging, threads. `splits` tasks share the
  // panels; `tile` outputs of `images` images are one block of the reduction.
  ConvPlan conv;
  bool dots = false;
  // channels, stride 1: x and dY have changed places, so that the lanes are input channels. Dense where the
  // input channels fill vectors better, or are fewer and so cheaper to transpose.
  bool swapped = false;
  bool skips_padding = false;  // channels: rows of one tap together, over those outputs that it touches
  index_t parts = 1;           // of the reduction, summed apart; from shapes alone
};

// Pure. plain: each channel of x lies in C order without gaps.
WeightGradientPlan plan_conv_weight_gradient(const ConvGeometry& g, int item_bytes, Isa isa, int max_threads,
                                             bool plain);
// For tests: this way if it accepts g ("channels", "swapped", "dots"); "" lets the plan choose.
void force_weight_gradient(const std::string& name);
std::string describe(const WeightGradientPlan& plan);

// dy: (N, OC, pixels) in C order; dw: (OC, C/groups, KD, KH, KW); flip: the kernel is rotated.
// May throw std::bad_alloc before anything is written, and Interrupted.
template <class T>
void run_conv_weight_gradient(const WeightGradientPlan& plan, const View<const T>& x, const T* dy, bool flip,
                              T* dw);
// db[c] = sum of dy[n, c, i] over n and i < pixels, in float64.
template <class T>
void run_conv_bias_gradient(index_t n, index_t channels, index_t pixels, Isa isa, int max_threads, const T* dy,
                            T* db);

// Between plan and run.
struct WeightGradientScratch {
  std::size_t packed, sums, rows, outs, columns, steps, runs, total;  // bytes, of one thread
};
WeightGradientScratch weight_gradient_scratch(const WeightGradientPlan& plan);
inline index_t weight_gradient_rows(const ConvPlan& p) { return product(p.form.tap_block) * p.form.ic_block; }
inline index_t panels_of_split(const ConvPlan& p) { return ceil_div(p.panels, p.splits); }
inline index_t weight_gradient_tiles(const ConvPlan& p) { return ceil_div(p.g.n, p.images) * product(p.tiles); }
inline index_t weight_gradient_tasks(const WeightGradientPlan& w) {
  const ConvPlan& p = w.conv;
  return w.parts * ceil_div(p.g.groups, p.group_block) * (w.dots ? 1 : p.splits * p.blocks);
}

}  // namespace ndnn
