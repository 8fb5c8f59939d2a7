// SPDX-License-Identifier: MIT
// Vectors of the instruction set being compiled, as GCC/Clang vector extensions: +, -, * and
// comparisons are the language's own, and a*b + c contracts to one FMA where the set has it.
// Included after isa_begin.hpp, inside its region and namespace; includes nothing itself.
#pragma once

#define NDNN_INLINE inline __attribute__((always_inline))

constexpr int kVecBytes = NDNN_VEC_BYTES;
constexpr int kRegisters = NDNN_VEC_REGISTERS;

template <class T>
struct VecType {
  static constexpr int lanes = kVecBytes / sizeof(T);
  typedef T type __attribute__((vector_size(kVecBytes)));
  typedef T unaligned __attribute__((vector_size(kVecBytes), aligned(alignof(T)), may_alias));
};
template <class T>
using Vec = typename VecType<T>::type;
template <class T>
constexpr int kLanes = VecType<T>::lanes;

template <class T>
NDNN_INLINE Vec<T> load(const T* p) {
  return *reinterpret_cast<const typename VecType<T>::unaligned*>(p);
}
template <class T>
NDNN_INLINE void store(T* p, Vec<T> v) {
  *reinterpret_cast<typename VecType<T>::unaligned*>(p) = v;
}

#if NDNN_VEC_BYTES == 64
template <class Mask>
NDNN_INLINE Mask first_lanes(index_t n) {
  return static_cast<Mask>((1u << n) - 1);
}
#endif
// Copies n < kLanes<T> elements and touches no others: two pieces that overlap.
template <class T, int kN = kLanes<T> / 2>
NDNN_INLINE void copy_few(const T* src, T* dst, index_t n) {
  if (n >= 2 * kN) __builtin_unreachable();
  if (n >= kN) {
    struct Piece {
      T v[kN];
    } first, last;
    __builtin_memcpy(&first, src, sizeof(Piece));
    __builtin_memcpy(&last, &src[n - kN], sizeof(Piece));
    __builtin_memcpy(dst, &first, sizeof(Piece));
    __builtin_memcpy(&dst[n - kN], &last, sizeof(Piece));
  } else if constexpr (kN > 1) {
    copy_few<T, kN / 2>(src, dst, n);
  }
}

// These touch the first n < kLanes<T> elements and no others; lanes beyond are loaded as zeros.
template <class T>
NDNN_INLINE Vec<T> load_part(const T* p, index_t n) {
#if NDNN_VEC_BYTES == 64
  if constexpr (sizeof(T) == 4) return (Vec<T>)_mm512_maskz_loadu_ps(first_lanes<__mmask16>(n), p);
  else return (Vec<T>)_mm512_maskz_loadu_pd(first_lanes<__mmask8>(n), p);
#else
  T lanes[kLanes<T>]{};
  copy_few(p, lanes, n);
  return load(lanes);
#endif
}
template <class T>
NDNN_INLINE void store_part(T* p, Vec<T> v, index_t n) {
#if NDNN_VEC_BYTES == 64
  if constexpr (sizeof(T) == 4) _mm512_mask_storeu_ps(p, first_lanes<__mmask16>(n), (__m512)v);
  else _mm512_mask_storeu_pd(p, first_lanes<__mmask8>(n), (__m512d)v);
#else
  T lanes[kLanes<T>];
  store(lanes, v);
  copy_few(lanes, p, n);
#endif
}
template <class T>
NDNN_INLINE void copy_part(const T* src, T* dst, index_t n) {
#if NDNN_VEC_BYTES == 64
  store_part(dst, load_part(src, n), n);
#else
  copy_few(src, dst, n);
#endif
}

// Half of the floats as doubles: the lower (0) or upper (1) lanes.
template <int kHalf, int... J>
NDNN_INLINE Vec<double> widen(Vec<float> v, std::integer_sequence<int, J...>) {
  const auto half = __builtin_shufflevector(v, v, (J + kHalf * kLanes<double>)...);
#if NDNN_VEC_BYTES == 64  // GCC 12 would convert four at a time; without a mask, its header warns
  return (Vec<double>)_mm512_maskz_cvtps_pd(static_cast<__mmask8>(-1), (__m256)half);
#else
  return __builtin_convertvector(half, Vec<double>);
#endif
}
template <int kHalf>
NDNN_INLINE Vec<double> widen(Vec<float> v) {
  return widen<kHalf>(v, std::make_integer_sequence<int, kLanes<double>>{});
}

// x - 0 is x for every x, so the compiler drops the subtraction; x + 0 would turn -0 into 0.
template <class T>
NDNN_INLINE Vec<T> broadcast(T x) {
  return x - Vec<T>{};
}

