// SPDX-License-Identifier: MIT
#include "bind/bind.hpp"

namespace py = pybind11;

PYBIND11_MODULE(_core, m, py::mod_gil_not_used()) {
  py::register_exception_translator([](std::exception_ptr p) {
    try {
      if (p) std::rethrow_exception(p);
    } catch (const ndnn::TypeError& e) {
      py::set_error(PyExc_TypeError, e.what());
    } catch (const ndnn::ValueError& e) {
      py::set_error(PyExc_ValueError, e.what());
    } catch (const ndnn::Interrupted&) {
      // The signal handler's exception is already set.
      if (!PyErr_Occurred()) py::set_error(PyExc_KeyboardInterrupt, "");
    }
  });
  m.attr("__version__") = NDNN_VERSION;
  ndnn::bind_runtime(m);
  ndnn::bind_packed_weight(m);
  ndnn::bind_conv(m);
  ndnn::bind_conv_transpose(m);
  ndnn::bind_conv_grad(m);
  ndnn::bind_fold(m);
  ndnn::bind_norm(m);
  ndnn::bind_scale(m);
  ndnn::bind_optim(m);
  ndnn::bind_loss(m);
  ndnn::bind_cross_entropy(m);
  ndnn::bind_embedding(m);
  ndnn::bind_grid_sample(m);
  ndnn::bind_max_pool(m);
  ndnn::bind_max_unpool(m);
  ndnn::bind_interpolate(m);
  ndnn::bind_avg_pool(m);
  ndnn::bind_activation(m);
  ndnn::bind_softmax(m);
}
