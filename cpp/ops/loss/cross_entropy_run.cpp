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
constexpr index_t kTileBytes = 64 << 10, kTilePositions = 1024;

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

// The walk of one call: tiles of positions, each in one task, with scratch of its thread.
template <class T>
class Walk {
 public:
  Walk(const CrossEntropyCall<T>& call, bool gradient)
      : call_(merged(call, gradient)), form_(form_of(call, gradient)) {
    const index_t fitting = kTileBytes / static_cast<index_t>(sizeof(T)) / std::max<index_t>(call.classes, 1);
    tile_ = std::clamp<index_t>(fitting / 32 * 32, form_ == Form::rows ? 1 : 32, kTilePositions);
    run_ = form_ == Form::staged ? call_.positions() : call_.size;
    per_run_ = ceil_div(run_, tile_);
    ones_.assign(call.weight ? 0 : static_cast<std::size_t>(call.classes), T(1));
    spread_ = call.likely.data ? Spread::likely : call.smoothing > 0 ? Spread::even : Spread::none;
    double all = 0;
    for (index_t c = 0; c < call.classes; ++c) all += double(weights()[c]);
    even_mass_ = all * call.smoothing / double(call.classes);
  }
  index_t tiles() const { return run_ ? call_.positions() / run_ * per_run_ : 0; }
  const CrossEntropyCall<T>& call() const { return call_; }
  const T* weights() const { return call_.weight ? call_.weight : ones_.data(); }
  Spread spread() const { return spread_; }
  Form form() const { return form_; }
  double even_mass() const { return even_mass_; }
  T chosen_share() const { return static_cast<T>(1 - call_.smoothing); }

  // body(tile, first position, number of the tile, room for two arrays of a tile's positions)
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
        CrossEntropyTile<T> tile = tile_at(i, own + kVectors * tile_, first);
        body(tile, first, i, own);
      }
    });
  }
  index_t tile_size() const { return tile_; }

 private:
  static constexpr index_t kTaskElements = 1 << 16, kVectors = 2;

  CrossEntropyTile<T> tile_at(index_t i, T* room, index_t& first) const {
    CrossEntropyTile<T> t{};
    const index_t image = i / per_run_, begin = i % per_run_ * tile_;
    t.classes = call_.classes;
    t.count = std::min(tile_, run_ - begin);
    first = image * run_ + begin;
    t.weight = weights();
    t.share = static_cast<T>(1 - call_.smoothing);
    t.even = static_cast<T>(call_.smoothing / double(call_.classes));
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

// The losses of one tile; a class that does not exist is counted as ignored, and reported.
template <class T>
CrossEntropySums finish(const Walk<T>& walk, const CrossEntropyTile<T>& t, index_t first, T* losses) {
  const CrossEntropyCall<T>& call = walk.call();
  const index_t by_class = walk.form() == Form::rows ? 1 : t.ld;
  const index_t by_place = walk.form() == Form::rows ? t.ld : 1;
  CrossEntropySums sums;
  for (index_t i = 0; i < t.count; ++i) {
    T loss = 0;
    if (!call.target) {
      loss = t.mass[i] * t.log[i] - t.dot[i];
      sums.weight += 1;
    } else if (const index_t c = call.target[first + i]; c == call.ignore_index) {
      loss = 0;
    } else if (c < 0 || c >= t.classes) {
      if (sums.bad < 0) sums.bad = first + i;
    } else {
      const T w = t.weight[c];
      loss = walk.chosen_share() * w * (t.log[i] - (t.x[c * by_class + i * by_place] - t.largest[i]));
      if (walk.spread() == Spread::even) loss += static_cast<T>(walk.even_mass()) * t.log[i] - t.dot[i];
      sums.weight += double(w);
    }
    sums.loss += double(loss);
    if (losses) losses[first + i] = loss;
  }
  return sums;
}

}  // namespace

template <class T>
bool strides_fit(const CrossEntropyCall<T>& call) {
  return call.classes <= kStagedClasses ||
         (form_of(call, false) != Form::staged && form_of(call, true) != Form::staged);
}

template <class T>
CrossEntropySums run_cross_entropy(const CrossEntropyCall<T>& call, T* statistics, T* losses) {
  const Walk<T> walk(call, false);
  const index_t positions = call.positions();
  std::vector<CrossEntropySums> parts(static_cast<std::size_t>(walk.tiles()));
  const CrossEntropyKernels<T>& kernels = cross_entropy_kernels<T>(call.isa);
  const auto spread = static_cast<int>(walk.spread());
  const auto kernel = walk.form() == Form::rows ? kernels.rows[spread] : kernels.columns[spread];
  walk.run([&](CrossEntropyTile<T>& t, index_t first, index_t number, T* room) {
    t.largest = statistics + first;
    t.sum = t.largest + positions;
    t.mass = t.sum + positions;
    t.log = room;
    t.dot = room + walk.tile_size();
    kernel(t);
    parts[number] = finish(walk, t, first, losses);
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
  const Walk<T> walk(call, true);
  const T* const largest = statistics;
  const T* const sum = statistics + call.positions();
  const T* const likely_mass = sum + call.positions();
  const CrossEntropyKernels<T>& kernels = cross_entropy_kernels<T>(call.isa);
  const auto spread = static_cast<int>(walk.spread());
  const bool rows = walk.form() == Form::rows, staged = walk.form() == Form::staged;
  const auto kernel = rows ? kernels.row_gradients[spread] : kernels.column_gradients[spread];
  const auto chosen = [&](index_t position) {  // the class, or -1
    const index_t c = call.target[position];
    return c != call.ignore_index && c >= 0 && c < call.classes ? c : -1;
  };
  walk.run([&](CrossEntropyTile<T>& t, index_t first, index_t, T* room) {
    T *const factor = room, *const each = room + walk.tile_size();
    for (index_t i = 0; i < t.count; ++i) {
      const index_t p = first + i, c = call.target ? chosen(p) : 0;
      const T mass = !call.target ? likely_mass[p]
                     : c < 0      ? T(0)
                                  : static_cast<T>(walk.even_mass()) + walk.chosen_share() * t.weight[c];
      each[i] = c < 0 ? T(0) : static_cast<T>(scale * (grad ? double(grad[p]) : 1));
      factor[i] = each[i] * mass / sum[p];
    }
    t.known_largest = largest + first;
    t.factor = factor;
    t.grad = each;
    const index_t image = first / call.size;
    t.dx = staged ? const_cast<T*>(t.x) : dx + image * call.classes * call.size + first % call.size;
    t.dx_ld = staged ? t.ld : rows ? call.classes : call.size;
    kernel(t);
    const index_t by_class = rows ? 1 : t.dx_ld, by_place = rows ? t.dx_ld : 1;
    for (index_t i = 0; call.target && i < t.count; ++i)
      if (const index_t c = chosen(first + i); c >= 0)
        t.dx[c * by_class + i * by_place] -= each[i] * walk.chosen_share() * t.weight[c];
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
