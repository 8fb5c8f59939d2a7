// SPDX-License-Identifier: MIT
// Errors. A text reads `function: rule, but got name=value`; the binding turns the classes below
// into Python's ValueError, TypeError and KeyboardInterrupt (whatever signal handler raised).
#pragma once
#include <sstream>
#include <stdexcept>
#include <string>

#include "core/shape.hpp"

namespace ndnn {

struct ValueError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};
struct TypeError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};
struct Interrupted : std::exception {};  // a signal handler raised while the kernel ran

// `(3,)`, `(1, 2)`: sizes as Python prints a tuple.
struct Tuple {
  const index_t* data;
  int size;
};
inline std::ostream& operator<<(std::ostream& out, const Tuple& t) {
  out << '(';
  for (int i = 0; i < t.size; ++i) out << (i ? ", " : "") << t.data[i];
  return out << (t.size == 1 ? ",)" : ")");
}
// The last `rank` of the three axes.
inline Tuple tail(const Axes& a, int rank) { return {a.data() + (kMaxSpatial - rank), rank}; }

template <class... Parts>
[[gnu::cold, gnu::noinline]] std::string concat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}
template <class... Parts>
[[noreturn, gnu::cold, gnu::noinline]] void value_error(const Parts&... parts) {
  throw ValueError(concat(parts...));
}
template <class... Parts>
[[noreturn, gnu::cold, gnu::noinline]] void type_error(const Parts&... parts) {
  throw TypeError(concat(parts...));
}

}  // namespace ndnn

// NDNN_CHECK(stride > 0, fn, ": stride must be at least 1, but got stride=", stride);
#define NDNN_CHECK(condition, ...)                                           \
  do {                                                                       \
    if (__builtin_expect(!(condition), 0)) ::ndnn::value_error(__VA_ARGS__); \
  } while (false)
