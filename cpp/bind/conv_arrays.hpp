// SPDX-License-Identifier: MIT
// What all convolutions ask of their arguments, and the one way they run a plan.
#pragma once
#include "bind/arrays.hpp"
#include "bind/packed_weight.hpp"

namespace ndnn {

// Bias and residual may be null.
struct ConvArrays {
  py::array x, w, b, r;
  PackedWeight* kept = nullptr;
};
ConvArrays to_conv_arrays(const char* fn, const char* x_name, const py::object& x, const py::object& weight,
                          const py::object& bias, const py::object& residual);
// Ranks and dtypes agree; x is unbatched where it lacks N. weight_axes: what a weight's first two axes are.
void check_conv_arrays(const char* fn, int rank, const char* x_name, const char* weight_axes,
                       const ConvArrays& a);
// What config.plan_* tell of a call that is not made: the result, and how it would be computed.
py::dict new_plan(int rank, bool batched, index_t n, index_t c, const Axes& out, double macs);
template <class Plan>
void tell_plan(const Plan& p, py::dict& d) {
  d["isa"] = isa_name(p.isa);
  d["threads"] = p.threads;
  d["scratch_bytes"] = p.scratch_bytes;
  d["packed_bytes"] = p.packed_elements * p.item_bytes;
  d["estimated_cycles"] = p.cycles;
}

// Calls compute(T(), arrays) for the arrays' dtype.
template <class Compute>
py::array for_dtype(const char* fn, ConvArrays a, Compute&& compute) {
  if (dtype_of(fn, "input", a.x) == DType::f16) a.kept = nullptr;
  return for_dtype(fn, {&a.x, &a.w, &a.b, &a.r}, [&](auto zero) { return compute(zero, std::move(a)); });
}

// One convolution of contiguous weights (packed and kept, if a.kept) into y.
template <class T>
void convolve(ConvGeometry g, View<const T> x, const ConvArrays& a, bool flip, const Epilogue<T>& epilogue,
              py::array& y) {
  merge_axes(g, x.stride);
  const ConvPlan plan = plan_conv(g, sizeof(T), active_isa(), call_threads(), a.kept != nullptr);
  const T* w = static_cast<const T*>(a.w.data());
  T* yp = static_cast<T*>(y.mutable_data());
  const WeightLayout layout = weight_layout(g, flip);
  PackedWeight::Packed packed = a.kept ? a.kept->find(plan, layout) : nullptr;
  run_body(plan.cycles, [&] {
    if (!a.kept) return pack_and_run_conv(plan, x, w, layout, epilogue, yp);
    if (!packed) packed = pack_to_keep(plan, w, layout);
    if (!run_conv(plan, x, static_cast<const T*>(packed.get()), epilogue, yp))
      pack_and_run_conv(direct_plan(plan), x, w, layout, epilogue, yp);
  });
  if (a.kept) a.kept->keep(plan, layout, packed);
}

}  // namespace ndnn
