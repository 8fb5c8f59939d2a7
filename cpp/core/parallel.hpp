// SPDX-License-Identifier: MIT
// The only place with OpenMP. Who may run how many threads, and how a loop is dealt to them.
#pragma once
#include <algorithm>
#include <type_traits>

#include "core/shape.hpp"

namespace ndnn {

// The process-wide limit: NDNN_NUM_THREADS, else the CPUs this process may use (affinity, cgroup quota).
int thread_limit();
void set_thread_limit(int n);  // n >= 1
int usable_cpus();

// Threads that a call from this thread may use: min(limit, OpenMP's own limit for this thread, which is
// what OMP_NUM_THREADS and threadpoolctl set); 1 after fork and inside someone else's parallel region.
int max_threads(int limit);
bool after_fork();
const char* openmp_name();
// Worker threads that ndnn holds now, over all calling threads; never above thread_limit() - 1.
int worker_count();

// Called in the calling thread between chunks of about 100 ms, outside any region; true stops the loop
// and throws Interrupted. The binding installs one that lets Python handle signals.
using InterruptHook = bool (*)();
void set_interrupt_hook(InterruptHook hook);

constexpr double kCyclesPerMicrosecond = 4000;  // of one core, about
constexpr double kSerialMicroseconds = 15;      // below, a second thread brings nothing; 23 us become 15
// Threads worth their start for so many cycles of work.
inline int useful_threads(double cycles, int max_threads) {
  const double wanted = cycles / kCyclesPerMicrosecond / (kSerialMicroseconds / 2);
  return wanted < 2 ? 1 : static_cast<int>(std::min<double>(max_threads, wanted));
}

using TaskFn = void (*)(void* context, index_t task, int thread);  // must not throw
// Runs fn for every task in [0, tasks), each once, on at most `threads` threads. Which thread runs a
// task is not fixed, so tasks write disjoint data and sum in an order of their own.
void parallel_run(int threads, index_t tasks, TaskFn fn, void* context);

template <class Body>
void parallel_for(int threads, index_t tasks, Body&& body) {
  parallel_run(
      threads, tasks,
      [](void* context, index_t task, int thread) {
        (*static_cast<std::remove_reference_t<Body>*>(context))(task, thread);
      },
      &body);
}

}  // namespace ndnn
