// SPDX-License-Identifier: MIT
// Cross entropy, and class numbers for all that have them.
#include "bind/arrays.hpp"
#include "bind/loss_arrays.hpp"
#include "ops/loss/cross_entropy.hpp"

namespace ndnn {

Labels to_labels(const char* fn, const char* name, const py::array& a) {
  const char kind = a.dtype().kind();
  if (kind != 'i' && kind != 'u')
    type_error(fn, ": ", name, " must hold integers, but got dtype=", std::string(py::str(a.dtype())));
  return Labels::ensure(a);
}

void bad_label(const char* fn, const char* name, const Labels& t, index_t at, index_t count,
               index_t ignore_index, bool ignores) {
  value_error(fn, ": ", name, " must be between 0 and ", count - 1,
              ignores ? concat(" or ignore_index=", ignore_index) : "", ", but got ", t.data()[at], " at ",
              place_text(at, t));
}

void check_labels(const char* fn, const char* name, const Labels& t, index_t count, index_t ignore_index,
                  bool ignores) {
  const index_t* const v = t.data();
  for (index_t i = 0; i < t.size(); ++i)
    if ((v[i] < 0 || v[i] >= count) && !(ignores && v[i] == ignore_index))
      bad_label(fn, name, t, i, count, ignore_index, ignores);
}

namespace {

// The checked class numbers as contiguous int64.
py::array labels(const std::string& fn, const std::string& name, const py::array& target, index_t count,
                 const py::object& ignore_index) {
  const Labels t = to_labels(fn.c_str(), name.c_str(), target);
  const bool ignores = !ignore_index.is_none();
  check_labels(fn.c_str(), name.c_str(), t, count,
               ignores ? to_index(fn.c_str(), "ignore_index", ignore_index) : -1, ignores);
  return t;
}

constexpr const char* kFn = "cross_entropy";

struct Arguments {
  py::array x, likely, weight;
  Labels target;
  bool by_class;
  double smoothing;
  index_t ignore_index;
  index_t n = 1, classes, size = 1;
};

Arguments to_arguments(const py::object& input, const py::array& target, const py::object& weight,
                       const py::object& ignore_index, const py::object& smoothing) {
  Arguments a;
  a.smoothing = to_real(kFn, "label_smoothing", smoothing);
  NDNN_CHECK(a.smoothing >= 0 && a.smoothing <= 1, kFn,
             ": label_smoothing must be between 0 and 1, but got label_smoothing=", a.smoothing);
  a.ignore_index = to_index(kFn, "ignore_index", ignore_index);
  a.x = to_array(kFn, "input", input);
  NDNN_CHECK(a.x.ndim() > 0, kFn, ": input must have an axis of classes, but got input.shape=()");
  const int axis = a.x.ndim() == 1 ? 0 : 1;
  a.classes = a.x.shape(axis);
  NDNN_CHECK(a.classes < index_t{1} << 31, kFn, ": there must be fewer than 2**31 classes, but got ",
             a.classes);
  if (axis) a.n = a.x.shape(0);
  for (int i = axis + 1; i < a.x.ndim(); ++i) a.size *= a.x.shape(i);
  if (!weight.is_none()) a.weight = to_array(kFn, "weight", weight);
  else a.weight = py::reinterpret_steal<py::array>(nullptr);
  a.likely = py::reinterpret_steal<py::array>(nullptr);
  a.by_class = target.dtype().kind() != 'f';
  bool fits;
  if (a.by_class) {
    a.target = to_labels(kFn, "target", target);
    fits = target.ndim() == a.x.ndim() - 1;
    for (int i = 0; fits && i < target.ndim(); ++i) fits = target.shape(i) == a.x.shape(i < axis ? i : i + 1);
  } else {
    a.likely = to_array(kFn, "target", target);
    fits = target.ndim() == a.x.ndim() &&
           std::equal(target.shape(), target.shape() + target.ndim(), a.x.shape());
  }
  NDNN_CHECK(fits, kFn,
             ": target must have the shape of input, for class numbers without its classes, but got ",
             "input.shape=", shape_text(a.x), " and target.shape=", shape_text(target), " of dtype ",
             std::string(py::str(target.dtype())));
  check_one_dtype(kFn, {"input", "weight", "target"}, {a.x, a.weight, a.likely});
  NDNN_CHECK(!a.weight || (a.weight.ndim() == 1 && a.weight.shape(0) == a.classes), kFn,
             ": weight must have the shape (", a.classes, ",), but got weight.shape=", shape_text(a.weight));
  if (a.weight) make_contiguous(a.weight);
  return a;
}

// The axes behind the classes as one, where they lie so; else a copy.
template <class T>
Scores<T> to_scores(py::array& x) {
  const auto item = static_cast<index_t>(sizeof(T));
  const auto nd = static_cast<int>(x.ndim());
  for (int i = 2; i + 1 < nd; ++i)
    if (x.strides(i) != x.strides(i + 1) * x.shape(i + 1)) {
      x = py::array(x.attr("copy")("C"));
      break;
    }
  const int axis = nd == 1 ? 0 : 1;
  return {static_cast<const T*>(x.data()), axis ? x.strides(0) / item : 0, x.strides(axis) / item,
          nd > 2 ? x.strides(nd - 1) / item : 0};
}

template <class T>
CrossEntropyCall<T> to_call(Arguments& a) {
  CrossEntropyCall<T> call{active_isa(), call_threads(), a.n,        a.classes, a.size, {}, nullptr, {},
                           nullptr,      a.ignore_index, a.smoothing};
  const auto place = [&] {
    call.x = to_scores<T>(a.x);
    if (a.likely) call.likely = to_scores<T>(a.likely);
  };
  place();
  if (!strides_fit(call)) {
    make_contiguous(a.x);
    make_contiguous(a.likely);
    place();
  }
  if (a.by_class) call.target = a.target.data();
  if (a.weight) call.weight = static_cast<const T*>(a.weight.data());
  return call;
}

// (losses or their sum or mean, what the gradient reads, the divisor of the mean)
py::tuple cross_entropy(const py::object& input, const py::array& target, const py::object& weight,
                        const py::object& ignore_index, const py::object& reduction,
                        const py::object& smoothing) {
  const Reduction r = to_reduction(kFn, reduction);
  Arguments a = to_arguments(input, target, weight, ignore_index, smoothing);
  py::array statistics;
  double divisor = 1;
  const py::array y = for_dtype(kFn, {&a.x, &a.likely, &a.weight}, [&](auto zero) {
    using T = decltype(zero);
    const CrossEntropyCall<T> call = to_call<T>(a);
    statistics = py::array(py::dtype::of<T>(), py::array::ShapeContainer{index_t{3}, call.positions()});
    std::vector<index_t> shape;
    for (int i = 0; r == Reduction::none && i < a.x.ndim(); ++i)
      if (i != (a.x.ndim() == 1 ? 0 : 1)) shape.push_back(a.x.shape(i));
    py::array out(a.x.dtype(), py::array::ShapeContainer(shape.begin(), shape.end()));
    T* const to = static_cast<T*>(out.mutable_data());
    T* const seen = static_cast<T*>(statistics.mutable_data());
    CrossEntropySums sums;
    run_body(call.cycles(),
             [&] { sums = run_cross_entropy(call, seen, r == Reduction::none ? to : nullptr); });
    if (sums.bad >= 0) bad_label(kFn, "target", a.target, sums.bad, a.classes, a.ignore_index, true);
    if (r == Reduction::mean) divisor = sums.weight;
    if (r != Reduction::none) *to = static_cast<T>(sums.loss / divisor);
    return out;
  });
  return py::make_tuple(y, statistics, divisor);
}

py::array cross_entropy_gradient(const py::object& input, const py::array& target, const py::object& weight,
                                 const py::object& ignore_index, const py::object& smoothing,
                                 const py::array& statistics, double divisor, const py::object& grad) {
  Arguments a = to_arguments(input, target, weight, ignore_index, smoothing);
  py::array g = to_array(kFn, "grad", grad);
  return for_dtype(kFn, {&a.x, &a.likely, &a.weight, &g}, [&](auto zero) {
    using T = decltype(zero);
    const CrossEntropyCall<T> call = to_call<T>(a);
    NDNN_CHECK(statistics.dtype().is(py::dtype::of<T>()) && statistics.size() == 3 * call.positions() &&
                   (statistics.flags() & py::array::c_style) &&
                   (g.ndim() == 0 || g.size() == call.positions()),
               kFn, ": ndnn bug: of another call, but got ", shape_text(statistics));
    make_contiguous(g);
    py::array dx(a.x.dtype(), py::array::ShapeContainer(a.x.shape(), a.x.shape() + a.x.ndim()));
    T* const to = static_cast<T*>(dx.mutable_data());
    const T* const seen = static_cast<const T*>(statistics.data());
    const T* const each = static_cast<const T*>(g.data());
    const bool whole = g.ndim() == 0;
    const double scale = (whole ? double(*each) : 1) / divisor;
    run_body(call.cycles(),
             [&] { run_cross_entropy_gradient(call, seen, whole ? nullptr : each, scale, to); });
    return dx;
  });
}

}  // namespace

void bind_cross_entropy(py::module_& m) {
  m.def("labels", &labels);
  m.def("cross_entropy", &cross_entropy);
  m.def("cross_entropy_gradient", &cross_entropy_gradient);
}

}  // namespace ndnn