// The larger and the smaller of two: one instruction. nan in b passes, nan in a does not. Masks of all lanes,
// as GCC 12 warns of the undefined vector that the intrinsics without a mask start from.
template <class T>
NDNN_INLINE Vec<T> larger(Vec<T> a, Vec<T> b) {
#if NDNN_VEC_BYTES == 64
  if constexpr (sizeof(T) == 4) return (Vec<T>)_mm512_maskz_max_ps(__mmask16(-1), (__m512)a, (__m512)b);
  else return (Vec<T>)_mm512_maskz_max_pd(__mmask8(-1), (__m512d)a, (__m512d)b);
#else
  return a > b ? a : b;
#endif
}
template <class T>
NDNN_INLINE Vec<T> smaller(Vec<T> a, Vec<T> b) {
#if NDNN_VEC_BYTES == 64
  if constexpr (sizeof(T) == 4) return (Vec<T>)_mm512_maskz_min_ps(__mmask16(-1), (__m512)a, (__m512)b);
  else return (Vec<T>)_mm512_maskz_min_pd(__mmask8(-1), (__m512d)a, (__m512d)b);
#else
  return a < b ? a : b;
#endif
}
// One instruction of the set in files that are compiled with -fno-math-errno (CMakeLists.txt).
template <class T>
NDNN_INLINE Vec<T> square_root(Vec<T> v) {
  T lanes[kLanes<T>];
  store(lanes, v);
  for (T& x : lanes) x = sizeof(T) == 4 ? T(__builtin_sqrtf(float(x))) : T(__builtin_sqrt(double(x)));
  return load(lanes);
}
#if NDNN_VEC_BYTES > 16
// a*b + c rounded once, where that matters: the compiler does not make one FMA of every such expression.
template <class T>
NDNN_INLINE Vec<T> multiply_add(Vec<T> a, Vec<T> b, Vec<T> c) {
#if NDNN_VEC_BYTES == 64
  if constexpr (sizeof(T) == 4) return (Vec<T>)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
  else return (Vec<T>)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#else
  if constexpr (sizeof(T) == 4) return (Vec<T>)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
  else return (Vec<T>)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#endif
}
#endif
#if NDNN_VEC_BYTES == 64
// v * 2^k for whole k, rounded once, also to subnormal numbers.
template <class T>
NDNN_INLINE Vec<T> times_power_of_two(Vec<T> v, Vec<T> k) {
  if constexpr (sizeof(T) == 4) return (Vec<T>)_mm512_maskz_scalef_ps(__mmask16(-1), (__m512)v, (__m512)k);
  else return (Vec<T>)_mm512_maskz_scalef_pd(__mmask8(-1), (__m512d)v, (__m512d)k);
}
#endif

