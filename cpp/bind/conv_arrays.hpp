// SPDX-License-Identifier: MIT
// What all convolutions ask of their arguments, and the one way they run a plan.
#pragma once
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
void make_contiguous(py::array& a);

// A new array (N, C, out...), without N where not batched.
py::array new_output(const py::dtype& dtype, int rank, bool batched, index_t n, index_t c, const Axes& out);

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

// Calls compute(T(), arrays) for the arrays' dtype; float16 computes in float32.
template <class Compute>
py::array for_dtype(const char* fn, ConvArrays a, Compute&& compute) {
  switch (dtype_of(fn, "input", a.x)) {
    case DType::f32: return compute(float(), std::move(a));
    case DType::f64: return compute(double(), std::move(a));
    case DType::f16: break;
  }
  const py::dtype f32 = py::dtype::of<float>(), f16 = a.x.dtype();
  const auto widen = [&](const py::array& o) { return o ? py::array(o.attr("astype")(f32)) : o; };
  return py::array(compute(float(), ConvArrays{widen(a.x), widen(a.w), widen(a.b), widen(a.r), nullptr})
                       .attr("astype")(f16));
}

// Runs body, which takes about so many cycles: below about 5 us giving the GIL away costs more than it lets
// others do.
template <class Body>
void run_body(double cycles, Body&& body) {
  if (cycles < 20e3) body();
  else without_gil(body);
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
