// SPDX-License-Identifier: MIT
#include "core/parallel.hpp"

#include <pthread.h>
#ifdef __linux__
#include <sched.h>
#endif
#ifdef _OPENMP
#include <omp.h>
#endif

#include <algorithm>
#include <atomic>
#include <cctype>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "core/check.hpp"

namespace ndnn {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kInterruptInterval = std::chrono::milliseconds(100);

std::atomic<int> g_limit{0};    // 0: not read yet
std::atomic<int> g_workers{0};  // threads of all teams, without the threads that call
std::atomic<bool> g_forked{false};
std::atomic<InterruptHook> g_hook{nullptr};

// CPUs granted by a cgroup quota (v2, then v1), rounded up; a large number where there is none.
int cgroup_cpus() {
  double quota = -1, period = 100000;
  if (FILE* f = std::fopen("/sys/fs/cgroup/cpu.max", "r")) {
    if (std::fscanf(f, "%lf %lf", &quota, &period) < 1) quota = -1;  // "max 100000": no limit
    std::fclose(f);
  } else if (FILE* q = std::fopen("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "r")) {
    if (std::fscanf(q, "%lf", &quota) != 1) quota = -1;
    std::fclose(q);
    if (FILE* p = std::fopen("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "r")) {
      if (std::fscanf(p, "%lf", &period) != 1) period = 100000;
      std::fclose(p);
    }
  }
  if (!(quota > 0) || !(period > 0)) return 1 << 20;
  return std::max(1, static_cast<int>(std::min(std::ceil(quota / period), 1048576.0)));
}

int read_limit() {
  if (const char* text = std::getenv("NDNN_NUM_THREADS"); text && *text) {
    char* end = nullptr;
    const long n = std::strtol(text, &end, 10);
    NDNN_CHECK(*end == 0 && n >= 1 && n <= 65536,
               "ndnn: NDNN_NUM_THREADS must be a whole number from 1 to 65536, but got '", text, "'");
    return static_cast<int>(n);
  }
#ifdef _OPENMP
  if (const char* text = std::getenv("OMP_NUM_THREADS"); text && *text) return omp_get_max_threads();
#endif
  return usable_cpus();
}

void on_fork_child() {
  g_forked.store(true);
  g_workers.store(0);
}
struct ForkHandler {
  ForkHandler() { pthread_atfork(nullptr, nullptr, &on_fork_child); }
} g_fork_handler;

#ifdef _OPENMP
// The stack of libgomp's threads, where OMP_STACKSIZE or GOMP_STACKSIZE (kB unless a unit follows) sets it.
std::size_t worker_stack_bytes() {
  const char* text = std::getenv("OMP_STACKSIZE");
  if (!text) text = std::getenv("GOMP_STACKSIZE");
  if (!text) return 0;
  char* end = nullptr;
  const unsigned long long n = std::strtoull(text, &end, 10);
  while (*end == ' ') ++end;
  const char unit = static_cast<char>(std::tolower(*end));
  const int shift = unit == 'b' ? 0 : unit == 'm' ? 20 : unit == 'g' ? 30 : 10;
  return n < (1ull << 30) ? static_cast<std::size_t>(n) << shift : 0;
}

// libgomp ends the process when it cannot create a thread, so ask the system first: this many threads,
// all alive at once, or none.
bool can_create(int threads) {
  struct Gate {
    pthread_mutex_t mutex;
    bool open = false;
    pthread_cond_t opened;
  } gate;
  pthread_mutex_init(&gate.mutex, nullptr);
  pthread_cond_init(&gate.opened, nullptr);
  const auto wait = [](void* p) -> void* {
    auto* g = static_cast<Gate*>(p);
    pthread_mutex_lock(&g->mutex);
    while (!g->open) pthread_cond_wait(&g->opened, &g->mutex);
    pthread_mutex_unlock(&g->mutex);
    return nullptr;
  };
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  if (const std::size_t bytes = worker_stack_bytes()) pthread_attr_setstacksize(&attributes, bytes);
  std::vector<pthread_t> made;
  made.reserve(static_cast<std::size_t>(threads));
  for (int i = 0; i < threads; ++i) {
    pthread_t id;
    if (pthread_create(&id, &attributes, wait, &gate) != 0) break;
    made.push_back(id);
  }
  pthread_mutex_lock(&gate.mutex);
  gate.open = true;
  pthread_cond_broadcast(&gate.opened);
  pthread_mutex_unlock(&gate.mutex);
  for (const pthread_t id : made) pthread_join(id, nullptr);
  pthread_attr_destroy(&attributes);
  pthread_cond_destroy(&gate.opened);
  pthread_mutex_destroy(&gate.mutex);
  return static_cast<int>(made.size()) == threads;
}

// libgomp keeps a team per calling thread. The workers of all teams together stay below the process
// limit: a thread that finds none left runs its loop alone. Given back when the thread ends.
struct OwnTeam {
  int workers = 0;
  ~OwnTeam() { resize(0); }
  void resize(int n) {
    if (!g_forked.load(std::memory_order_relaxed)) g_workers.fetch_add(n - workers);
    workers = n;
  }
};
thread_local OwnTeam t_team;

// The team for a region that would like `wanted` threads.
int reserve_team(int wanted) {
  const int missing = wanted - 1 - t_team.workers;
  if (missing > 0) {
    const int allowed = std::max(0, thread_limit() - 1);
    int alive = g_workers.load();
    int take = 0;
    do {
      take = std::clamp(allowed - alive, 0, missing);
    } while (take > 0 && !g_workers.compare_exchange_weak(alive, alive + take));
    if (take > 0 && !can_create(take)) {
      g_workers.fetch_sub(take);
      return 1;
    }
    t_team.workers += take;
  } else if (missing < 0) {
    t_team.resize(wanted - 1);  // libgomp ends the workers that a smaller team leaves over
  }
  return t_team.workers + 1;
}
#endif

}  // namespace

int usable_cpus() {
  int cpus = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) cpus = std::max(1, CPU_COUNT(&set));
#endif
  return std::min(cpus, cgroup_cpus());
}

int thread_limit() {
  int n = g_limit.load(std::memory_order_relaxed);
  if (n == 0) {
    n = read_limit();
    g_limit.store(n);
  }
  return n;
}
void set_thread_limit(int n) { g_limit.store(n); }

int max_threads(int limit) {
  if (limit <= 1 || g_forked.load(std::memory_order_relaxed)) return 1;
#ifdef _OPENMP
  if (omp_in_parallel()) return 1;
  return std::max(1, std::min(limit, omp_get_max_threads()));
#else
  return 1;
#endif
}

bool after_fork() { return g_forked.load(); }
int worker_count() { return g_workers.load(); }

const char* openmp_name() {
#if defined(_OPENMP) && defined(__clang__)
  return "libomp";
#elif defined(_OPENMP)
  return "libgomp";
#else
  return "none";
#endif
}

void set_interrupt_hook(InterruptHook hook) { g_hook.store(hook); }

void parallel_run(int threads, index_t tasks, TaskFn fn, void* context) {
  if (tasks <= 0) return;
  const InterruptHook hook = g_hook.load(std::memory_order_relaxed);
  if (tasks == 1) return fn(context, 0, 0);
  if (threads <= 1 || g_forked.load(std::memory_order_relaxed)) {
    auto next_check = Clock::now() + kInterruptInterval;
    for (index_t i = 0; i < tasks; ++i) {
      fn(context, i, 0);
      if (hook && i + 1 < tasks && Clock::now() >= next_check) {
        if (hook()) throw Interrupted();
        next_check = Clock::now() + kInterruptInterval;
      }
    }
    return;
  }
#ifdef _OPENMP
  const int team = reserve_team(static_cast<int>(std::min<index_t>(threads, tasks)));
  if (team <= 1) return parallel_run(1, tasks, fn, context);
  std::atomic<index_t> next{0};
  while (true) {
    const auto deadline = Clock::now() + kInterruptInterval;
#pragma omp parallel num_threads(team)
    {
      const int thread = omp_get_thread_num();
      for (index_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < tasks;) {
        fn(context, i, thread);
        if (hook && Clock::now() >= deadline) break;
      }
    }
    if (next.load() >= tasks) return;
    if (hook && hook()) throw Interrupted();
  }
#else
  return parallel_run(1, tasks, fn, context);
#endif
}

}  // namespace ndnn