// Masks of lanes. Only sets with kMaskedLanes have them, where they cost next to nothing.
constexpr bool kMaskedLanes = NDNN_VEC_BYTES == 64;
#if NDNN_VEC_BYTES == 64
template <class T>
using LaneMask = std::conditional_t<sizeof(T) == 4, __mmask16, __mmask8>;
// Lanes l with begin <= l < end, which may lie beyond the vector.
template <class T>
NDNN_INLINE LaneMask<T> lanes_between(index_t begin, index_t end) {
  constexpr index_t kL = kLanes<T>;
  if (begin <= 0 && end >= kL) return static_cast<LaneMask<T>>(~0u);
  const auto first = [](index_t n) { return n <= 0 ? 0u : n >= kL ? ~0u : (1u << n) - 1; };
  return static_cast<LaneMask<T>>(first(end) & ~first(begin));
}
// Other lanes are zero and not read.
template <class T>
NDNN_INLINE Vec<T> load_masked(const T* p, LaneMask<T> m) {
  if constexpr (sizeof(T) == 4) return (Vec<T>)_mm512_maskz_loadu_ps(m, p);
  else return (Vec<T>)_mm512_maskz_loadu_pd(m, p);
}
// every_second_in_pieces() of a run of elements gives them in this order; in_pieces() does the
// same to one vector, in_order() undoes it.
template <class T>
constexpr int piecewise(int lane) {  // the element that `lane` holds
  constexpr int kHalf = 8 / sizeof(T);
  const int piece = lane / (2 * kHalf), q = lane % (2 * kHalf);
  return piece * kHalf + q % kHalf + q / kHalf * kLanes<T> / 2;
}
template <class T>
constexpr int piecewise_lane(int element) {
  for (int lane = 0;; ++lane)
    if (piecewise<T>(lane) == element) return lane;
}
template <class T, int kOdd, int... J>
NDNN_INLINE Vec<T> every_second_in_pieces(Vec<T> a, Vec<T> b, std::integer_sequence<int, J...>) {
  return __builtin_shufflevector(a, b, (2 * piecewise<T>(J) + kOdd)...);
}
template <class T, int... J>
NDNN_INLINE Vec<T> in_pieces(Vec<T> v, std::integer_sequence<int, J...>) {
  return __builtin_shufflevector(v, v, piecewise<T>(J)...);
}
template <class T, int... J>
NDNN_INLINE Vec<T> in_order(Vec<T> v, std::integer_sequence<int, J...>) {
  return __builtin_shufflevector(v, v, piecewise_lane<T>(J)...);
}
// The next element of each, in that order; `after` holds the one that follows the last.
template <class T, int... J>
NDNN_INLINE Vec<T> next_in_pieces(Vec<T> v, Vec<T> after, std::integer_sequence<int, J...>) {
  constexpr int kL = kLanes<T>;
  return __builtin_shufflevector(
      v, after, (piecewise<T>(J) + 1 < kL ? piecewise_lane<T>((piecewise<T>(J) + 1) % kL) : kL)...);
}
// lanes_between() of vectors in that order.
template <class T, int... J>
NDNN_INLINE LaneMask<T> lanes_between_in_pieces(index_t begin, index_t end,
                                                std::integer_sequence<int, J...>) {
  using Word = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  if (begin <= 0 && end >= kLanes<T>) return static_cast<LaneMask<T>>(~0u);
  const auto clamp = [](index_t n) { return broadcast(static_cast<Word>(n < 0 ? 0 : n > 64 ? 64 : n)); };
  const Vec<Word> element = {piecewise<T>(J)...};
  const auto inside = (element >= clamp(begin)) & (element < clamp(end));
  if constexpr (sizeof(T) == 4) return _mm512_movepi32_mask((__m512i)inside);
  else return _mm512_movepi64_mask((__m512i)inside);
}
// acc + a*b in the lanes of m, acc in others.
template <class T>
NDNN_INLINE Vec<T> fma_masked(Vec<T> acc, Vec<T> a, Vec<T> b, LaneMask<T> m) {
  if constexpr (sizeof(T) == 4) return (Vec<T>)_mm512_mask3_fmadd_ps((__m512)a, (__m512)b, (__m512)acc, m);
  else return (Vec<T>)_mm512_mask3_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)acc, m);
}
#endif

// Every second lane of the 2*kLanes elements a, b: from lane 0 (kOdd = 0) or 1.
template <class T, int kOdd, int... J>
NDNN_INLINE Vec<T> every_second(Vec<T> a, Vec<T> b, std::integer_sequence<int, J...>) {
  return __builtin_shufflevector(a, b, (2 * J + kOdd)...);
}
template <class T, int kOdd>
NDNN_INLINE Vec<T> every_second(Vec<T> a, Vec<T> b) {
  return every_second<T, kOdd>(a, b, std::make_integer_sequence<int, kLanes<T>>{});
}

// All lanes joined, by halves, in every lane.
template <class T, int kStep, class Join, int... J>
NDNN_INLINE Vec<T> across(Vec<T> v, Join join, std::integer_sequence<int, J...> lanes) {
  v = join(v, __builtin_shufflevector(v, v, (J ^ kStep)...));
  if constexpr (kStep > 1) return across<T, kStep / 2>(v, join, lanes);
  else return v;
}
template <class T, class Join>
NDNN_INLINE Vec<T> across(Vec<T> v, Join join) {
  return across<T, kLanes<T> / 2>(v, join, std::make_integer_sequence<int, kLanes<T>>{});
}
template <class T>
NDNN_INLINE Vec<T> sum_across(Vec<T> v) {
  return across<T>(v, [](Vec<T> a, Vec<T> b) { return a + b; });
}

// Lanes chosen at run time: lane index[l] of a, or of a and then b; index bits above those are ignored.
// Sets without such an instruction go through memory.
constexpr bool kPermutes = NDNN_VEC_BYTES >= 32;
template <class T>
using LaneIndex = Vec<std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>>;
template <class T>
NDNN_INLINE Vec<T> permute(Vec<T> a, LaneIndex<T> index) {
#if NDNN_VEC_BYTES == 64
  // All lanes are kept; GCC 12 warns of the plain forms.
  if constexpr (sizeof(T) == 4) return (Vec<T>)_mm512_maskz_permutexvar_ps(0xffff, (__m512i)index, (__m512)a);
  else return (Vec<T>)_mm512_maskz_permutexvar_pd(0xff, (__m512i)index, (__m512d)a);
#elif NDNN_VEC_BYTES == 32
  if constexpr (sizeof(T) == 8) {  // as pairs of 32-bit lanes
    const LaneIndex<T> low = index * 2;
    index = low | ((low + 1) << 32);
  }
  return (Vec<T>)_mm256_permutevar8x32_ps((__m256)a, (__m256i)index);
#else
  Vec<T> v;
  for (int l = 0; l < kLanes<T>; ++l) v[l] = a[index[l] & (kLanes<T> - 1)];
  return v;
#endif
}
template <class T>
NDNN_INLINE Vec<T> permute(Vec<T> a, Vec<T> b, LaneIndex<T> index) {
#if NDNN_VEC_BYTES == 64
  if constexpr (sizeof(T) == 4) return (Vec<T>)_mm512_permutex2var_ps((__m512)a, (__m512i)index, (__m512)b);
  else return (Vec<T>)_mm512_permutex2var_pd((__m512d)a, (__m512i)index, (__m512d)b);
#else
  return (index & kLanes<T>) != 0 ? permute<T>(b, index) : permute<T>(a, index);
#endif
}

