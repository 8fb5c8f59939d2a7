// SPDX-License-Identifier: MIT
#pragma once
#include <memory>
#include <mutex>
#include <vector>

#include "bind/bind.hpp"
#include "ops/conv/conv.hpp"

namespace ndnn {

// Weights kept in the packed forms that plans asked for so far. Immutable: the array is private, callers see
// read-only views of its memory. Used with the GIL held; packing itself happens outside, so that
// the lock is never held while anything else happens: no signal handler, no fork can meet it.
class PackedWeight {
 public:
  using Packed = std::shared_ptr<const void>;

  explicit PackedWeight(const py::object& weight);
  const py::array& array() const { return array_; }
  py::array view() const;

  Packed find(const ConvPlan& plan, const WeightLayout& layout) const;
  // Of two threads that packed the same form, the first one's copy is kept.
  void keep(const ConvPlan& plan, const WeightLayout& layout, const Packed& packed);
  std::size_t forms() const { return entries_.size(); }

 private:
  struct Entry {
    PackForm form;
    Isa isa;
    WeightLayout layout;
    Axes kernel;
    Packed packed;
  };
  py::array array_;
  std::vector<Entry> entries_;
  mutable std::mutex mutex_;
};

// The weights of one plan in memory of their own.
template <class T>
PackedWeight::Packed pack_to_keep(const ConvPlan& plan, const T* w, const WeightLayout& layout);

// The object behind `value`, or null if it is no PackedWeight.
PackedWeight* packed_weight_of(py::handle value);

}  // namespace ndnn
