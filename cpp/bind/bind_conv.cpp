// SPDX-License-Identifier: MIT
// Convolution of every rank: one entry point, and PackedWeight.
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>

#include "bind/bind.hpp"
#include "ops/conv/conv.hpp"
#include "ops/matmul/tile_kernels.hpp"

namespace ndnn {
namespace {

const char* const kNames[] = {"conv1d", "conv2d", "conv3d", "true_conv1d", "true_conv2d", "true_conv3d"};

// Weights kept in the packed forms that plans asked for so far. Immutable: the array is private, callers see
// read-only views of its memory. Used with the GIL held; packing itself happens outside (compute()), so that
// the lock is never held while anything else happens: no signal handler, no fork can meet it.
class PackedWeight {
 public:
  using Packed = std::shared_ptr<const void>;

  explicit PackedWeight(const py::object& weight) {
    const py::array a = to_array("PackedWeight", "array", weight);
    NDNN_CHECK(a.ndim() >= 2 && a.ndim() <= 5, "PackedWeight: array must have 2 to 5 axes ",
               "(out_channels, in_channels / groups, kernel...), but got array.shape=", shape_text(a));
    array_ = py::array(a.attr("copy")("C"));
  }
  const py::array& array() const { return array_; }
  py::array view() const {
    const py::capsule owner(new py::array(array_), [](void* p) { delete static_cast<py::array*>(p); });
    py::array v(array_.dtype(), py::array::ShapeContainer(array_.shape(), array_.shape() + array_.ndim()),
                py::array::StridesContainer(array_.strides(), array_.strides() + array_.ndim()),
                array_.data(), owner);
    v.attr("setflags")(py::arg("write") = false);
    return v;
  }

  Packed find(const ConvPlan& plan, bool flip) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const Entry& e : entries_)
      if (e.form == plan.form && e.isa == plan.isa && e.flip == flip) return e.packed;
    return nullptr;
  }
  // Of two threads that packed the same form, the first one's copy is kept.
  void keep(const ConvPlan& plan, bool flip, const Packed& packed) {
    if (find(plan, flip)) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    entries_.push_back({plan.form, plan.isa, flip, packed});
  }
  std::size_t forms() const { return entries_.size(); }

 private:
  struct Entry {
    PackForm form;
    Isa isa;
    bool flip;
    Packed packed;
  };
  py::array array_;
  std::vector<Entry> entries_;
  mutable std::mutex mutex_;
};

template <class T>
PackedWeight::Packed pack(const ConvPlan& plan, const T* w, bool flip) {
  const auto bytes = round_up(plan.packed_elements * index_t(sizeof(T)), kAlignment);
  std::shared_ptr<void> packed(std::aligned_alloc(kAlignment, static_cast<std::size_t>(bytes)), &std::free);
  if (!packed) throw std::bad_alloc();
  pack_conv(plan, w, flip, static_cast<T*>(packed.get()));
  return packed;
}

// The object behind a PackedWeight; one that was made by __new__ alone has none.
PackedWeight& packed_weight(py::handle self) {
  auto* instance = reinterpret_cast<py::detail::instance*>(self.ptr());
  if (!instance->get_value_and_holder().holder_constructed())
    type_error("PackedWeight: __init__ was never called");
  return *self.cast<PackedWeight*>();
}

struct Call {
  const char* name;
  ConvArgs args;
  bool flip;
  Activation activation = Activation::none;
  double slope = 0;
};
// Bias and residual may be null.
struct Arrays {
  py::array x, w, b, r;
  PackedWeight* kept;
};

Call parse(int rank, bool flip, const py::object& stride, const py::object& padding,
           const py::object& dilation, const py::object& groups) {
  const char* const name = kNames[rank - 1 + (flip ? 3 : 0)];
  return {name, to_conv_args(name, rank, stride, padding, dilation, groups), flip};
}

Activation to_activation(const char* fn, const py::object& value) {
  if (value.is_none()) return Activation::none;
  if (!PyUnicode_Check(value.ptr()))
    type_error(fn, ": activation must be a str or None, but got ", Py_TYPE(value.ptr())->tp_name);
  std::string known;
  for (int i = 1; i < kActivations; ++i) {
    if (PyUnicode_CompareWithASCIIString(value.ptr(), kActivationNames[i]) == 0)
      return static_cast<Activation>(i);
    known += (i > 1 ? ", " : "") + std::string(kActivationNames[i]);
  }
  value_error(fn, ": activation must be one of ", known, ", but got activation=", text_of(value));
}