// Loads stay on their side of it. GCC moves the loads of a long unrolled block to its start, and spills them.
NDNN_INLINE void load_barrier() { __asm__ __volatile__("" ::: "memory"); }

// v is in a register from here on, not loaded again as the operand of each of its uses.
template <class V>
NDNN_INLINE void keep_in_register(V& v) {
  if constexpr (std::is_pointer_v<V> || std::is_integral_v<V>) {
    __asm__("" : "+r"(v));
    return;
  }
#if defined(__aarch64__)
  __asm__("" : "+w"(v));
#elif NDNN_VEC_BYTES == 64
  __asm__("" : "+v"(v));
#else
  __asm__("" : "+x"(v));
#endif
}

// Transposition of a lanes x lanes block in memory, `e` columns at a time: vectors are filled with 128-bit
// pieces of rows e apart, so that the shuffles stay within 128-bit lanes and four registers suffice.
template <class T>
constexpr int kPiece = 16 / sizeof(T);  // elements of a 128-bit piece

template <class T, int kBytes>
struct Pieces {
  typedef T type __attribute__((vector_size(kBytes)));
  typedef T unaligned __attribute__((vector_size(16), aligned(alignof(T)), may_alias));
  // rows at p, p + ld, ... fill the pieces from the lowest up
  static NDNN_INLINE type load(const T* p, index_t ld) {
    if constexpr (kBytes == 16) {
      return *reinterpret_cast<const unaligned*>(p);
    } else {
      using Half = Pieces<T, kBytes / 2>;
      return join(Half::load(p, ld), Half::load(p + kBytes / 32 * ld, ld),
                  std::make_integer_sequence<int, kBytes / sizeof(T)>{});
    }
  }
  template <class H, int... J>
  static NDNN_INLINE type join(H low, H high, std::integer_sequence<int, J...>) {
    return __builtin_shufflevector(low, high, J...);
  }
};

// Lane of step D of a butterfly: groups of D lanes change places between two vectors.
template <int D, int kSecond>
constexpr int butterfly_lane(int j, int lanes) {
  const bool upper = (j & D) != 0;
  if (kSecond) return upper ? lanes + j : j + D;
  return upper ? lanes + j - D : j;
}
template <class T, int D, int kSecond, int... J>
NDNN_INLINE Vec<T> butterfly(Vec<T> a, Vec<T> b, std::integer_sequence<int, J...>) {
  return __builtin_shufflevector(a, b, butterfly_lane<D, kSecond>(J, kLanes<T>)...);
}

// Calls out(j, column j of the block) for every j; row i of the block is at src + i*ld.
template <class T, class Out>
NDNN_INLINE void transpose_block(const T* src, index_t ld, Out&& out) {
  using J = std::make_integer_sequence<int, kLanes<T>>;
  constexpr int e = kPiece<T>;
#pragma GCC unroll 4
  for (int q = 0; q < kLanes<T>; q += e) {
    Vec<T> v[e];
#pragma GCC unroll 4
    for (int i = 0; i < e; ++i) v[i] = Pieces<T, kVecBytes>::load(src + i * ld + q, e * ld);
#pragma GCC unroll 2
    for (int i = 0; i < e; i += 2) {
      const Vec<T> a = v[i], b = v[i + 1];
      v[i] = butterfly<T, 1, 0>(a, b, J{});
      v[i + 1] = butterfly<T, 1, 1>(a, b, J{});
    }
    if constexpr (e == 4) {
#pragma GCC unroll 2
      for (int i = 0; i < 2; ++i) {
        const Vec<T> a = v[i], b = v[i + 2];
        v[i] = butterfly<T, 2, 0>(a, b, J{});
        v[i + 2] = butterfly<T, 2, 1>(a, b, J{});
      }
    }
#pragma GCC unroll 4
    for (int i = 0; i < e; ++i) out(q + i, v[i]);
  }
}
