// SPDX-License-Identifier: MIT
// The gradients of a convolution's weight and bias, every rank:
//   dw[oc, c, k] = sum over n, o of dy[n, oc, o] * x[n, c, o*stride - pad + k*dilation]
//   plan = plan_conv_weight_gradient(geometry)         algorithm, blocks, threads (.._plan.cpp)
//   run_conv_weight_gradient(plan, x, dy, flip, dw)    the loop nest              (.._run.cpp)
// It is a product whose rows are (tap, input channel), whose lanes are output channels and whose reduction
// runs over output pixels. The x of a row and a pixel lies at row + pixel, the offsets of the forward
// convolution with their parts exchanged, so that its staging and its kernel `lanes_on_channels` do this one
// too.
#pragma once
#include "ops/conv/conv_blocks.hpp"

namespace ndnn {

enum class WeightGradientAlgorithm {
  lanes_on_outputs,  // lanes = output channels
  lanes_on_inputs,   // lanes = input channels: x and dy change places; stride 1 only
  lanes_on_pixels    // lanes = pixels of a row, summed at the end: few channels a group, depthwise
};
constexpr int kWeightGradientAlgorithms = 3;
const char* algorithm_name(WeightGradientAlgorithm a);
bool accepts(WeightGradientAlgorithm a, const ConvGeometry& g);

// A value; touches no data.
struct WeightGradientPlan {
  WeightGradientAlgorithm algorithm = WeightGradientAlgorithm::lanes_on_outputs;
  // The convolution (lanes_on_inputs: with exchanged roles), its tiles and how their input is staged. One
  // block of taps and channels (form) is the rows of one task.
  ConvPlan in;
  bool swept = false;          // lanes_on_pixels: depthwise, done as the stencil does it
  index_t groups_of_sums = 1;  // swept: so many groups' sums, a vector for each tap, are kept
  bool skips_padding = false;  // rows of one tap together, without the pixels that see padding there
  index_t blocks = 1;          // of rows of one group
  index_t splits = 1;          // the panels of a group are dealt to this many tasks
  index_t units = 1;           // tiles of all images: the whole reduction
  index_t parts = 1;           // the reduction is cut into so many, whose sums are added at the end
  int threads = 1;
  std::size_t scratch_bytes = 0;  // of one thread
  std::size_t parts_bytes = 0;    // sums of all parts
  double cycles = 0;              // estimate, one thread

  index_t weights() const { return in.g.groups * in.g.oc * in.g.ic * in.g.taps(); }
  index_t panels_of_task() const { return ceil_div(in.panels, splits); }
  index_t rows() const { return product(in.form.tap_block) * in.form.ic_block; }
  index_t tasks() const { return ceil_div(in.g.groups, in.group_block) * blocks * splits * parts; }
};

// Scratch of one thread: where its parts begin, in bytes. The staged input stands first.
struct WeightGradientScratch {
  std::size_t packed, sums, rows, outs, pixels, numbers, steps, runs, total;
};
WeightGradientScratch weight_gradient_scratch(const WeightGradientPlan& plan);

// Cuts depend on shapes and the machine, never on max_threads. g.macs() > 0.
WeightGradientPlan plan_conv_weight_gradient(const ConvGeometry& g, int item_bytes, Isa isa, int max_threads);
WeightGradientPlan plan_conv_weight_gradient(const ConvGeometry& g, int item_bytes, Isa isa, int max_threads,
                                             WeightGradientAlgorithm a);
// For tests: every plan from now on uses this algorithm where it accepts; "" lets the plan choose again.
void force_weight_gradient_algorithm(const std::string& name);
std::string describe(const WeightGradientPlan& plan);

// dy is C-contiguous, and x where the plan says lanes_on_inputs; dw too. flip: dw with its kernel axes
// reversed. May throw std::bad_alloc before anything is written, and Interrupted.
template <class T>
void run_conv_weight_gradient(const WeightGradientPlan& plan, const View<const T>& x, const T* dy, bool flip,
                              T* dw);
// db[c] = sum over n and pixels of dy (N, C, pixels), added in float64.
template <class T>
void run_conv_bias_gradient(Isa isa, int threads, index_t n, index_t channels, index_t pixels, const T* dy,
                            T* db);

}  // namespace ndnn
