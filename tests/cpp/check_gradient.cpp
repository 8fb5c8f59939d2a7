// SPDX-License-Identifier: MIT
// The gradients of weight and bias: small whole numbers, so that every sum is exact.
#include <cstdio>
#include <limits>

#include "arrays.hpp"
#include "check.hpp"
#include "core/parallel.hpp"
#include "ops/conv/conv_weight_gradient.hpp"

namespace ndnn::selftest {
namespace {

// The definition: for every weight, the sum over images and outputs.
template <class T>
std::vector<T> plain_gradient(const ConvGeometry& g, const View<const T>& x, const T* dy, bool flip) {
  const Window &d = g.axis[0], &h = g.axis[1], &v = g.axis[2];
  std::vector<T> dw(static_cast<std::size_t>(g.oc_all * g.ic * g.taps()));
  for (index_t oc = 0; oc < g.oc_all; ++oc)
    for (index_t c = 0; c < g.ic; ++c)
      for (index_t tap = 0; tap < g.taps(); ++tap) {
        const index_t kd = tap / (h.kernel * v.kernel), kh = tap / v.kernel % h.kernel, kw = tap % v.kernel;
        double sum = 0;
        for (index_t n = 0; n < g.n; ++n) {
          const T* channel = x.data + n * x.stride[0] + (oc / g.oc * g.ic + c) * x.stride[1];
          const T* grad = dy + (n * g.oc_all + oc) * g.pixels();
          for (index_t od = 0; od < d.out; ++od)
            for (index_t oh = 0; oh < h.out; ++oh)
              for (index_t ow = 0; ow < v.out; ++ow, ++grad) {
                const index_t id = d.position(od, kd), ih = h.position(oh, kh), iw = v.position(ow, kw);
                if (id < 0 || id >= d.in || ih < 0 || ih >= h.in || iw < 0 || iw >= v.in) continue;
                sum +=
                    double(*grad) * double(channel[id * x.stride[2] + ih * x.stride[3] + iw * x.stride[4]]);
              }
        }
        dw[(oc * g.ic + c) * g.taps() + (flip ? g.taps() - 1 - tap : tap)] = T(sum);
      }
  return dw;
}

template <class T>
class Checker {
 public:
  Checker(const Case& c, Layout layout, bool flip, Tally& tally)
      : c_(c), layout_(layout), flip_(flip), tally_(tally), random_(9), x_(layout, c.x, random_) {
    g_ = conv_geometry("selftest", c.args, c.x, c.w, -1);
    dy_ = small_integers<T>(g_.n * g_.oc_all * g_.pixels(), random_);
    want_ = plain_gradient(g_, x_.view, dy_.get(), flip);
    merge_axes(g_, x_.view.stride);
  }

  void run(Isa isa) {
    if (g_.macs() == 0) return;
    for (int i = 0; i < kWeightGradientAlgorithms; ++i) {
      const auto a = static_cast<WeightGradientAlgorithm>(i);
      if (!accepts(a, g_)) continue;
      if (a == WeightGradientAlgorithm::lanes_on_inputs && layout_ != Layout::dense) continue;
      for (const int threads : {1, 2}) {
        set_thread_limit(threads);
        WeightGradientPlan plan = plan_conv_weight_gradient(g_, sizeof(T), isa, threads, a);
        plan.threads = threads;  // also where the plan holds that it does not pay
        run(plan);
      }
    }
    check_bias(isa);
  }

 private:
  void run(const WeightGradientPlan& plan) {
    const auto dw = std::make_unique<T[]>(want_.size());
    std::fill_n(dw.get(), want_.size(), std::numeric_limits<T>::quiet_NaN());
    prepare_scratch(plan.scratch_bytes * static_cast<std::size_t>(plan.threads) + plan.parts_bytes);
    run_conv_weight_gradient<T>(plan, x_.view, dy_.get(), flip_, dw.get());
    judge(dw.get(), want_, describe(plan));
  }
  void check_bias(Isa isa) {
    std::vector<T> want(static_cast<std::size_t>(g_.oc_all));
    for (index_t i = 0; i < g_.n * g_.oc_all * g_.pixels(); ++i) want[i / g_.pixels() % g_.oc_all] += dy_[i];
    const auto db = std::make_unique<T[]>(want.size());
    run_conv_bias_gradient<T>(isa, 2, g_.n, g_.oc_all, g_.pixels(), dy_.get(), db.get());
    judge(db.get(), want, "bias");
  }

  void judge(const T* got, const std::vector<T>& want, const std::string& how) {
    for (std::size_t i = 0; i < want.size(); ++i)
      if (!(got[i] == want[i])) {
        ++tally_.failed;
        std::printf("FAILED gradient of %s float%d %s%s: [%zu] = %g instead of %g\n  %s\n  %s\n",
                    c_.name.c_str(), int(sizeof(T) * 8), kLayoutNames[static_cast<int>(layout_)],
                    flip_ ? " flipped" : "", i, double(got[i]), double(want[i]), text_of(c_).c_str(),
                    how.c_str());
        return;
      }
    ++tally_.passed;
  }

  const Case& c_;
  Layout layout_;
  bool flip_;
  Tally& tally_;
  Random random_;
  Input<T> x_;
  std::unique_ptr<T[]> dy_;
  ConvGeometry g_;
  std::vector<T> want_;
};

template <class T>
void check_dtype(const Case& c, const std::vector<Isa>& isas, Tally& tally) {
  for (const Layout layout : {Layout::dense, Layout::stepped, Layout::reversed}) {
    Checker<T> checker(c, layout, layout == Layout::reversed, tally);
    for (const Isa isa : isas) checker.run(isa);
  }
}

}  // namespace

void check_gradient(const Case& c, const std::vector<Isa>& isas, Tally& tally) {
  check_dtype<float>(c, isas, tally);
  check_dtype<double>(c, isas, tally);
}

}  // namespace ndnn::selftest
