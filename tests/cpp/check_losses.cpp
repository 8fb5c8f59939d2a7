// SPDX-License-Identifier: MIT
// Losses, cross entropy and sums of rows on random sizes and strides, against plain sums in double. Arrays
// lie in blocks of exactly their size.
#include <cmath>
#include <cstdio>
#include <limits>

#include "arrays.hpp"
#include "check.hpp"
#include "core/parallel.hpp"
#include "ops/embedding/embedding.hpp"
#include "ops/loss/cross_entropy.hpp"
#include "ops/loss/loss.hpp"

namespace ndnn::selftest {
namespace {

template <class T>
void judge(const std::string& what, Isa isa, const T* got, const std::vector<double>& want, Tally& tally) {
  const double bound = 300 * double(std::numeric_limits<T>::epsilon());
  for (std::size_t i = 0; i < want.size(); ++i)
    if (!(std::fabs(double(got[i]) - want[i]) <= bound * (1 + std::fabs(want[i])))) {
      ++tally.failed;
      std::printf("FAILED %s float%d %s: [%zu] = %.17g instead of %.17g\n", what.c_str(), int(sizeof(T) * 8),
                  isa_name(isa), i, double(got[i]), want[i]);
      return;
    }
  ++tally.passed;
}

// Those of simple formulas; the others run beside them, for the sanitizers.
double exact(Loss loss, double x, double t) {
  const double d = std::fabs(x - t);
  switch (loss) {
    case Loss::squared: return d * d;
    case Loss::absolute: return d;
    case Loss::huber: return d < 0.75 ? d * d / 2 : 0.75 * (d - 0.375);
    case Loss::bce_logits: return (1 - t) * x + std::log1p(std::exp(-std::fabs(x))) + std::fmax(-x, 0);
    case Loss::soft_margin: return std::log1p(std::exp(-std::fabs(x * t))) + std::fmax(-x * t, 0);
    case Loss::hinge: return std::fmax(0, 1 - x * t);
    default: return std::numeric_limits<double>::quiet_NaN();
  }
}

template <class T>
void check_loss(Loss loss, Isa isa, int threads, Random& r, Tally& tally) {
  const index_t rows = r.between(1, 5), columns = r.between(1, 3000), step = r.between(1, 2);
  const index_t size = rows * columns, row = (columns - 1) * step + 1;
  const int operands = loss_info(loss).operands;
  std::unique_ptr<T[]> block[kMaxLossOperands];
  LossCall<T> call{loss, isa, threads, {rows, columns}, size, {}, {T(0.75), T(1 / 0.75), T(0)}};
  if (step == 1) call.shape = {size};
  for (int k = 0; k < operands; ++k) {
    const index_t length = step == 1 ? size : rows * row;
    block[k] = std::make_unique<T[]>(static_cast<std::size_t>(length));
    for (index_t i = 0; i < length; ++i) block[k][i] = T(r.between(0, 8)) / 8;
    call.operand[k] = {block[k].get(), step == 1 ? std::vector<index_t>{1} : std::vector<index_t>{row, step}};
  }
  const auto y = std::make_unique<T[]>(static_cast<std::size_t>(size));
  run_loss(call, y.get());
  std::vector<double> want(static_cast<std::size_t>(size));
  double total = 0;
  for (index_t i = 0; i < size; ++i) {
    const index_t at = step == 1 ? i : i / columns * row + i % columns * step;
    want[i] = exact(loss, double(block[0][at]), double(block[1][at]));
    total += want[i];
  }
  const T sum = static_cast<T>(run_loss_sum(call));
  if (!std::isnan(total)) {
    judge(loss_info(loss).name, isa, y.get(), want, tally);
    judge<T>(concat(loss_info(loss).name, " sum"), isa, &sum, {total}, tally);
  }
  const Operand<T> grad{y.get(), step == 1 ? std::vector<index_t>{1} : std::vector<index_t>{columns, 1}};
  const auto dx = std::make_unique<T[]>(static_cast<std::size_t>(size));
  if (loss == Loss::zero_one) return;
  for (const Operand<T>& g : {Operand<T>{}, grad}) run_loss_gradient(call, 0, g, T(2), dx.get());
  if (loss != Loss::squared) return;
  for (index_t i = 0; i < size; ++i) {
    const index_t at = step == 1 ? i : i / columns * row + i % columns * step;
    want[i] = 4 * double(block[0][at] - block[1][at]) * double(y[i]);
  }
  judge("squared gradient", isa, dx.get(), want, tally);
}

template <class T>
void check_cross_entropy(Isa isa, int threads, Random& r, Tally& tally) {
  const index_t n = r.between(1, 6), classes = r.between(1, 70),
                size = r.between(0, 1) ? 1 : r.between(2, 90);
  const bool last = r.between(0, 1) != 0;  // the classes lie side by side
  const index_t positions = n * size;
  const auto x = small_integers<T>(positions * classes, r);
  std::vector<index_t> target(static_cast<std::size_t>(positions));
  for (index_t& t : target) t = r.between(0, static_cast<int>(classes)) - 1;  // -1 is ignored
  CrossEntropyCall<T> call{isa, threads, n, classes, size, {}, target.data(), {}, nullptr, -1, 0.25};
  call.x = {x.get(), classes * size, last ? 1 : size, last ? classes : 1};
  const auto at = [&](index_t p, index_t c) {
    return double(x[p / size * call.x.n_stride + p % size * call.x.stride + c * call.x.class_stride]);
  };
  const auto statistics = std::make_unique<T[]>(static_cast<std::size_t>(3 * positions));
  const auto losses = std::make_unique<T[]>(static_cast<std::size_t>(positions));
  const auto dx = std::make_unique<T[]>(static_cast<std::size_t>(positions * classes));
  const CrossEntropySums sums = run_cross_entropy(call, statistics.get(), losses.get());
  run_cross_entropy_gradient<T>(call, statistics.get(), nullptr, 1, dx.get());
  std::vector<double> want(static_cast<std::size_t>(positions)), slopes(want.size() * classes);
  for (index_t p = 0; p < positions; ++p) {
    double sum = 0;
    for (index_t c = 0; c < classes; ++c) sum += std::exp(at(p, c));
    for (index_t c = 0; c < classes && target[p] >= 0; ++c) {
      const double share = 0.25 / double(classes) + (c == target[p] ? 0.75 : 0);
      want[p] += share * (std::log(sum) - at(p, c));
      slopes[(p / size * classes + c) * size + p % size] = std::exp(at(p, c)) / sum - share;
    }
  }
  judge("cross_entropy", isa, losses.get(), want, tally);
  judge("cross_entropy gradient", isa, dx.get(), slopes, tally);
  tally.failed += sums.bad != -1;
  target[positions - 1] = classes;
  tally.failed += run_cross_entropy(call, statistics.get(), losses.get()).bad != positions - 1;
}

template <class T>
void check_row_sums(Isa isa, int threads, Random& r, Tally& tally) {
  const index_t count = r.between(1, 9), width = r.between(1, 90), length = r.between(0, 20);
  const auto table = small_integers<T>(count * width, r);
  RowSums<T> call{isa, threads, table.get(), width, width, {}, {}, {0}};
  std::vector<double> want;
  while (call.rows.size() < static_cast<std::size_t>(length)) {
    want.resize(want.size() + width);
    for (index_t k = r.between(0, 4); k > 0; --k) {
      call.rows.push_back(r.between(0, static_cast<int>(count) - 1));
      call.weight.push_back(T(r.between(-2, 2)));
      for (index_t j = 0; j < width; ++j)
        want[want.size() - width + j] += double(call.weight.back() * table[call.rows.back() * width + j]);
    }
    call.offset.push_back(static_cast<index_t>(call.rows.size()));
  }
  const auto y = std::make_unique<T[]>(want.size());
  run_row_sums(call, y.get());
  judge("row_sums", isa, y.get(), want, tally);
  std::vector<double> back(static_cast<std::size_t>(count * width));
  for (index_t b = 0; b < call.bags(); ++b)
    for (index_t k = call.offset[b]; k < call.offset[b + 1]; ++k)
      for (index_t j = 0; j < width; ++j)
        back[call.rows[k] * width + j] += double(call.weight[k] * y[b * width + j]);
  RowSums<T> exchanged = call;
  exchanged.table = y.get();
  exchanged = transposed(std::move(exchanged), count);
  const auto d = std::make_unique<T[]>(back.size());
  run_row_sums(exchanged, d.get());
  judge("row_sums transposed", isa, d.get(), back, tally);
}

template <class T>
void check_all(Isa isa, int threads, Random& r, Tally& tally) {
  for (int i = 0; i < kLosses; ++i) check_loss<T>(static_cast<Loss>(i), isa, threads, r, tally);
  check_cross_entropy<T>(isa, threads, r, tally);
  check_row_sums<T>(isa, threads, r, tally);
}

}  // namespace

void check_losses(int rounds, const std::vector<Isa>& isas, Tally& tally) {
  Random r(3);
  for (int i = 0; i < rounds; ++i)
    for (const Isa isa : isas) {
      set_thread_limit(1 + i % 2);
      check_all<float>(isa, 1 + i % 2, r, tally);
      check_all<double>(isa, 1 + i % 2, r, tally);
    }
}

}  // namespace ndnn::selftest
