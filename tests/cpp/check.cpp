// SPDX-License-Identifier: MIT
// Arrays hold small integers, so every sum is exact and the order of summation cannot excuse a difference.
// Each lives in a heap block of exactly its size: AddressSanitizer sees one element too many.
#include "check.hpp"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <new>

#include "arrays.hpp"
#include "core/check.hpp"
#include "core/parallel.hpp"

namespace ndnn::selftest {
namespace {

constexpr int kMostPrinted = 20;

// The definition: bias + sum over input channels and taps.
template <class T>
std::vector<T> plain_sum(const ConvGeometry& g, const View<const T>& x, const T* w, bool flip,
                         const T* bias) {
  const Window &d = g.axis[0], &h = g.axis[1], &v = g.axis[2];
  std::vector<T> y;
  y.reserve(static_cast<std::size_t>(g.n * g.oc_all * g.pixels()));
  const auto at = [&](index_t n, index_t oc, index_t od, index_t oh, index_t ow) {
    double sum = bias ? double(bias[oc]) : 0.0;
    const T* filter = w + oc * g.ic * g.taps();
    for (index_t c = 0; c < g.ic; ++c, filter += g.taps()) {
      const T* channel = x.data + n * x.stride[0] + (oc / g.oc * g.ic + c) * x.stride[1];
      for (index_t kd = 0; kd < d.kernel; ++kd)
        for (index_t kh = 0; kh < h.kernel; ++kh)
          for (index_t kw = 0; kw < v.kernel; ++kw) {
            const index_t id = d.position(od, kd), ih = h.position(oh, kh), iw = v.position(ow, kw);
            if (id < 0 || id >= d.in || ih < 0 || ih >= h.in || iw < 0 || iw >= v.in) continue;
            const index_t tap = (kd * h.kernel + kh) * v.kernel + kw;
            sum += double(channel[id * x.stride[2] + ih * x.stride[3] + iw * x.stride[4]]) *
                   double(filter[flip ? g.taps() - 1 - tap : tap]);
          }
    }
    return T(sum);
  };
  for (index_t n = 0; n < g.n; ++n)
    for (index_t oc = 0; oc < g.oc_all; ++oc)
      for (index_t od = 0; od < d.out; ++od)
        for (index_t oh = 0; oh < h.out; ++oh)
          for (index_t ow = 0; ow < v.out; ++ow) y.push_back(at(n, oc, od, oh, ow));
  return y;
}

template <class T>
class Packed {
 public:
  explicit Packed(index_t n) : data_(new (kLine) T[static_cast<std::size_t>(n)]) {}
  ~Packed() { operator delete[](data_, kLine); }
  Packed(const Packed&) = delete;
  Packed& operator=(const Packed&) = delete;
  T* data() const { return data_; }

 private:
  static constexpr std::align_val_t kLine{64};
  T* data_;
};

// One array layout and direction of the kernel, on every set, algorithm, number of threads.
template <class T>
class Checker {
 public:
  Checker(const Case& c, Layout layout, bool flip, Tally& tally)
      : c_(c), layout_(layout), flip_(flip), tally_(tally), random_(7), x_(layout, c.x, random_) {
    w_ = small_integers<T>(elements(c.w), random_);
    if (c.bias) bias_ = small_integers<T>(c.w[0], random_);
    g_ = conv_geometry("selftest", c.args, c.x, c.w, c.bias ? c.w[0] : -1);
    want_ = plain_sum(g_, x_.view, w_.get(), flip, bias_.get());
    residual_ = small_integers<T>(static_cast<index_t>(want_.size()), random_);
    for (std::size_t i = 0; i < want_.size(); ++i)
      want_fused_.push_back(std::max(want_[i] + residual_[i], T(0)));
    merge_axes(g_, x_.view.stride);
  }

