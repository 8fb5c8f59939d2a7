// SPDX-License-Identifier: MIT
#include "ops/loss/cross_entropy.hpp"

#include <algorithm>
#include <vector>

#include "core/parallel.hpp"
#include "core/scratch.hpp"
#include "ops/loss/cross_entropy_kernels.hpp"

namespace ndnn {
namespace {

constexpr index_t kFewClasses = 32;       // below, lanes along the classes lie idle
constexpr index_t kStagedClasses = 2048;  // a tile of 32 positions: 256 KB
constexpr index_t kTileBytes = 256 << 10, kTilePositions = 1024;

// How the positions are walked through.
//   rows:    scores of a position side by side, read where they are
//   staged:  gathered into columns, whatever the strides; many rows 256 KB apart would share a cache set
//   columns: neighbouring positions side by side, read where they are
enum class Form { rows, staged, columns };

// One axis of positions where two are not needed: then tiles may span images. A gradient has them in dx.
template <class T>
CrossEntropyCall<T> merged(CrossEntropyCall<T> call, bool gradient) {
  const auto fits = [&](const Scores<T>& s) { return !s.data || s.n_stride == call.size * s.stride; };
  if (call.size != 1 && (gradient || !fits(call.x) || !fits(call.likely))) return call;
  if (call.size == 1) {
    call.x.stride = call.x.n_stride;
    call.likely.stride = call.likely.n_stride;
  }
  call.size *= call.n;
  call.n = 1;
  return call;
}

template <class T>
bool side_by_side(const CrossEntropyCall<T>& c) {
  return c.x.class_stride == 1 && (!c.likely.data || c.likely.class_stride == 1);
}
template <class T>
bool in_columns(const CrossEntropyCall<T>& c) {
  return c.x.stride == 1 && (!c.likely.data || c.likely.stride == 1);
}
template <class T>
Form form_of(const CrossEntropyCall<T>& c, bool gradient) {
  const bool one = c.size == 1;
  if (side_by_side(c) && c.classes >= kFewClasses && (one || !gradient)) return Form::rows;
  // A gradient reads each score once, a class at a time.
  if (!one && in_columns(c) && (c.classes > kStagedClasses || (gradient && c.size >= kFewClasses)))
    return Form::columns;
  return Form::staged;
}

// Runs of positions of one image within a tile: body(image, first, count, place in the tile).
template <class Body>
void for_each_run(index_t size, index_t begin, index_t count, Body&& body) {
  for (index_t done = 0; done < count;) {
    const index_t image = (begin + done) / size, first = (begin + done) % size;
    const index_t n = std::min(count - done, size - first);
    body(image, first, n, done);
    done += n;
  }
}

template <class T>
void gather(const CrossEntropyCall<T>& call, const Scores<T>& s, index_t begin, index_t count, T* to,
            index_t ld) {
  for_each_run(call.size, begin, count, [&](index_t image, index_t first, index_t n, index_t place) {
    for (index_t c = 0; c < call.classes; ++c) {
      const T* const from = s.data + image * s.n_stride + first * s.stride + c * s.class_stride;
      T* const row = to + c * ld + place;
      if (s.stride == 1) std::copy_n(from, n, row);
      else
        for (index_t i = 0; i < n; ++i) row[i] = from[i * s.stride];
    }
  });
}
// dx: C-contiguous (n, classes, size), as `call` has them.
template <class T>
void scatter(const CrossEntropyCall<T>& call, const T* from, index_t ld, index_t begin, index_t count,
             T* dx) {
  if (call.size == 1) {
    for (index_t i = 0; i < count; ++i)
      for (index_t c = 0; c < call.classes; ++c) dx[(begin + i) * call.classes + c] = from[c * ld + i];
    return;
  }
  for_each_run(call.size, begin, count, [&](index_t image, index_t first, index_t n, index_t place) {
    for (index_t c = 0; c < call.classes; ++c)
      std::copy_n(from + c * ld + place, n, dx + (image * call.classes + c) * call.size + first);
  });
}

template <class T>
index_t first_bad(const CrossEntropyCall<T>& call, index_t first, index_t count) {
  for (index_t p = first; p < first + count; ++p)
    if (const index_t c = call.target[p]; c != call.ignore_index && (c < 0 || c >= call.classes)) return p;
  return first;  // it changed meanwhile
}

// The walk of one call: tiles of positions, each in one task, with scratch of its thread.
template <class T>
class TileWalk {
 public:
  TileWalk(const CrossEntropyCall<T>& call, bool gradient)
      : call_(merged(call, gradient)), form_(form_of(call, gradient)) {
    const index_t fitting = kTileBytes / static_cast<index_t>(sizeof(T)) / std::max<index_t>(call.classes, 1);
    tile_ = std::clamp<index_t>(fitting / 32 * 32, 32, kTilePositions);
    if (form_ == Form::columns) tile_ = kTilePositions;
    run_ = form_ == Form::staged ? call_.positions() : call_.size;
    per_run_ = ceil_div(run_, tile_);
    ones_.assign(call.weight ? 0 : static_cast<std::size_t>(call.classes), T(1));
    spread_ = call.likely.data ? Spread::likely : call.smoothing > 0 ? Spread::even : Spread::none;
    double all = 0;
    for (index_t c = 0; c < call.classes; ++c) all += double(weights()[c]);
    even_mass_ = all * call.smoothing / double(call.classes);
  }
  index_t tiles() const { return run_ ? call_.positions() / run_ * per_run_ : 0; }
  Spread spread() const { return spread_; }
  Form form() const { return form_; }

