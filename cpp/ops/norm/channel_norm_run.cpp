// SPDX-License-Identifier: MIT
// Norms with one weight a channel: planes of pixels, lanes along them.
#include "ops/norm/column_norm.hpp"
#include "ops/norm/norm_passes.hpp"

namespace ndnn {
namespace {

constexpr index_t kSmallPlane = 64;

// Blocks of neighbouring channels, each with `runs` planes of a channel, run_ld apart. For group norm a block
// is a group; for batch norm as many channels as make a piece in each image, so that memory is written in
// long runs: channel by channel, the gradient for 32x512x7x7 took 1.7 times as long.
struct Planes {
  bool batch, streamed;
  index_t planes, all_channels, channels, runs, size, run_ld;

  Planes(const ChannelNorm& p, index_t channel_bytes)
      : batch(!p.groups),
        planes(p.groups ? p.n * p.channels : p.channels),
        all_channels(p.channels),
        channels(p.groups ? p.channels / p.groups
                          : std::min({p.channels, kNormPiece / p.size, kPlanesOfBlock})),
        runs(p.groups ? 1 : p.n),
        size(p.size),
        run_ld(p.channels * p.size) {
    if (batch) channels = std::max<index_t>(1, std::min(channels, caches().l2 / 2 / channel_bytes));
    // Beyond the caches all channels are summed and then mapped in the order of memory, one after the other:
    // the planes of one, far apart, were read at 2/3 of the speed.
    streamed = batch && channel_bytes > caches().l3 / 4 / planes;
    if (streamed && size > kSmallPlane) channels = 1;
  }
  // Each block as one channel.
  Planes joined() const {
    Planes p = *this;
    p.planes /= channels;
    p.size *= channels;
    p.channels = 1;
    return p;
  }
  index_t blocks() const { return ceil_div(planes, channels); }
  index_t first(index_t block) const {
    return block * channels;
  }  // of all planes or, for batch norm, channels
  index_t width(index_t block) const { return std::min(channels, planes - first(block)); }
  index_t channel(index_t plane) const { return plane % all_channels; }

  // A piece of the sums is part of a plane, or as many planes of a channel as make about one.
  index_t parts() const { return ceil_div(size, kNormPiece); }
  index_t runs_of_piece() const { return std::max<index_t>(1, kNormPiece / size); }
  index_t pieces_of_channel() const { return parts() * ceil_div(runs, runs_of_piece()); }
  // A piece of all channels of the block, or of one: in turns, the gradient for 32x512x7x7 is 1.6 times as
  // fast, the norm of 16x256x14x14 slower by as much.
  bool whole_blocks() const { return batch && channels > 1 && size <= kSmallPlane; }
  index_t pieces() const { return whole_blocks() ? pieces_of_channel() : channels * pieces_of_channel(); }
  index_t slot() const { return whole_blocks() ? 2 * channels : 2; }
  // The two sums of a channel's i-th piece.
  const double* sums_of(const double* slots, index_t c, index_t i) const {
    return slots + 2 * (whole_blocks() ? i * channels + c : c * pieces_of_channel() + i);
  }
  double count() const { return double(runs) * double(size); }

  struct Piece {
    index_t plane, at;  // the first; in the array
    Runs runs;
    double count() const { return double(runs.runs) * double(runs.n); }
  };
  Piece piece(index_t block, index_t i) const {
    const index_t plane = first(block) + i / pieces_of_channel(), k = i % pieces_of_channel();
    const index_t run = k / parts() * runs_of_piece(), part = k % parts() * kNormPiece;
    return {plane,
            plane * size + run * run_ld + part,
            {std::min(runs_of_piece(), runs - run), run_ld, std::min(kNormPiece, size - part)}};
  }
  bool holds(index_t block, index_t i) const {
    return i < (whole_blocks() ? 1 : width(block)) * pieces_of_channel();
  }
  PlaneBlock planes_of(index_t block, const Piece& p) const {
    return {p.runs.runs, run_ld, width(block), size, p.runs.soon};
  }
  // With what is read after it.
  Piece piece_before_next(index_t block, index_t i) const {
    Piece p = piece(block, i);
    if (streamed) return p;  // as the hardware sees it
    if (holds(block, i + 1)) p.runs.soon = piece(block, i + 1).at - p.at;
    else if (block + 1 < blocks()) p.runs.soon = piece(block + 1, 0).at - p.at;
    return p;
  }

