// SPDX-License-Identifier: MIT
// Elementwise operators.
#include "bind/ordered.hpp"
#include "core/parallel.hpp"
#include "ops/activation/activation.hpp"

namespace ndnn {
namespace {

struct Operands {
  const char* function;
  int map, count;
  py::array array[kMaxOperands]{py::reinterpret_steal<py::array>(nullptr),
                                py::reinterpret_steal<py::array>(nullptr),
                                py::reinterpret_steal<py::array>(nullptr)};
  double parameter[kMaxParameters] = {};
  std::uint64_t key = 0;
};

template <class T>
void run(const Operands& o, const py::array& out, const Walk<const T>* in, const Walk<T>& to) {
  MapCall<T> call;
  call.map = o.map;
  for (int k = 0; k < kMaxOperands; ++k) call.in[k] = in + k;
  call.out = &to;
  call.n = out.size();
  for (int k = 0; k < kMaxParameters; ++k) call.parameter[k] = static_cast<T>(o.parameter[k]);
  call.key = o.key;
  const double cycles = map_cycles(o.map, call.n, sizeof(T));
  const int threads = useful_threads(cycles, call_threads());
  run_body(cycles, [&] { run_map<T>(call, active_isa(), threads); });
}

template <class T>
py::array compute(const Operands& o, const py::array& out_given) {
  const py::array& x = o.array[0];
  // Random numbers belong to an index, wherever its element lies.
  const bool random = o.key != 0;
  const MemoryOrder order =
      random ? index_order(static_cast<int>(x.ndim())) : memory_order(out_given ? out_given : x);
  const py::array out = out_given ? out_given : new_array(x, order);
  const Walk<T> to = walk<T>(out, x, order);
  const auto in = [&](int k) { return walk<const T>(o.array[k < o.count ? k : 0], x, order); };
  const Walk<const T> all[kMaxOperands] = {in(0), in(1), in(2)};
  run<T>(o, out, all, to);
  return out;
}

void check_operands(const Operands& o) {
  static const char* const kNames[] = {"input", "the second operand", "the third operand"};
  const py::array& x = o.array[0];
  for (int k = 1; k < o.count; ++k) {
    const py::array& a = o.array[k];
    bool fits = a.ndim() <= x.ndim();
    for (int i = 1; fits && i <= a.ndim(); ++i)
      fits = a.shape(a.ndim() - i) == x.shape(x.ndim() - i) || a.shape(a.ndim() - i) == 1;
    NDNN_CHECK(fits, o.function, ": ", kNames[k], " must have the input's shape ", shape_text(x),
               ", but got ", shape_text(a));
    if (!one_dtype(a, x))
      type_error(o.function, ": all arrays must have one dtype, but got ", std::string(py::str(x.dtype())),
                 ", ", std::string(py::str(a.dtype())));
  }
}

py::array elementwise(Operands& o, const py::object& out) {
  check_operands(o);
  py::array to = py::reinterpret_steal<py::array>(nullptr);
  if (!out.is_none()) {
    to = to_out(o.function, out, o.array[0]);
    bool copies = dtype_of(o.function, "input", o.array[0]) == DType::f16;
    for (int k = 0; k < o.count; ++k) copies = copies || overlap(to, o.array[k]);
    if (copies) {
      to[py::ellipsis()] = elementwise(o, py::none());
      return to;
    }
  }
  return for_dtype(o.function, {&o.array[0], &o.array[1], &o.array[2]},
                   [&](auto zero) { return compute<decltype(zero)>(o, to); });
}

Operands named(const char* name, bool gradient) {
  Operands o;
  o.map = find_map(name, gradient);
  NDNN_CHECK(o.map >= 0, "elementwise: there must be a function of this name, but got ", name);
  o.function = map_info(o.map).function;
  o.count = map_info(o.map).operands;
  return o;
}
void set_parameter(Operands& o, int i, py::handle value) {
  const char* const name = map_info(o.map).parameter[i];
  // Infinite bounds are useful ones, and nan harms nobody.
  o.parameter[i] = PyFloat_Check(value.ptr()) ? PyFloat_AS_DOUBLE(value.ptr())
                                              : to_real(o.function, name ? name : "a parameter", value);
}
void set_parameters(Operands& o, const py::args& values) {
  NDNN_CHECK(values.size() <= kMaxParameters, o.function, ": takes at most 4 parameters, but got ",
             values.size());
  for (std::size_t i = 0; i < values.size(); ++i) set_parameter(o, static_cast<int>(i), values[i]);
}

py::array activation(const char* name, const py::object& input, const py::object& out,
                     const py::args& parameters) {
  Operands o = named(name, false);
  set_parameters(o, parameters);
  o.array[0] = to_array(o.function, "input", input);
  return elementwise(o, out);
}

py::array activation_gradient(const char* name, const py::object& grad, const py::object& saved,
                              const py::args& parameters) {
  Operands o = named(name, true);
  set_parameters(o, parameters);
  o.array[0] = to_array(o.function, "grad", grad);
  o.array[1] = to_array(o.function, "saved", saved);
  return elementwise(o, py::none());
}

py::array map(const char* name, const py::tuple& operands, const py::tuple& parameters, std::uint64_t key,
              const py::object& out) {
  Operands o = named(name, false);
  NDNN_CHECK(operands.size() == std::size_t(o.count), o.function, ": must be given ", o.count,
             " arrays, but got ", operands.size());
  set_parameters(o, py::reinterpret_borrow<py::args>(parameters));
  o.key = key;
  for (int k = 0; k < o.count; ++k) o.array[k] = to_array(o.function, "input", operands[std::size_t(k)]);
  return elementwise(o, out);
}

template <class T>
py::array weight_gradient(py::array g, py::array x, bool one) {
  make_contiguous(g);
  make_contiguous(x);
  PreluWeightCall<T> c;
  c.n = one || x.ndim() < 2 ? 1 : x.shape(0);
  c.channels = one || x.ndim() < 2 ? 1 : x.shape(1);
  c.inner = x.size() / std::max<index_t>(1, c.n * c.channels);
  c.g = static_cast<const T*>(g.data());
  c.x = static_cast<const T*>(x.data());
  py::array out(x.dtype(), py::array::ShapeContainer{c.channels});
  c.out = static_cast<T*>(out.mutable_data());
  const double cycles = double(x.size());
  const int threads = useful_threads(cycles, call_threads());
  run_body(cycles, [&] { run_prelu_weight_gradient<T>(c, active_isa(), threads); });
  return out;
}

// `one`: of a weight for all channels.
py::array prelu_weight_gradient(const py::object& grad, const py::object& input, bool one) {
  Operands o = named("product", false);
  o.function = "prelu";
  o.array[0] = to_array(o.function, "grad", grad);
  o.array[1] = to_array(o.function, "input", input);
  check_operands(o);
  NDNN_CHECK(o.array[0].ndim() == o.array[1].ndim() && o.array[0].size() == o.array[1].size(),
             "prelu: grad must have the input's shape ", shape_text(o.array[1]), ", but got ",
             shape_text(o.array[0]));
  return for_dtype(o.function, {&o.array[0], &o.array[1]},
                   [&](auto zero) { return weight_gradient<decltype(zero)>(o.array[0], o.array[1], one); });
}

}  // namespace

void bind_activation(py::module_& m) {
  m.def("activation", &activation);
  m.def("activation_gradient", &activation_gradient);
  m.def("map", &map, py::arg("name"), py::arg("operands"), py::arg("parameters") = py::tuple(),
        py::arg("key") = 0, py::arg("out") = py::none());
  m.def("prelu_weight_gradient", &prelu_weight_gradient);
  py::set from_result;
  for (int i = 0; i < kFunctions; ++i)
    if (gradient_takes_output(i)) from_result.add(map_info(i).name);
  m.attr("GRADIENT_FROM_RESULT") = py::frozenset(from_result);
}

}  // namespace ndnn