  // body(tile, its first position, its number)
  template <class Body>
  void run(Body&& body) const {
    const index_t staged = form_ == Form::staged ? call_.classes * tile_ : 0;
    const index_t room = round_up((call_.likely.data ? 2 : 1) * staged + kVectors * tile_, 16);
    const int threads = useful_threads(call_.cycles(), call_.threads);
    const Scratch scratch(sizeof(T) * static_cast<std::size_t>(room) * static_cast<std::size_t>(threads));
    const index_t each = std::max<index_t>(1, kTaskElements / (tile_ * std::max<index_t>(call_.classes, 1)));
    parallel_for(threads, ceil_div(tiles(), each), [&](index_t task, int thread) {
      T* const own = reinterpret_cast<T*>(scratch.data()) + thread * room;
      const index_t end = std::min(tiles(), (task + 1) * each);
      for (index_t i = task * each; i < end; ++i) {
        index_t first = 0;
        CrossEntropyTile<T> tile = tile_at(i, own, first);
        body(tile, first, i);
      }
    });
  }
  void place_statistics(CrossEntropyTile<T>& t, T* statistics, index_t first) const {
    t.largest = statistics + first;
    t.sum = t.largest + call_.positions();
    t.mass = t.sum + call_.positions();
  }

 private:
  const T* weights() const { return call_.weight ? call_.weight : ones_.data(); }
  static constexpr index_t kTaskElements = 1 << 16, kVectors = 8;

  CrossEntropyTile<T> tile_at(index_t i, T* room, index_t& first) const {
    CrossEntropyTile<T> t{};
    const index_t image = i / per_run_, begin = i % per_run_ * tile_;
    t.classes = call_.classes;
    t.count = std::min(tile_, run_ - begin);
    first = image * run_ + begin;
    t.weight = weights();
    t.share = static_cast<T>(1 - call_.smoothing);
    t.even = static_cast<T>(call_.smoothing / double(call_.classes));
    t.even_mass = static_cast<T>(even_mass_);
    T** const vectors[] = {&t.chosen_weight, &t.log, &t.picked, &t.dot, &t.each, &t.own, &t.factor};
    t.chosen = reinterpret_cast<ClassWord<T>*>(room);
    for (T** const v : vectors) *v = room += tile_;
    room += tile_;
    const auto place = [&](const Scores<T>& s, T* to, const T*& x, index_t& ld) {
      x = s.data ? s.data + image * s.n_stride + begin * s.stride : nullptr;
      ld = form_ == Form::rows ? s.stride : s.class_stride;
      if (!s.data || form_ != Form::staged) return;
      gather(call_, s, begin, t.count, to, tile_);
      x = to;
      ld = tile_;
    };
    place(call_.x, room, t.x, t.ld);
    place(call_.likely, room + call_.classes * tile_, t.likely, t.likely_ld);
    return t;
  }