// Ranks and dtypes agree; input is unbatched where it lacks N.
void check_arrays(const Call& c, const Arrays& a) {
  const int rank = c.args.rank;
  NDNN_CHECK(a.w.ndim() == rank + 2, c.name, ": weight must have ", rank + 2,
             " axes (out_channels, in_channels / groups, kernel), but got weight.shape=", shape_text(a.w));
  NDNN_CHECK(a.x.ndim() == rank + 2 || a.x.ndim() == rank + 1, c.name, ": input must have ", rank + 2,
             " axes (N, C, size) or ", rank + 1, " (C, size), but got input.shape=", shape_text(a.x));
  NDNN_CHECK(!a.b || a.b.ndim() == 1, c.name,
             ": bias must have one axis, but got bias.shape=", shape_text(a.b));
  const DType t = dtype_of(c.name, "input", a.x);
  const auto differs = [&](const char* name, const py::array& o) {
    return o && dtype_of(c.name, name, o) != t;
  };
  const auto text = [](const py::array& o) {
    return o ? ", " + std::string(py::str(o.dtype())) : std::string();
  };
  if (differs("weight", a.w) || differs("bias", a.b) || differs("residual", a.r))
    type_error(c.name, ": input, weight", a.r ? ", bias and residual" : " and bias",
               " must have one dtype, but got ", text(a.x).substr(2), text(a.w), text(a.b), text(a.r));
}

// A new array for the result, batched as the input is.
py::array output_for(const Call& c, const ConvGeometry& g, const py::array& x) {
  const int rank = c.args.rank;
  std::array<py::ssize_t, 5> shape;
  int nd = 0;
  if (x.ndim() == rank + 2) shape[nd++] = g.n;
  shape[nd++] = g.oc_all;
  for (int a = kMaxSpatial - rank; a < kMaxSpatial; ++a) shape[nd++] = g.axis[a].out;
  return py::array(x.dtype(), py::array::ShapeContainer(shape.data(), shape.data() + nd));
}

void make_contiguous(py::array& a) {
  if (a && !(a.flags() & py::array::c_style)) a = py::array(a.attr("copy")("C"));
}

template <class T>
py::array compute(const Call& c, Arrays a) {
  const auto data = [](const py::array& o) { return o ? static_cast<const T*>(o.data()) : nullptr; };
  View<const T> xv = to_view<T>(a.x, c.args.rank);
  const View<const T> wv = to_view<T>(a.w, c.args.rank);
  ConvGeometry g = conv_geometry(c.name, c.args, xv.shape, wv.shape, a.b ? a.b.shape(0) : -1);
  py::array y = output_for(c, g, a.x);
  NDNN_CHECK(!a.r || (a.r.ndim() == y.ndim() && std::equal(y.shape(), y.shape() + y.ndim(), a.r.shape())),
             c.name, ": residual must have the output's shape ", shape_text(y),
             ", but got residual.shape=", shape_text(a.r));
  if (y.size() == 0) return y;
  // The input alone is read through its strides; the others are small beside it, or read once.
  for (py::array* o : {&a.w, &a.b, &a.r}) make_contiguous(*o);

  merge_axes(g, xv.stride);
  const ConvPlan plan = plan_conv(g, sizeof(T), active_isa(), call_threads(), a.kept != nullptr);
  const Epilogue<T> epilogue{data(a.b), data(a.r), c.activation, static_cast<T>(c.slope)};
  const T* wp = data(a.w);
  T* yp = static_cast<T*>(y.mutable_data());
  PackedWeight::Packed packed = a.kept ? a.kept->find(plan, c.flip) : nullptr;
  const auto run = [&] {
    if (!a.kept) return pack_and_run_conv(plan, xv, wp, c.flip, epilogue, yp);
    if (!packed) packed = pack(plan, wp, c.flip);
    if (!run_conv(plan, xv, static_cast<const T*>(packed.get()), epilogue, yp))
      pack_and_run_conv(direct_plan(plan), xv, wp, c.flip, epilogue, yp);
  };
  // Below about 5 us giving the GIL away costs more than it lets others do.
  if (plan.cycles < 20e3) run();
  else without_gil(run);
  if (a.kept) a.kept->keep(plan, c.flip, packed);
  return y;
}

// The numbers are read; now the arrays.
py::array call(const Call& c, const py::object& input, const py::object& weight, const py::object& bias,
               const py::object& residual) {
  const auto optional = [&](const char* name, const py::object& value) {
    return value.is_none() ? py::reinterpret_steal<py::array>(nullptr) : to_array(c.name, name, value);
  };
  PackedWeight* kept = py::isinstance<PackedWeight>(weight) ? &packed_weight(weight) : nullptr;
  py::array x = to_array(c.name, "input", input);
  py::array w = kept ? kept->array() : to_array(c.name, "weight", weight);
  py::array b = optional("bias", bias);
  Arrays a{std::move(x), std::move(w), std::move(b), optional("residual", residual), kept};
  check_arrays(c, a);
  switch (dtype_of(c.name, "input", a.x)) {
    case DType::f32: return compute<float>(c, std::move(a));
    case DType::f64: return compute<double>(c, std::move(a));
    case DType::f16: break;
  }
  const py::dtype f32 = py::dtype::of<float>();
  const auto widen = [&](const py::array& o) { return o ? py::array(o.attr("astype")(f32)) : o; };
  return py::array(compute<float>(c, {widen(a.x), widen(a.w), widen(a.b), widen(a.r), nullptr})
                       .attr("astype")(a.x.dtype()));
}

