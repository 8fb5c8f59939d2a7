// SPDX-License-Identifier: MIT
#include "bind/arrays.hpp"
#include "bind/loss_arrays.hpp"
#include "ops/embedding/embedding.hpp"

namespace ndnn {
namespace {

// Rows lie one after the other, or the table is copied.
template <class T>
index_t row_stride(py::array& table) {
  const auto item = static_cast<py::ssize_t>(sizeof(T));
  if (table.shape(1) > 1 && table.strides(1) != item) make_contiguous(table);
  return table.strides(0) / item;
}

// rows: (L,) class numbers below `count`; offsets: (bags,) starts of the bags, the last ends with rows;
// None: each row is a bag. What `transposed` sums are table[bag of j] over all j with rows[j] == r.
py::array row_sums(const std::string& name, const py::object& table, const py::object& rows,
                   const py::object& weight, const py::object& offsets, index_t count, bool transpose) {
  const char* const fn = name.c_str();
  py::array t = to_array(fn, transpose ? "grad" : "weight", table);
  py::array w = weight.is_none() ? py::reinterpret_steal<py::array>(nullptr)
                                 : to_array(fn, "per_sample_weights", weight);
  check_one_dtype(fn, {transpose ? "grad" : "weight", "per_sample_weights"}, {t, w});
  const Labels r = to_labels(fn, "input", py::array(rows));
  NDNN_CHECK(t.ndim() == 2, fn, ": weight must have two axes, but got weight.shape=", shape_text(t));
  NDNN_CHECK(r.ndim() == 1 && (!w || (w.ndim() == 1 && w.shape(0) == r.shape(0))), fn,
             ": per_sample_weights must have the shape of input, but got per_sample_weights.shape=",
             w ? shape_text(w) : "None", " and input.shape=", shape_text(r));
  std::vector<index_t> from(r.data(), r.data() + r.size()), begin;
  for (const index_t row : from)
    NDNN_CHECK(row >= 0 && row < count, fn, ": input must be from 0 to ", count - 1, ", but got ", row);
  if (offsets.is_none()) {
    for (index_t i = 0; i < r.size(); ++i) begin.push_back(i);
  } else {
    const Labels o = to_labels(fn, "offsets", py::array(offsets));
    begin.assign(o.data(), o.data() + o.size());
    for (std::size_t i = 0; i < begin.size(); ++i)
      NDNN_CHECK(begin[i] >= (i ? begin[i - 1] : 0) && begin[i] <= r.size() && (i || begin[i] == 0), fn,
                 ": offsets must begin with 0, never fall and end within input, but got ", begin[i], " at ",
                 i);
  }
  NDNN_CHECK(!begin.empty() || from.empty(), fn, ": offsets must name a bag for every row, but got none");
  begin.push_back(r.size());
  const auto bags = static_cast<index_t>(begin.size()) - 1;
  NDNN_CHECK(t.shape(0) == (transpose ? bags : count), fn, ": ndnn bug: rows of the table, but got ",
             t.shape(0));
  return for_dtype(fn, {&t, &w}, [&](auto zero) {
    using T = decltype(zero);
    RowSums<T> call{active_isa(), call_threads(),  nullptr, row_stride<T>(t),
                    t.shape(1),   std::move(from), {},      std::move(begin)};
    call.table = static_cast<const T*>(t.data());
    if (w) {
      make_contiguous(w);
      call.weight.assign(static_cast<const T*>(w.data()), static_cast<const T*>(w.data()) + w.size());
    }
    py::array y(t.dtype(), py::array::ShapeContainer{transpose ? count : bags, t.shape(1)});
    T* const to = static_cast<T*>(y.mutable_data());
    run_body(call.cycles() + (transpose ? 4 * double(count) : 0), [&] {
      if (transpose) run_row_sums(transposed(std::move(call), count), to);
      else run_row_sums(call, to);
    });
    return y;
  });
}

}  // namespace

void bind_embedding(py::module_& m) { m.def("row_sums", &row_sums); }

}  // namespace ndnn