  CrossEntropyCall<T> call_;
  Form form_;
  index_t tile_;     // positions of a tile, which lies in
  index_t run_;      // positions of one image, or of all,
  index_t per_run_;  // cut into so many tiles
  std::vector<T> ones_;
  Spread spread_;
  double even_mass_;
};

}  // namespace

template <class T>
bool strides_fit(const CrossEntropyCall<T>& call) {
  return call.classes <= kStagedClasses ||
         (form_of(call, false) != Form::staged && form_of(call, true) != Form::staged);
}

template <class T>
CrossEntropySums run_cross_entropy(const CrossEntropyCall<T>& call, T* statistics, T* losses) {
  const TileWalk<T> walk(call, false);
  std::vector<CrossEntropySums> parts(static_cast<std::size_t>(walk.tiles()));
  const CrossEntropyKernels<T>& kernels = cross_entropy_kernels<T>(call.isa);
  const auto spread = static_cast<int>(walk.spread());
  const auto kernel = walk.form() == Form::rows ? kernels.rows[spread] : kernels.columns[spread];
  walk.run([&](CrossEntropyTile<T>& t, index_t first, index_t number) {
    walk.place_statistics(t, statistics, first);
    index_t bad = -1;
    if (call.target && kernels.choose(t, call.target + first, call.ignore_index, call.weight))
      bad = first_bad(call, first, t.count);
    kernel(t);
    const LossAndWeight sums = kernels.losses[spread](t, losses ? losses + first : nullptr);
    parts[number] = {sums.loss, sums.weight, bad};
  });
  CrossEntropySums sums;
  for (const CrossEntropySums& part : parts) {
    sums.loss += part.loss;
    sums.weight += part.weight;
    if (sums.bad < 0) sums.bad = part.bad;
  }
  return sums;
}

template <class T>
void run_cross_entropy_gradient(const CrossEntropyCall<T>& call, const T* statistics, const T* grad,
                                double scale, T* dx) {
  const TileWalk<T> walk(call, true);
  const CrossEntropyKernels<T>& kernels = cross_entropy_kernels<T>(call.isa);
  const auto spread = static_cast<int>(walk.spread());
  const bool rows = walk.form() == Form::rows, staged = walk.form() == Form::staged;
  const auto kernel = rows ? kernels.row_gradients[spread] : kernels.column_gradients[spread];
  walk.run([&](CrossEntropyTile<T>& t, index_t first, index_t) {
    walk.place_statistics(t, const_cast<T*>(statistics), first);  // read only, from here on
    if (call.target) kernels.choose(t, call.target + first, call.ignore_index, call.weight);
    t.grad = grad ? grad + first : nullptr;
    t.scale = static_cast<T>(scale);
    kernels.factors[spread](t);
    t.dx =
        staged ? const_cast<T*>(t.x) : dx + first / call.size * call.classes * call.size + first % call.size;
    t.dx_ld = staged ? t.ld : rows ? call.classes : call.size;
    kernel(t);
    if (staged) scatter(call, t.dx, t.dx_ld, first, t.count, dx);
  });
}

#define NDNN_INSTANTIATE(T)                                                        \
  template bool strides_fit(const CrossEntropyCall<T>&);                           \
  template CrossEntropySums run_cross_entropy(const CrossEntropyCall<T>&, T*, T*); \
  template void run_cross_entropy_gradient(const CrossEntropyCall<T>&, const T*, const T*, double, T*);
NDNN_INSTANTIATE(float)
NDNN_INSTANTIATE(double)

}  // namespace ndnn
