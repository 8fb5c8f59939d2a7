// SPDX-License-Identifier: MIT
// Losses of one element each.
#include <array>
#include <string>

#include "bind/arrays.hpp"
#include "bind/loss_arrays.hpp"
#include "core/parallel.hpp"
#include "ops/loss/loss.hpp"

namespace ndnn {

Reduction to_reduction(const char* fn, const py::object& value) {
  static constexpr const char* kNames[] = {"none", "mean", "sum"};
  if (PyUnicode_Check(value.ptr()))
    for (int i = 0; i < 3; ++i)
      if (PyUnicode_CompareWithASCIIString(value.ptr(), kNames[i]) == 0) return static_cast<Reduction>(i);
  value_error(fn, ": reduction must be \"none\", \"mean\" or \"sum\", but got ", text_of(value));
}

void check_one_dtype(const char* fn, const std::vector<const char*>& names,
                     const std::vector<py::array>& arrays) {
  for (std::size_t i = 1; i < arrays.size(); ++i)
    if (arrays[i] && !one_dtype(arrays[i], arrays[0]))
      type_error(fn, ": ", names[0], " and ", names[i], " must have one dtype, but got ",
                 std::string(py::str(arrays[0].dtype())), ", ", std::string(py::str(arrays[i].dtype())));
}

namespace {

bool broadcasts(const py::array& a, const py::array& to) {
  const auto more = to.ndim() - a.ndim();
  if (more < 0) return false;
  for (py::ssize_t i = 0; i < a.ndim(); ++i)
    if (a.shape(i) != to.shape(i + more) && a.shape(i) != 1) return false;
  return true;
}

template <class T>
Operand<T> broadcast_to(const py::array& a, const py::array& to) {
  Operand<T> o{static_cast<const T*>(a.data()), std::vector<index_t>(to.ndim())};
  const auto more = to.ndim() - a.ndim();
  for (py::ssize_t i = 0; i < a.ndim(); ++i)
    if (a.shape(i) != 1) o.stride[i + more] = a.strides(i) / static_cast<index_t>(sizeof(T));
  return o;
}

// What Python hands over, checked.
struct Arguments {
  std::string fn;
  const LossInfo* info;
  Reduction reduction;
  double parameter[kMaxLossParameters] = {};
  std::vector<py::array> operand;
};

Arguments to_arguments(const std::string& fn, const std::string& kind, const py::object& reduction,
                       const py::tuple& parameters, const py::args& operands) {
  Arguments a{fn, find_loss(kind), to_reduction(fn.c_str(), reduction), {}, {}};
  NDNN_CHECK(a.info && static_cast<int>(operands.size()) == a.info->operands &&
                 static_cast<int>(parameters.size()) == a.info->parameters,
             fn, ": ndnn bug: no such loss, but got ", kind);
  for (int i = 0; i < a.info->parameters; ++i)
    a.parameter[i] = to_real(fn.c_str(), a.info->parameter[i], parameters[i]);
  for (int i = 0; i < a.info->operands; ++i)
    a.operand.push_back(to_array(fn.c_str(), a.info->operand[i], operands[i]));
  check_one_dtype(fn.c_str(), {a.info->operand, a.info->operand + a.info->operands}, a.operand);
  for (int i = 1; i < a.info->operands; ++i)
    NDNN_CHECK(
        i < a.info->same ? one_shape(a.operand[0], a.operand[i]) : broadcasts(a.operand[i], a.operand[0]), fn,
        ": ", a.info->operand[i], i < a.info->same ? " must have" : " must broadcast to", " the shape of ",
        a.info->operand[0], ", but got ", a.info->operand[0], ".shape=", shape_text(a.operand[0]), " and ",
        a.info->operand[i], ".shape=", shape_text(a.operand[i]));
  return a;
}

template <class T>
LossCall<T> to_call(const Arguments& a, const py::array& input, const py::array* rest, const py::array& grad,
                    Operand<T>* grad_operand) {
  LossCall<T> call{a.info->loss, active_isa(), call_threads(), {}, input.size(), {}, {}};
  call.shape.assign(input.shape(), input.shape() + input.ndim());
  for (int i = 0; i < a.info->operands; ++i)
    call.operand[i] = broadcast_to<T>(i == 0 ? input : rest[i - 1], input);
  if (grad) *grad_operand = broadcast_to<T>(grad, input);
  std::copy_n(a.parameter, kMaxLossParameters, call.parameter);
  return call;
}

template <class T>
void check_labels(const Arguments& a, const LossCall<T>& call, const py::array& t) {
  if (!a.info->labels) return;
  const index_t bad = find_bad_label(call);
  if (bad < 0) return;
  const std::string place = place_text(bad, t);
  value_error(a.fn, ": target must hold -1 and 1 only, but got ",
              text_of(t.attr("flat")[py::int_(bad)].attr("item")()), " at ", place);
}

py::array loss(const std::string& fn, const std::string& kind, const py::object& reduction,
               const py::tuple& parameters, const py::args& operands) {
  Arguments a = to_arguments(fn, kind, reduction, parameters, operands);
  a.operand.resize(kMaxLossOperands, py::reinterpret_steal<py::array>(nullptr));
  py::array* const o = a.operand.data();
  return for_dtype(fn.c_str(), {&o[0], &o[1], &o[2], &o[3]}, [&](auto zero) {
    using T = decltype(zero);
    const LossCall<T> call = to_call<T>(a, o[0], o + 1, py::reinterpret_steal<py::array>(nullptr), nullptr);
    check_labels(a, call, o[1]);
    const bool whole = a.reduction == Reduction::none;
    py::array y =
        whole ? py::array(o[0].dtype(), py::array::ShapeContainer(o[0].shape(), o[0].shape() + o[0].ndim()))
              : py::array(o[0].dtype(), py::array::ShapeContainer{});
    T* const to = static_cast<T*>(y.mutable_data());
    run_body(double(call.size) * a.info->cycles, [&] {
      if (whole) return run_loss(call, to);
      const double sum = run_loss_sum(call);
      *to = static_cast<T>(a.reduction == Reduction::mean ? sum / double(call.size) : sum);
    });
    return y;
  });
}

py::array loss_gradient(const std::string& fn, const std::string& kind, const py::object& reduction,
                        const py::tuple& parameters, int of, const py::object& grad,
                        const py::args& operands) {
  Arguments a = to_arguments(fn, kind, reduction, parameters, operands);
  a.operand.resize(kMaxLossOperands, py::reinterpret_steal<py::array>(nullptr));
  py::array* const o = a.operand.data();
  py::array g = to_array(fn.c_str(), "grad", grad);
  check_one_dtype(fn.c_str(), {a.info->operand[0], "grad"}, {o[0], g});
  const bool whole = a.reduction == Reduction::none;
  NDNN_CHECK(whole ? one_shape(g, o[0]) : g.ndim() == 0, fn,
             ": grad must have the shape of the result, but got ", shape_text(g));
  return for_dtype(fn.c_str(), {&o[0], &o[1], &o[2], &o[3], &g}, [&](auto zero) {
    using T = decltype(zero);
    double scale = a.reduction == Reduction::mean ? 1 / double(o[0].size()) : 1;
    if (!whole) scale *= double(*static_cast<const T*>(g.data()));
    const py::array shaped = whole ? g : py::reinterpret_steal<py::array>(nullptr);
    Operand<T> gradient_of_y;
    const LossCall<T> call = to_call<T>(a, o[0], o + 1, shaped, &gradient_of_y);
    py::array y(o[0].dtype(), py::array::ShapeContainer(o[0].shape(), o[0].shape() + o[0].ndim()));
    T* const to = static_cast<T*>(y.mutable_data());
    run_body(double(call.size) * a.info->cycles,
             [&] { run_loss_gradient(call, of, gradient_of_y, static_cast<T>(scale), to); });
    return y;
  });
}

}  // namespace

std::string place_text(index_t flat, const py::array& a) {
  std::vector<index_t> at(a.ndim());
  for (auto i = a.ndim() - 1; i >= 0; --i) {
    at[i] = flat % a.shape(i);
    flat /= a.shape(i);
  }
  return concat(Tuple{at.data(), static_cast<int>(at.size())});
}

void bind_loss(py::module_& m) {
  m.def("loss", &loss);
  m.def("loss_gradient", &loss_gradient);
}

}  // namespace ndnn
