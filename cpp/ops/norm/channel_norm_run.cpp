// SPDX-License-Identifier: MIT
// Norms with one weight a channel: planes of pixels, lanes along them.
#include "ops/norm/column_norm.hpp"
#include "ops/norm/norm_passes.hpp"

namespace ndnn {
namespace {

constexpr index_t kChannelsOfMap = 32;

// Groups of `channels` times `runs` planes; a channel's planes are run_ld apart, channels follow each other.
struct Planes {
  index_t groups, channels, runs, size, run_ld, all_channels;

  explicit Planes(const ChannelNorm& p)
      : groups(p.statistics()),
        channels(p.groups ? p.channels / p.groups : 1),
        runs(p.groups ? 1 : p.n),
        size(p.size),
        run_ld(p.channels * p.size),
        all_channels(p.channels) {}
  // The same groups as one channel each, where weights do not matter.
  Planes joined() const {
    Planes p = *this;
    p.size *= channels;
    p.channels = 1;
    return p;
  }

  // A piece is part of a plane, or as many planes of a channel as make about one.
  index_t parts() const { return ceil_div(size, kNormPiece); }
  index_t runs_of_piece() const { return std::max<index_t>(1, kNormPiece / size); }
  index_t pieces_of_channel() const { return parts() * ceil_div(runs, runs_of_piece()); }
  index_t pieces() const { return channels * pieces_of_channel(); }
  double count() const { return double(channels) * double(runs) * double(size); }

  struct Piece {
    index_t channel, at;  // in the group; in the array
    Runs runs;
    double count() const { return double(runs.runs) * double(runs.n); }
  };
  Piece piece(index_t group, index_t i) const {
    const index_t of_channel = pieces_of_channel(), c = i / of_channel, k = i % of_channel;
    const index_t run = k / parts() * runs_of_piece(), part = k % parts() * kNormPiece;
    return {c,
            (group * channels + c) * size + run * run_ld + part,
            {std::min(runs_of_piece(), runs - run), run_ld, std::min(kNormPiece, size - part)}};
  }
  // With what is read after it.
  Piece piece_before_next(index_t group, index_t i) const {
    Piece p = piece(group, i);
    const bool last = i + 1 == pieces();
    if (!last || group + 1 < groups) p.runs.soon = piece(group + last, last ? 0 : i + 1).at - p.at;
    return p;
  }

  // The map takes several channels of a group that are one run each.
  bool maps_channels() const { return channels > 1 && size <= kNormPiece; }
  index_t maps() const { return maps_channels() ? ceil_div(channels, kChannelsOfMap) : pieces(); }
  Piece map(index_t group, index_t i) const {
    if (!maps_channels()) return piece(group, i);
    const index_t c = i * kChannelsOfMap;
    return {c, (group * channels + c) * size, {std::min(kChannelsOfMap, channels - c), size, size}};
  }
  index_t channels_of(const Piece& p) const { return maps_channels() ? p.runs.runs : 1; }
  index_t channel(index_t group, index_t c) const { return (group * channels + c) % all_channels; }

