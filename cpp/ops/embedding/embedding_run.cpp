// SPDX-License-Identifier: MIT
#include <algorithm>

#include "core/parallel.hpp"
#include "ops/embedding/embedding.hpp"
#include "ops/embedding/embedding_kernels.hpp"

namespace ndnn {

// Every bag belongs to one task, so sums do not depend on threads.
template <class T>
void run_row_sums(const RowSums<T>& call, T* y) {
  const index_t bags = call.bags();
  const index_t each = std::max<index_t>(1, (index_t{1} << 15) / std::max<index_t>(call.width, 1));
  const auto kernel = embedding_kernels<T>(call.isa).row_sums;
  const int threads = useful_threads(call.cycles(), call.threads);
  parallel_for(threads, ceil_div(bags, each), [&](index_t task, int) {
    const index_t first = task * each;
    kernel({call.table, call.ld, call.width, call.rows.data(), call.offset.data() + first,
            call.weight.empty() ? nullptr : call.weight.data(), std::min(each, bags - first),
            y + first * call.width});
  });
}

template <class T>
RowSums<T> transposed(RowSums<T> call, index_t count) {
  RowSums<T> out{call.isa, call.threads, call.table, call.ld, call.width, {}, {}, {}};
  out.offset.assign(static_cast<std::size_t>(count) + 1, 0);
  out.rows.resize(call.rows.size());
  out.weight.resize(call.weight.size());
  for (const index_t row : call.rows) ++out.offset[row + 1];
  for (index_t r = 0; r < count; ++r) out.offset[r + 1] += out.offset[r];
  std::vector<index_t> next(out.offset.begin(), out.offset.end() - 1);
  for (index_t b = 0; b < call.bags(); ++b)
    for (index_t k = call.offset[b]; k < call.offset[b + 1]; ++k) {
      const index_t to = next[call.rows[k]]++;
      out.rows[to] = b;
      if (!call.weight.empty()) out.weight[to] = call.weight[k];
    }
  return out;
}

template void run_row_sums(const RowSums<float>&, float*);
template void run_row_sums(const RowSums<double>&, double*);
template RowSums<float> transposed(RowSums<float>, index_t);
template RowSums<double> transposed(RowSums<double>, index_t);

}  // namespace ndnn
