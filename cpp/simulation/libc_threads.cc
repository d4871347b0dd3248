// Threads, locks and time of the C library: see libc.h. A lock lies where the library's own would,
// in its memory, so that it may be shared, and be used outside of the world before and after.
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>

#include "launchpad/base/check.h"
#include "simulation/libc.h"

namespace lp::simulation {
namespace {

constexpr uint64_t kSpuriousOneIn = 128;
// How long others run when a thread lets them.
constexpr Time kYielded = 10 * kMicrosecond;

World::Thread* thread_of(pthread_t handle) { return reinterpret_cast<World::Thread*>(handle); }

bool is_recursive(const pthread_mutex_t& mutex) {
  return (mutex.__data.__kind & 3) == PTHREAD_MUTEX_RECURSIVE;
}

bool try_lock(pthread_mutex_t& mutex) {
  auto& data = mutex.__data;
  const int self = World::current()->id;
  if (data.__lock == 0) {
    data.__lock = 1;
    data.__owner = self;
    return true;
  }
  if (!is_recursive(mutex) || data.__owner != self) return false;
  ++data.__lock;
  return true;
}

void lock(pthread_mutex_t& mutex) {
  while (!try_lock(mutex)) {
    LP_CHECK(mutex.__data.__owner != World::current()->id) << "a thread locks twice";
    World::get().wait(&mutex, std::nullopt, "a lock");
  }
}

void unlock(pthread_mutex_t& mutex) {
  LP_CHECK(mutex.__data.__lock > 0) << "unlocked what was not locked";
  if (--mutex.__data.__lock > 0) return;
  mutex.__data.__owner = 0;
  World::get().wake(&mutex);
}

int wait_for(pthread_cond_t& condition, pthread_mutex_t& mutex, std::optional<Time> until) {
  World& world = World::get();
  unlock(mutex);
  bool woken = true;
  if (!until || *until > world.now()) {
    if (world.dice().one_in(kSpuriousOneIn))
      world.yield();
    else
      woken = world.wait(&condition, until, "a condition");
  } else {
    woken = false;
  }
  lock(mutex);
  return woken ? 0 : ETIMEDOUT;
}

// A time is relative: with bits none is given.
long futex(uint32_t* word, int operation, uint32_t value, const timespec* time, uint32_t bits) {
  World& world = World::get();
  const int command = operation & FUTEX_CMD_MASK;
  if (command == FUTEX_WAIT || command == FUTEX_WAKE) bits = World::kAll;
  if (command == FUTEX_WAKE || command == FUTEX_WAKE_BITSET) {
    long woken = 0;
    while (woken < value && world.wake_one(word, bits)) ++woken;
    world.maybe_yield();
    return woken;
  }
  world.maybe_yield();
  if (__atomic_load_n(word, __ATOMIC_SEQ_CST) != value) {
    errno = EAGAIN;
    return -1;
  }
  std::optional<Time> until;
  if (time != nullptr) until = world.now() + to_time(*time);
  if (world.wait(word, until, "a word of memory", bits)) return 0;
  errno = ETIMEDOUT;
  return -1;
}

}  // namespace
}  // namespace lp::simulation

using lp::simulation::to_time;
using lp::simulation::World;

LP_INSTEAD int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  if (!World::inside()) return LP_REAL(pthread_mutex_lock)(mutex);
  World::get().maybe_yield();
  lp::simulation::lock(*mutex);
  return 0;
}

LP_INSTEAD int pthread_mutex_trylock(pthread_mutex_t* mutex) noexcept {
  if (!World::inside()) return LP_REAL(pthread_mutex_trylock)(mutex);
  return lp::simulation::try_lock(*mutex) ? 0 : EBUSY;
}

LP_INSTEAD int pthread_mutex_unlock(pthread_mutex_t* mutex) noexcept {
  if (!World::inside()) return LP_REAL(pthread_mutex_unlock)(mutex);
  lp::simulation::unlock(*mutex);
  World::get().maybe_yield();
  return 0;
}

LP_INSTEAD int pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex) {
  if (!World::inside()) return LP_REAL(pthread_cond_wait)(condition, mutex);
  return lp::simulation::wait_for(*condition, *mutex, std::nullopt);
}

LP_INSTEAD int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex,
                                      clockid_t clock, const timespec* until) {
  if (!World::inside()) return LP_REAL(pthread_cond_clockwait)(condition, mutex, clock, until);
  const auto ahead = clock == CLOCK_REALTIME ? lp::simulation::kWallClockAhead : 0;
  return lp::simulation::wait_for(*condition, *mutex, to_time(*until) - ahead);
}