  template <class T>
  TwoPasses passes(index_t sums, int threads, int arrays) const {
    const index_t bytes = channels * runs * size * arrays * index_t(sizeof(T));
    return {groups, sums, maps(), bytes, runs > 1, threads};
  }
};

double at(const double* values, index_t i, double otherwise) { return values ? values[i] : otherwise; }

}  // namespace

template <class T>
void run_channel_norm(const ChannelNorm& p, const T* x, T* y, const double* weight, const double* bias,
                      double eps, double* mean, double* var) {
  if (!p.groups && p.size < kFewPixels) return run_column_norm(p, x, y, weight, bias, eps, mean, var);
  const Planes planes(p), joint = planes.joined();
  const NormKernels<T>& k = norm_kernels<T>(p.isa);
  two_passes<double>(
      planes.passes<T>(joint.pieces(), p.threads, 1), 2,
      [&](index_t g, index_t i, double* slot) {
        const auto piece = joint.piece_before_next(g, i);
        k.moments(x + piece.at, piece.runs, slot);
      },
      [&](index_t g, const double* slots) {
        const Moments m = joined(joint.pieces(), joint.count(),
                                 [&](index_t i, double& n, double& of_piece, double& squares) {
                                   n = joint.piece(g, i).count();
                                   of_piece = slots[2 * i];
                                   squares = slots[2 * i + 1];
                                 });
        mean[g] = m.mean;
        var[g] = m.var;
      },
      [&](index_t g, index_t i) {
        const auto piece = planes.map(g, i);
        const double inverse = inverse_deviation(var[g], eps);
        Affine<T> a[kChannelsOfMap];
        for (index_t j = 0; j < planes.channels_of(piece); ++j) {
          const index_t c = planes.channel(g, piece.channel + j);
          a[j] = affine_of<T>(mean[g], at(weight, c, 1) * inverse, at(bias, c, 0));
        }
        k.affine(x + piece.at, y + piece.at, piece.runs, a, planes.maps_channels());
      });
}

template <class T>
void run_channel_affine(const ChannelNorm& p, const T* x, T* y, const Affine<T>* a) {
  if (p.size < kFewPixels) return run_column_affine(p, x, y, a);
  const NormKernels<T>& k = norm_kernels<T>(p.isa);
  constexpr index_t kTask = kNormTaskBytes / index_t(sizeof(T));
  const index_t planes = p.n * p.channels, parts = ceil_div(p.size, kTask);
  if (parts > 1) {
    parallel_for(p.threads, planes * parts, [&](index_t task, int) {
      const index_t plane = task / parts, part = task % parts * kTask, n = std::min(kTask, p.size - part);
      k.affine(x + plane * p.size + part, y + plane * p.size + part, {1, n, n}, a + plane % p.channels, 0);
    });
    return;
  }
  const index_t block = std::max<index_t>(1, kTask / p.size);
  parallel_for(p.threads, ceil_div(planes, block), [&](index_t task, int) {
    const index_t end = std::min(planes, (task + 1) * block);
    for (index_t plane = task * block, runs; plane < end; plane += runs) {
      const index_t c = plane % p.channels;
      runs = std::min(end - plane, p.channels - c);
      k.affine(x + plane * p.size, y + plane * p.size, {runs, p.size, p.size}, a + c, 1);
    }
  });
}

namespace {

// Sums of g and of g * (x - mean) of a channel, from those of its pieces about T(mean).
struct ChannelSums {
  double grads = 0, products = 0;
};
template <class T>
ChannelSums channel_sums(const double* slots, index_t pieces, double mean) {
  ChannelSums s;
  for (index_t i = 0; i < pieces; ++i) {
    s.grads += slots[2 * i];
    s.products += slots[2 * i + 1];
  }
  s.products += (double(T(mean)) - mean) * s.grads;
  return s;
}

// dw and db, by channel, of the sums of each image.
void add_images(index_t images, index_t channels, const double* cells, double* dw, double* db) {
  std::fill_n(dw, channels, 0.);
  std::fill_n(db, channels, 0.);
  for (index_t n = 0; n < images; ++n)
    for (index_t c = 0; c < channels; ++c, cells += 2) {
      dw[c] += cells[0];
      db[c] += cells[1];
    }
}

}  // namespace

template <class T>
void run_channel_norm_gradient(const ChannelNorm& p, const T* g, const T* x, T* dx, const double* weight,
                               double eps, const double* mean, const double* var, double* dw, double* db) {
  if (!p.groups && p.size < kFewPixels)
    return run_column_gradient(p, g, x, dx, weight, eps, mean, var, dw, db);
  const Planes planes(p);
  const NormKernels<T>& k = norm_kernels<T>(p.isa);
  const index_t pieces = planes.pieces_of_channel();
  const std::unique_ptr<double[]> cells(
      new double[static_cast<std::size_t>(2 * planes.groups * planes.channels)]);
  const std::unique_ptr<double[]> group_sums(new double[static_cast<std::size_t>(2 * planes.groups)]);
  two_passes<double>(
      planes.passes<T>(planes.pieces(), p.threads, 2), 2,
      [&](index_t group, index_t i, double* slot) {
        const auto piece = planes.piece_before_next(group, i);
        k.sums(g + piece.at, x + piece.at, piece.runs, T(mean[group]), slot);
      },
      [&](index_t group, const double* slots) {
        const double inverse = inverse_deviation(var[group], eps);
        double grads = 0, products = 0;
        for (index_t c = 0; c < planes.channels; ++c) {
          const ChannelSums s = channel_sums<T>(slots + 2 * c * pieces, pieces, mean[group]);
          double* const cell = cells.get() + 2 * (group * planes.channels + c);
          cell[0] = s.products * inverse;
          cell[1] = s.grads;
          const double w = at(weight, planes.channel(group, c), 1);
          grads += w * s.grads;
          products += w * s.products;
        }
        group_sums[2 * group] = grads;
        group_sums[2 * group + 1] = products;
      },
      [&](index_t group, index_t i) {
        const auto piece = planes.map(group, i);
        const double inverse = inverse_deviation(var[group], eps);
        NormGradient<T> a[kChannelsOfMap];
        for (index_t j = 0; j < planes.channels_of(piece); ++j) {
          const double scale = inverse * at(weight, planes.channel(group, piece.channel + j), 1);
          a[j] = gradient_of<T>(mean[group], inverse, scale, group_sums[2 * group], group_sums[2 * group + 1],
                                planes.count());
        }
        k.gradient(g + piece.at, x + piece.at, dx + piece.at, piece.runs, a, planes.maps_channels());
      });
  add_images(p.groups ? p.n : 1, p.channels, cells.get(), dw, db);
}

template <class T>
void run_channel_sums(const ChannelNorm& p, const T* g, const T* x, double eps, const double* mean,
                      const double* var, double* dw, double* db) {
  if (p.size < kFewPixels) return run_column_sums(p, g, x, eps, mean, var, dw, db);
  const Planes planes(p);
  const NormKernels<T>& k = norm_kernels<T>(p.isa);
  two_passes<double>(
      planes.passes<T>(planes.pieces(), p.threads, 2), 2,
      [&](index_t c, index_t i, double* slot) {
        const auto piece = planes.piece_before_next(c, i);
        k.sums(g + piece.at, x + piece.at, piece.runs, T(mean[c]), slot);
      },
      [&](index_t c, const double* slots) {
        const ChannelSums s = channel_sums<T>(slots, planes.pieces(), mean[c]);
        dw[c] = s.products * inverse_deviation(var[c], eps);
        db[c] = s.grads;
      },
      [](index_t, index_t) {});
}

#define NDNN_INSTANTIATE(T)                                                                                  \
  template void run_channel_norm(const ChannelNorm&, const T*, T*, const double*, const double*, double,     \
                                 double*, double*);                                                          \
  template void run_channel_affine(const ChannelNorm&, const T*, T*, const Affine<T>*);                      \
  template void run_channel_norm_gradient(const ChannelNorm&, const T*, const T*, T*, const double*, double, \
                                          const double*, const double*, double*, double*);                   \
  template void run_channel_sums(const ChannelNorm&, const T*, const T*, double, const double*,              \
                                 const double*, double*, double*);
NDNN_INSTANTIATE(float)
NDNN_INSTANTIATE(double)

}  // namespace ndnn