py::array conv(int rank, bool flip, const py::object& input, const py::object& weight, const py::object& bias,
               const py::object& stride, const py::object& padding, const py::object& dilation,
               const py::object& groups) {
  return call(parse(rank, flip, stride, padding, dilation, groups), input, weight, bias, py::none());
}

// An entry of its own: its three arguments more would cost every plain call 0.2 us of 1.3.
py::array fused_conv(int rank, const py::object& input, const py::object& weight, const py::object& bias,
                     const py::object& stride, const py::object& padding, const py::object& dilation,
                     const py::object& groups, const py::object& activation, const py::object& residual,
                     const py::object& negative_slope) {
  Call c = parse(rank, false, stride, padding, dilation, groups);
  c.activation = to_activation(c.name, activation);
  c.slope = to_real(c.name, "negative_slope", negative_slope);
  return call(c, input, weight, bias, residual);
}

// The plan of a call that is not made: for people, tables and tests.
py::dict plan(int rank, const py::sequence& x, const py::sequence& w, const py::object& stride,
              const py::object& padding, const py::object& dilation, const py::object& groups, int item_bytes,
              bool packed) {
  const Call c = parse(rank, false, stride, padding, dilation, groups);
  ConvGeometry g = conv_geometry(c.name, c.args, to_sizes(c.name, "x_shape", x, rank, false),
                                 to_sizes(c.name, "w_shape", w, rank, true), -1);
  py::list out;
  if (py::len(x) == static_cast<std::size_t>(rank + 2)) out.append(g.n);
  out.append(g.oc_all);
  for (int a = kMaxSpatial - rank; a < kMaxSpatial; ++a) out.append(g.axis[a].out);
  py::dict d;
  d["out_shape"] = py::tuple(out);
  d["macs"] = g.macs();
  if (g.macs() == 0) {
    d["text"] = concat(c.name, " -> nothing to multiply");
    d["algorithm"] = "none";
    return d;
  }
  std::array<index_t, 5> x_stride{};  // of a C-contiguous input
  index_t elements = 1;
  for (int a = kMaxSpatial - 1; a >= 0; elements *= g.axis[a--].in) x_stride[2 + a] = elements;
  merge_axes(g, x_stride);
  const ConvPlan p = plan_conv(g, item_bytes, active_isa(), call_threads(), packed);
  d["text"] = describe(c.name, p, packed);
  d["algorithm"] = algorithm_name(p.form.algorithm);
  d["isa"] = isa_name(p.isa);
  d["threads"] = p.threads;
  d["scratch_bytes"] = p.scratch_bytes;
  d["packed_bytes"] = p.packed_elements * p.item_bytes;
  d["estimated_cycles"] = p.cycles;
  return d;
}

}  // namespace

ConvArgs to_conv_args(const char* fn, int rank, const py::object& stride, const py::object& padding,
                      const py::object& dilation, const py::object& groups) {
  ConvArgs args;
  args.rank = rank;
  args.stride = to_axes(fn, "stride", stride, rank, 1);
  if (PyUnicode_Check(padding.ptr())) {
    const bool same = PyUnicode_CompareWithASCIIString(padding.ptr(), "same") == 0;
    NDNN_CHECK(same || PyUnicode_CompareWithASCIIString(padding.ptr(), "valid") == 0, fn,
               ": padding must be 'same', 'valid', an int or a tuple, but got ", text_of(padding));
    args.mode = same ? Padding::same : Padding::valid;
  } else {
    args.padding = to_axes(fn, "padding", padding, rank, 0);
  }
  args.dilation = to_axes(fn, "dilation", dilation, rank, 1);
  args.groups = to_index(fn, "groups", groups);
  return args;
}

std::array<index_t, 5> to_sizes(const char* fn, const char* name, const py::sequence& shape, int rank,
                                bool weight) {
  const auto nd = static_cast<int>(py::len(shape));
  NDNN_CHECK(nd == rank + 2 || (!weight && nd == rank + 1), fn, ": ", name, " must have ", rank + 2,
             " sizes, but got ", nd);
  std::array<index_t, 5> out{1, 1, 1, 1, 1};
  for (int i = 0; i < nd; ++i) {
    const int to = i > nd - (rank + 1) ? 5 - (nd - i) : i + 1 - (nd - rank - 1);
    out[to] = to_index(fn, name, shape[i]);
    NDNN_CHECK(out[to] >= 0, fn, ": ", name, " must not be negative, but got ", out[to]);
  }
  return out;
}

void bind_conv(py::module_& m) {
  m.def("conv", &conv);
  m.def("fused_conv", &fused_conv);
  m.def("plan_conv", &plan);
  m.def("force_conv_algorithm", &force_algorithm);
  m.def("set_winograd", &set_winograd);
  m.def("winograd_enabled", &winograd_enabled);
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