  void run(Isa isa) {
    for (int a = 0; a < kConvAlgorithms; ++a) {
      const auto algorithm = static_cast<ConvAlgorithm>(a);
      if (!accepts(algorithm, g_)) continue;
      for (const int threads : {1, 2}) {
        set_thread_limit(threads);
        ConvPlan plan = plan_conv(g_, sizeof(T), isa, threads, false, algorithm);
        judge(plan, "plan", plan.threads <= threads ? "" : "more threads than allowed");
        plan.scratch_bytes = plan.scratch_bytes / plan.threads * threads;
        plan.threads = threads;  // also where the plan holds that it does not pay
        run_packed(plan);
        if (threads == 1) run_call(plan);
      }
    }
  }

 private:
  void run_packed(const ConvPlan& plan) {
    const Packed<T> packed(plan.packed_elements);
    prepare_scratch(0);
    pack_conv(plan, w_.get(), weight_layout(g_, flip_), packed.data());
    const T* const w = packed.data();
    compute(plan, "packed", want_, [&](T* y) { run_conv<T>(plan, x_.view, w, {bias_.get()}, y); });
    compute(plan, "fused", want_fused_, [&](T* y) {
      run_conv<T>(plan, x_.view, w, {bias_.get(), residual_.get(), Activation::relu}, y);
    });
  }
  void run_call(const ConvPlan& plan) {
    compute(plan, "call", want_, [&](T* y) {
      pack_and_run_conv<T>(plan, x_.view, w_.get(), weight_layout(g_, flip_), {bias_.get()}, y);
    });
  }

  template <class Call>
  void compute(const ConvPlan& plan, const char* form, const std::vector<T>& want, Call&& call) {
    const auto y = std::make_unique<T[]>(want.size());
    std::fill_n(y.get(), want.size(), std::numeric_limits<T>::quiet_NaN());
    prepare_scratch(plan.scratch_bytes);
    call(y.get());
    std::string difference;
    const bool exact = !is_winograd(plan.form.algorithm);
    for (std::size_t i = 0; i < want.size() && difference.empty(); ++i)
      if (exact ? std::memcmp(&y[i], &want[i], sizeof(T)) != 0 : !(std::abs(y[i] - want[i]) <= rounding()))
        difference = concat("y[", i, "] = ", y[i], " instead of ", want[i]);
    judge(plan, form, difference);
  }

  // What Winograd's transforms of such small numbers may lose; far below the 1 of a wrong term.
  T rounding() const {
    const double terms = double(g_.ic) * double(g_.taps());
    return T(16 * terms * 200 * std::numeric_limits<T>::epsilon());
  }

  void judge(const ConvPlan& plan, const char* form, const std::string& difference) {
    if (difference.empty()) {
      ++tally_.passed;
      return;
    }
    if (++tally_.failed > kMostPrinted) return;
    std::printf("FAILED %s float%d %s%s %s: %s\n  %s\n  %s\n", c_.name.c_str(), int(sizeof(T) * 8),
                kLayoutNames[static_cast<int>(layout_)], flip_ ? " flipped" : "", form, difference.c_str(),
                text_of(c_).c_str(), describe("plan", plan).c_str());
  }

  const Case& c_;
  Layout layout_;
  bool flip_;
  Tally& tally_;
  Random random_;
  Input<T> x_;
  std::unique_ptr<T[]> w_, bias_, residual_;
  ConvGeometry g_;
  std::vector<T> want_, want_fused_;
};

template <class T>
void check_dtype(const Case& c, const std::vector<Isa>& isas, Tally& tally) {
  constexpr double kLarge = 500e3;  // multiply-adds; beyond, one layout has to do
  const bool large = conv_geometry("selftest", c.args, c.x, c.w, -1).macs() > kLarge;
  for (const Layout layout : kLayouts)
    for (const bool flip : {false, true}) {
      if (large && (layout != Layout::dense || flip)) continue;
      Checker<T> checker(c, layout, flip, tally);
      for (const Isa isa : isas) checker.run(isa);
    }
}

}  // namespace

void check_case(const Case& c, const std::vector<Isa>& isas, Tally& tally) {
  try {
    check_dtype<float>(c, isas, tally);
    check_dtype<double>(c, isas, tally);
  } catch (const std::exception& e) {
    ++tally.failed;
    std::printf("FAILED %s: %s\n", c.name.c_str(), e.what());
  }
}

}  // namespace ndnn::selftest
