// SPDX-License-Identifier: MIT
// ndnn_selftest: the core against plain sums, without Python, for sanitizers and emulators.
// Exit code 1: something differs; 2: an option is wrong.
#include <charconv>
#include <cstdio>

#include "check.hpp"
#include "core/check.hpp"
#include "core/parallel.hpp"

namespace ndnn::selftest {
namespace {

constexpr const char* kHelp =
    "ndnn_selftest [--isa=NAME] [--random=N] [--seed=N] | --isa-list\n"
    "  --isa=NAME   only this instruction set (default: all of this machine)\n"
    "  --random=N   random geometries besides the awkward ones (default: 50)\n"
    "  --seed=N     of the random geometries (default: 1)\n"
    "  --isa-list   print the instruction sets of this machine, worst first, and stop";

int parse_number(const std::string& key, const std::string& text) {
  int n = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, n);
  NDNN_CHECK(error == std::errc() && stop == end && n >= 0, key, " must be a whole number, but got '", text,
             "'");
  return n;
}

void print_isas(const char* before, const std::vector<Isa>& isas) {
  std::printf("%s", before);
  for (const Isa isa : isas) std::printf("%s%s", isa == isas.front() ? "" : " ", isa_name(isa));
  std::printf("\n");
}

int run(int argc, char** argv) {
  std::vector<Isa> isas = supported_isas();
  int random = 50, seed = 1;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    const std::size_t at = arg.find('=');
    const std::string key = arg.substr(0, at), value = at == std::string::npos ? "" : arg.substr(at + 1);
    if (arg == "--isa-list") return print_isas("", isas), 0;
    if (arg == "--help") return std::puts(kHelp), 0;
    if (key == "--isa") {
      force_isa(value);
      isas = {active_isa()};
    } else if (key == "--random") {
      random = parse_number(key, value);
    } else if (key == "--seed") {
      seed = parse_number(key, value);
    } else {
      value_error("no such option, but got '", arg, "'; see --help");
    }
  }
  std::printf("chosen: %s\n", isa_name(active_isa()));
  print_isas("tested: ", isas);
  Tally tally;
  check_activations(isas, tally);
  check_norms(random, isas, tally);
  check_losses(random, isas, tally);
  check_fold(isas, random, static_cast<std::uint64_t>(seed), tally);
  check_resize(8 * random, static_cast<std::uint64_t>(seed), isas, tally);
  check_max_pool(2 * random, static_cast<std::uint64_t>(seed), isas, tally);
  check_maps(random / 5, static_cast<std::uint64_t>(seed), isas, tally);
  std::vector<Case> cases = awkward_cases();
  for (Case& c : random_cases(random, static_cast<std::uint64_t>(seed))) cases.push_back(std::move(c));
  for (const Case& c : cases) {
    check_case(c, isas, tally);
    check_gradient(c, isas, tally);
  }
  std::printf("%d passed, %d failed\n", tally.passed, tally.failed);
  return tally.failed ? 1 : 0;
}

}  // namespace
}  // namespace ndnn::selftest

int main(int argc, char** argv) {
  try {
    return ndnn::selftest::run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "ndnn_selftest: %s\n", e.what());
    return 2;
  }
}