LP_INSTEAD int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex,
                                      const timespec* until) {
  if (!World::inside()) return LP_REAL(pthread_cond_timedwait)(condition, mutex, until);
  return lp::simulation::wait_for(*condition, *mutex,
                                  to_time(*until) - lp::simulation::kWallClockAhead);
}

LP_INSTEAD int pthread_cond_signal(pthread_cond_t* condition) noexcept {
  if (!World::inside()) return LP_REAL(pthread_cond_signal)(condition);
  World::get().wake_one(condition);
  return 0;
}

LP_INSTEAD int pthread_cond_broadcast(pthread_cond_t* condition) noexcept {
  if (!World::inside()) return LP_REAL(pthread_cond_broadcast)(condition);
  World::get().wake(condition);
  return 0;
}

LP_INSTEAD int pthread_create(pthread_t* handle, const pthread_attr_t* attributes,
                              void* (*body)(void*), void* argument) noexcept {
  if (!World::inside()) return LP_REAL(pthread_create)(handle, attributes, body, argument);
  World& world = World::get();
  auto* const thread = world.spawn([=] { World::current()->result = body(argument); });
  *handle = reinterpret_cast<pthread_t>(thread);
  world.maybe_yield();
  return 0;
}

LP_INSTEAD int pthread_join(pthread_t handle, void** result) {
  if (!World::inside()) return LP_REAL(pthread_join)(handle, result);
  void* const got = World::get().join(lp::simulation::thread_of(handle));
  if (result != nullptr) *result = got;
  return 0;
}

LP_INSTEAD int pthread_detach(pthread_t handle) noexcept {
  if (!World::inside()) return LP_REAL(pthread_detach)(handle);
  World::get().detach(lp::simulation::thread_of(handle));
  return 0;
}

LP_INSTEAD int sched_yield() noexcept {
  if (!World::inside()) return LP_REAL(sched_yield)();
  World::get().pass(lp::simulation::kYielded);
  World::get().yield();
  return 0;
}

// The same number of cores everywhere: how a thread waits depends on it.
LP_INSTEAD int get_nprocs() noexcept { return World::inside() ? 2 : LP_REAL(get_nprocs)(); }

LP_INSTEAD int sched_getaffinity(pid_t pid, size_t size, cpu_set_t* set) noexcept {
  if (!World::inside()) return LP_REAL(sched_getaffinity)(pid, size, set);
  CPU_ZERO_S(size, set);
  CPU_SET_S(0, size, set);
  CPU_SET_S(1, size, set);
  return 0;
}

LP_INSTEAD int clock_gettime(clockid_t clock, timespec* time) noexcept {
  if (!World::inside()) return LP_REAL(clock_gettime)(clock, time);
  World::get().pass(20);
  const auto ahead = clock == CLOCK_REALTIME ? lp::simulation::kWallClockAhead : 0;
  *time = lp::simulation::to_timespec(World::get().now() + ahead);
  return 0;
}

LP_INSTEAD int clock_nanosleep(clockid_t clock, int flags, const timespec* time, timespec* left) {
  if (!World::inside()) return LP_REAL(clock_nanosleep)(clock, flags, time, left);
  World& world = World::get();
  const auto until = to_time(*time) + (flags == TIMER_ABSTIME ? 0 : world.now());
  int slept = 0;  // Nobody wakes it.
  if (until > world.now()) world.wait(&slept, until, "time to pass");
  return 0;
}

LP_INSTEAD int nanosleep(const timespec* time, timespec* left) {
  if (!World::inside()) return LP_REAL(nanosleep)(time, left);
  return clock_nanosleep(CLOCK_MONOTONIC, 0, time, left);
}

LP_INSTEAD long syscall(long number, ...) noexcept {
  va_list list;
  va_start(list, number);
  const long a = va_arg(list, long), b = va_arg(list, long), c = va_arg(list, long),
             d = va_arg(list, long), e = va_arg(list, long), f = va_arg(list, long);
  va_end(list);
  if (!World::inside() || number != SYS_futex) return LP_REAL(syscall)(number, a, b, c, d, e, f);
  return lp::simulation::futex(reinterpret_cast<uint32_t*>(a), static_cast<int>(b),
                               static_cast<uint32_t>(c), reinterpret_cast<const timespec*>(d),
                               static_cast<uint32_t>(f));
}