  // The map takes the planes of a block that follow each other, or a part of one.
  bool maps_blocks() const { return size <= kNormPiece; }
  index_t maps() const { return maps_blocks() ? runs : runs * channels * parts(); }
  Piece map(index_t block, index_t i) const {
    if (maps_blocks()) return {first(block), first(block) * size + i * run_ld, {width(block), size, size}};
    const index_t part = i % parts() * kNormPiece, c = i / parts() % channels, run = i / parts() / channels;
    const index_t plane = first(block) + c, n = std::min(kNormPiece, size - part);
    return {plane, plane * size + run * run_ld + part, {1, n, n}};
  }

  TwoPasses passes(index_t sums, index_t maps_of_block, int threads, index_t channel_bytes) const {
    const index_t neighbours = runs > 1 ? parts() : std::max(sums, maps_of_block);
    return {blocks(), sums, maps_of_block, channels * channel_bytes, neighbours, threads, streamed};
  }
};

template <class T>
index_t bytes_of_channel(const ChannelNorm& p, int arrays) {
  return (p.groups ? 1 : p.n) * p.size * arrays * index_t(sizeof(T));
}

double at(const double* values, index_t i, double otherwise) { return values ? values[i] : otherwise; }

}  // namespace

template <class T>
void run_channel_norm(const ChannelNorm& p, const T* x, T* y, const double* weight, const double* bias,
                      double eps, double* mean, double* var) {
  if (!p.groups && p.size < kFewPixels) return run_column_norm(p, x, y, weight, bias, eps, mean, var);
  const index_t bytes = bytes_of_channel<T>(p, 1);
  const Planes planes(p, bytes), sums = planes.batch ? planes : planes.joined();
  const NormKernels<T>& k = norm_kernels<T>(p.isa);
  const index_t pieces = sums.pieces_of_channel();
  const std::unique_ptr<Affine<T>[]> table(new Affine<T>[static_cast<std::size_t>(planes.planes)]);
  two_passes<double>(
      planes.passes(sums.pieces(), planes.maps(), p.threads, bytes), sums.slot(),
      [&](index_t block, index_t i, double* slot) {
        if (!sums.holds(block, i)) return;
        const auto piece = sums.piece_before_next(block, i);
        if (sums.whole_blocks()) k.plane_moments(x + piece.at, sums.planes_of(block, piece), slot);
        else k.moments(x + piece.at, piece.runs, slot);
      },
      [&](index_t block, const double* slots) {
        for (index_t c = 0; c < sums.width(block); ++c) {
          const Moments m =
              joined(pieces, sums.count(), [&](index_t i, double& n, double& of_piece, double& squares) {
                n = sums.piece(block, i).count();
                of_piece = sums.sums_of(slots, c, i)[0];
                squares = sums.sums_of(slots, c, i)[1];
              });
          mean[sums.first(block) + c] = m.mean;
          var[sums.first(block) + c] = m.var;
        }
        for (index_t c = 0; c < planes.width(block); ++c) {
          const index_t plane = planes.first(block) + c, of = planes.batch ? plane : block,
                        w = planes.channel(plane);
          table[plane] =
              affine_of<T>(mean[of], at(weight, w, 1) * inverse_deviation(var[of], eps), at(bias, w, 0));
        }
      },
      [&](index_t block, index_t i) {
        const auto m = planes.map(block, i);
        k.affine(x + m.at, y + m.at, m.runs, table.get() + m.plane, 1);
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
ChannelSums channel_sums(const Planes& planes, const double* slots, index_t c, double mean) {
  ChannelSums s;
  for (index_t i = 0; i < planes.pieces_of_channel(); ++i) {
    const double* const of_piece = planes.sums_of(slots, c, i);
    s.grads += of_piece[0];
    s.products += of_piece[1];
  }
  s.products += (double(T(mean)) - mean) * s.grads;
  return s;
}
// The sums of one piece into its slot.
template <class T>
void sum_piece(const Planes& planes, const NormKernels<T>& k, const T* g, const T* x, const double* mean,
               index_t block, index_t i, double* slot) {
  if (!planes.holds(block, i)) return;
  const auto piece = planes.piece_before_next(block, i);
  if (!planes.whole_blocks()) {
    const double centre = mean[planes.batch ? piece.plane : block];
    return k.sums(g + piece.at, x + piece.at, piece.runs, T(centre), slot);
  }
  T centre[kPlanesOfBlock];
  for (index_t c = 0; c < planes.width(block); ++c) centre[c] = T(mean[piece.plane + c]);
  k.plane_sums(g + piece.at, x + piece.at, planes.planes_of(block, piece), centre, slot);
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
  const index_t bytes = bytes_of_channel<T>(p, 2);
  const Planes planes(p, bytes);
  const NormKernels<T>& k = norm_kernels<T>(p.isa);
  const std::unique_ptr<double[]> cells(new double[static_cast<std::size_t>(2 * planes.planes)]);
  const std::unique_ptr<NormGradient<T>[]> table(
      new NormGradient<T>[static_cast<std::size_t>(planes.planes)]);
  two_passes<double>(
      planes.passes(planes.pieces(), planes.maps(), p.threads, bytes), planes.slot(),
      [&](index_t block, index_t i, double* slot) { sum_piece(planes, k, g, x, mean, block, i, slot); },
      [&](index_t block, const double* slots) {
        const index_t first = planes.first(block), width = planes.width(block);
        ChannelSums of_block;
        for (index_t c = 0; c < width; ++c) {
          const index_t of = planes.batch ? first + c : block;
          const ChannelSums s = channel_sums<T>(planes, slots, c, mean[of]);
          const double w = at(weight, planes.channel(first + c), 1),
                       inverse = inverse_deviation(var[of], eps);
          cells[2 * (first + c)] = s.products * inverse;
          cells[2 * (first + c) + 1] = s.grads;
          of_block.grads += w * s.grads;
          of_block.products += w * s.products;
          if (planes.batch)
            table[first + c] =
                gradient_of<T>(mean[of], inverse, w * inverse, w * s.grads, w * s.products, planes.count());
        }
        if (planes.batch) return;
        const double inverse = inverse_deviation(var[block], eps), count = double(width) * planes.count();
        for (index_t c = 0; c < width; ++c)
          table[first + c] =
              gradient_of<T>(mean[block], inverse, at(weight, planes.channel(first + c), 1) * inverse,
                             of_block.grads, of_block.products, count);
      },
      [&](index_t block, index_t i) {
        const auto m = planes.map(block, i);
        k.gradient(g + m.at, x + m.at, dx + m.at, m.runs, table.get() + m.plane, 1);
      });
  add_images(p.groups ? p.n : 1, p.channels, cells.get(), dw, db);
}

template <class T>
void run_channel_sums(const ChannelNorm& p, const T* g, const T* x, double eps, const double* mean,
                      const double* var, double* dw, double* db) {
  if (p.size < kFewPixels) return run_column_sums(p, g, x, eps, mean, var, dw, db);
  const index_t bytes = bytes_of_channel<T>(p, 2);
  const Planes planes(p, bytes);
  const NormKernels<T>& k = norm_kernels<T>(p.isa);
  two_passes<double>(
      planes.passes(planes.pieces(), 1, p.threads, bytes), planes.slot(),
      [&](index_t block, index_t i, double* slot) { sum_piece(planes, k, g, x, mean, block, i, slot); },
      [&](index_t block, const double* slots) {
        for (index_t c = 0; c < planes.width(block); ++c) {
          const index_t of = planes.first(block) + c;
          const ChannelSums s = channel_sums<T>(planes, slots, c, mean[of]);
          dw[of] = s.products * inverse_deviation(var[of], eps);
          db[of] = s.grads;
        }
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
