// SPDX-License-Identifier: MIT
// ndnn_bench: the core alone, without Python, on the named shapes. All but our three options go to Google
// Benchmark. Exit code 2: an option or a shape file is wrong, or nothing matches the filter.
#include <benchmark/benchmark.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <cstdio>

#include "conv_bench.hpp"
#include "core/check.hpp"
#include "core/parallel.hpp"
#include "peak.hpp"

namespace ndnn::bench {
namespace {

struct Options {
  std::string shapes = NDNN_SHAPES;
  int threads = 1;
};

void print_help() {
  std::puts(
      "ndnn_bench [--shapes=DIR] [--threads=N] [--isa=NAME] [options of Google Benchmark]\n"
      "  --shapes=DIR             folder of the shape files (default: bench/shapes)\n"
      "  --threads=N              threads of each call (default: 1)\n"
      "  --isa=NAME               instruction set (default: the best)\n"
      "  --benchmark_filter=REGEX --benchmark_min_time=SECONDS --benchmark_repetitions=N\n"
      "  --benchmark_out=FILE --benchmark_out_format=json|csv --benchmark_list_tests=true ...\n"
      "GFLOP/s counts two operations for each multiply-add of the plain sum; peak is its share of what\n"
      "multiply-adds on registers reach here, measured at start.");
}

// Takes our options out of argv.
Options take_options(int* argc, char** argv) {
  Options o;
  int kept = 1;
  for (int i = 1; i < *argc; ++i) {
    const std::string arg = argv[i];
    const std::size_t at = arg.find('=');
    const std::string key = arg.substr(0, at), value = at == std::string::npos ? "" : arg.substr(at + 1);
    if (key == "--shapes") o.shapes = value;
    else if (key == "--threads") o.threads = static_cast<int>(parse_number(key, value, 1, 65536));
    else if (key == "--isa") force_isa(value);
    else argv[kept++] = argv[i];
  }
  *argc = kept;
  return o;
}

// Freed memory stays in the process: fresh pages cost more than many a convolution.
void keep_memory() {
#ifdef __GLIBC__
  mallopt(M_TRIM_THRESHOLD, 2147483647);
  mallopt(M_MMAP_MAX, 0);
#endif
}

int run(int argc, char** argv) {
  benchmark::Initialize(&argc, argv, print_help);
  const Options o = take_options(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  keep_memory();
  const std::vector<NamedShape> shapes = load_shapes(o.shapes);
  set_thread_limit(o.threads);
  const int threads = max_threads(o.threads);  // fewer where OMP_NUM_THREADS says so
  const double peak = measure_peak(active_isa(), threads);
  benchmark::AddCustomContext("isa", isa_name(active_isa()));
  benchmark::AddCustomContext("threads", std::to_string(threads));
  benchmark::AddCustomContext("peak GFLOP/s", std::to_string(peak * 1e-9));
  for (const NamedShape& shape : shapes) register_conv(shape, threads, peak);
  const bool ran = benchmark::RunSpecifiedBenchmarks() > 0;
  benchmark::Shutdown();
  return ran ? 0 : 2;
}

}  // namespace
}  // namespace ndnn::bench

int main(int argc, char** argv) {
  try {
    return ndnn::bench::run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "ndnn_bench: %s\n", e.what());
    return 2;
  }
}
