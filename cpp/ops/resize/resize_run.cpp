// SPDX-License-Identifier: MIT
#include <algorithm>

#include "core/parallel.hpp"
#include "core/scratch.hpp"
#include "ops/resize/resize.hpp"

namespace ndnn {
namespace {

template <class T>
class Runner {
 public:
  Runner(const ResizePlan<T>& p, const T* x, T* y)
      : p_(p),
        kernels_(resize_kernels<T>(p.isa)),
        map_columns_(kernels_.map_columns[static_cast<int>(p.w.map.kind)]),
        x_(x),
        y_(y),
        columns_(p.w.map) {
    const auto pointer = [](const auto& v) { return v.empty() ? nullptr : v.data(); };
    columns_.index = pointer(p.w.index);
    columns_.base = pointer(p.w.base);
    columns_.weight = pointer(p.w.weight);
    columns_.kept = pointer(p.w.kept);
    columns_.first = pointer(p.w.first);
    columns_.count = pointer(p.w.count);
    columns_.scale = pointer(p.w.scale);
  }

  void run_units(index_t begin, index_t end, T* scratch) const {
    T* const summed = scratch + p_.d_elements + p_.mapped_elements;
    std::fill_n(summed, p_.summed_elements, T(0));  // the zeros around windows
    index_t block = begin % p_.blocks, rest = begin / p_.blocks;
    index_t d = rest % p_.out[0];
    rest /= p_.out[0];
    index_t c = rest % p_.channels, n = rest / p_.channels;
    for (index_t u = begin; u < end; ++u) {
      run_block(x_ + n * p_.stride[0] + c * p_.stride[1], d, block, u, scratch);
      if (++block < p_.blocks) continue;
      block = 0;
      if (++d < p_.out[0]) continue;
      d = 0;
      if (++c < p_.channels) continue;
      c = 0;
      ++n;
    }
  }

 private:
  struct Rows {
    const T* data;  // of the first row that the block needs
    index_t ld;
  };

  void run_block(const T* x, index_t d, index_t block, index_t unit, T* scratch) const {
    const index_t begin = block * p_.block_rows, end = std::min(begin + p_.block_rows, p_.out[1]);
    const bool sums = !p_.h.identity();
    const index_t first = sums ? p_.h.first[begin] : begin;
    const index_t last = sums ? std::max(first, p_.h.first[end - 1] + p_.h.count[end - 1]) : end;
    T* const y = y_ + (unit / p_.blocks * p_.out[1] + begin) * p_.out[2];
    T* const mapped = scratch + p_.d_elements;
    T* const summed = mapped + p_.mapped_elements;

    Rows rows{x + first * p_.stride[3], p_.stride[3]};
    if (p_.d.identity()) {
      rows.data += d * p_.stride[2];
    } else {
      kernels_.combine_rows(
          {p_.d.map(), rows.data, p_.stride[2], 0, scratch, 0, d, d + 1, (last - first) * p_.in[2]});
      rows = {scratch, p_.in[2]};
    }
    if (p_.fetches) {  // what this block writes, and what the next one reads
      fetch(y, (end - begin) * p_.out[2]);
      fetch(rows.data + (last - first) * rows.ld, (last - first) * p_.in[2]);
    }
    if (p_.columns_first) {
      map_used_rows(rows, first, begin, end, mapped);
      kernels_.combine_rows({p_.h.map(), mapped, p_.mapped_ld, first, y, p_.out[2], begin, end, p_.out[2]});
      return;
    }
    if (!map_columns_)
      return kernels_.combine_rows(
          {p_.h.map(), rows.data, rows.ld, first, y, p_.out[2], begin, end, p_.in[2]});
    if (p_.copies_rows)
      return map_columns_({columns_, rows.data, rows.ld, y, p_.out[2], end - begin, p_.h.first.data() + begin,
                           first, p_.repeats});
    if (sums) {
      kernels_.combine_rows(
          {p_.h.map(), rows.data, rows.ld, first, summed + p_.w.map.pad, p_.summed_ld, begin, end, p_.in[2]});
      rows = {summed, p_.summed_ld};
    } else if (p_.summed_elements) {
      for (index_t r = begin; r < end; ++r)
        std::copy_n(rows.data + (r - begin) * rows.ld, p_.in[2],
                    summed + p_.w.map.pad + (r - begin) * p_.summed_ld);
      rows = {summed, p_.summed_ld};
    }
    map_columns_({columns_, rows.data, rows.ld, y, p_.out[2], end - begin});
  }

  static void fetch(const T* p, index_t n) {
    for (index_t i = 0; i < n; i += 64 / index_t(sizeof(T))) __builtin_prefetch(p + i);
  }

  // Runs of rows that outputs [begin, end) read; those that none reads are left out.
  void map_used_rows(Rows rows, index_t origin, index_t begin, index_t end, T* to) const {
    index_t next = origin;
    for (index_t o = begin; o < end;) {
      const index_t first = std::max(next, p_.h.first[o]);
      for (next = first; o < end && p_.h.first[o] <= next; ++o)
        next = std::max(next, p_.h.first[o] + p_.h.count[o]);
      if (next > first)
        map_columns_({columns_, rows.data + (first - origin) * rows.ld, rows.ld,
                      to + (first - origin) * p_.mapped_ld, p_.mapped_ld, next - first});
    }
  }

  const ResizePlan<T>& p_;
  const ResizeKernels<T>& kernels_;
  void (*map_columns_)(const ColumnTile<T>&);
  const T* x_;
  T* y_;
  ColumnMap<T> columns_;
};

}  // namespace

template <class T>
void run_resize(const ResizePlan<T>& p, const T* x, T* y) {
  const index_t each = round_up(p.scratch_elements(), 64 / index_t{sizeof(T)});
  const Scratch scratch(static_cast<std::size_t>(each * p.threads) * sizeof(T));
  const Runner<T> runner(p, x, y);
  parallel_for(p.threads, ceil_div(p.units, p.units_of_task), [&](index_t task, int thread) {
    const index_t begin = task * p.units_of_task;
    runner.run_units(begin, std::min(begin + p.units_of_task, p.units),
                     reinterpret_cast<T*>(scratch.data()) + each * thread);
  });
}

template void run_resize(const ResizePlan<float>&, const float*, float*);
template void run_resize(const ResizePlan<double>&, const double*, double*);

}  // namespace ndnn
