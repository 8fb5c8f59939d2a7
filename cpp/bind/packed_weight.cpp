// SPDX-License-Identifier: MIT
#include "bind/packed_weight.hpp"

#include <cstdlib>
#include <new>

#include "ops/matmul/tile_kernels.hpp"

namespace ndnn {
namespace {

Axes kernel_of(const ConvPlan& p) { return {p.g.axis[0].kernel, p.g.axis[1].kernel, p.g.axis[2].kernel}; }

// One that was made by __new__ alone has nothing behind it.
PackedWeight& packed_weight(py::handle self) {
  auto* instance = reinterpret_cast<py::detail::instance*>(self.ptr());
  if (!instance->get_value_and_holder().holder_constructed())
    type_error("PackedWeight: __init__ was never called");
  return *self.cast<PackedWeight*>();
}

}  // namespace

PackedWeight::PackedWeight(const py::object& weight) {
  const py::array a = to_array("PackedWeight", "array", weight);
  NDNN_CHECK(a.ndim() >= 2 && a.ndim() <= 5, "PackedWeight: array must have 2 to 5 axes ",
             "(out_channels, in_channels / groups, kernel...), but got array.shape=", shape_text(a));
  array_ = py::array(a.attr("copy")("C"));
}

py::array PackedWeight::view() const {
  const py::capsule owner(new py::array(array_), [](void* p) { delete static_cast<py::array*>(p); });
  py::array v(array_.dtype(), py::array::ShapeContainer(array_.shape(), array_.shape() + array_.ndim()),
              py::array::StridesContainer(array_.strides(), array_.strides() + array_.ndim()), array_.data(),
              owner);
  v.attr("setflags")(py::arg("write") = false);
  return v;
}

PackedWeight::Packed PackedWeight::find(const ConvPlan& plan, const WeightLayout& layout) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const Entry& e : entries_)
    if (e.form == plan.form && e.isa == plan.isa && e.layout == layout && e.kernel == kernel_of(plan))
      return e.packed;
  return nullptr;
}

void PackedWeight::keep(const ConvPlan& plan, const WeightLayout& layout, const Packed& packed) {
  if (find(plan, layout)) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  entries_.push_back({plan.form, plan.isa, layout, kernel_of(plan), packed});
}

template <class T>
PackedWeight::Packed pack_to_keep(const ConvPlan& plan, const T* w, const WeightLayout& layout) {
  const auto bytes = round_up(plan.packed_elements * index_t(sizeof(T)), kAlignment);
  std::shared_ptr<void> packed(std::aligned_alloc(kAlignment, static_cast<std::size_t>(bytes)), &std::free);
  if (!packed) throw std::bad_alloc();
  pack_conv(plan, w, layout, static_cast<T*>(packed.get()));
  return packed;
}
template PackedWeight::Packed pack_to_keep<float>(const ConvPlan&, const float*, const WeightLayout&);
template PackedWeight::Packed pack_to_keep<double>(const ConvPlan&, const double*, const WeightLayout&);

PackedWeight* packed_weight_of(py::handle value) {
  return py::isinstance<PackedWeight>(value) ? &packed_weight(value) : nullptr;
}

void bind_packed_weight(py::module_& m) {
  py::class_<PackedWeight>(m, "PackedWeight")
      .def(py::init<const py::object&>(), py::arg("array"))
      .def_property_readonly("array", [](py::handle self) { return packed_weight(self).view(); })
      .def_property_readonly("forms", [](py::handle self) { return packed_weight(self).forms(); })
      .def(
          "__array__",
          [](py::handle self, const py::object& dtype, const py::object&) -> py::object {
            const py::array a = packed_weight(self).view();
            return dtype.is_none() ? py::object(a) : a.attr("astype")(dtype);
          },
          py::arg("dtype") = py::none(), py::arg("copy") = py::none())
      .def("__reduce__", [](py::handle self) {
        return py::make_tuple(py::type::of(self), py::make_tuple(packed_weight(self).view()));
      });
}

}  // namespace ndnn
