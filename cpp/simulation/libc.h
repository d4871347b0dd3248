// How the simulated world stands in for the C library: functions of the library's names are defined
// in this program, and so are called instead, also by the C++ runtime. A thread of the simulated
// world gets the world's answer, everybody else the library's own.
#pragma once

#include <dlfcn.h>

#include <ctime>
#include <optional>

#include "simulation/world.h"

// Before a definition.
#define LP_INSTEAD extern "C" __attribute__((visibility("default")))

// The C library's own function of that name.
#define LP_REAL(name)                                                                           \
  ([] {                                                                                         \
    static decltype(&::name) real = nullptr;                                                    \
    if (real == nullptr) real = reinterpret_cast<decltype(&::name)>(::dlsym(RTLD_NEXT, #name)); \
    return real;                                                                                \
  }())

namespace lp::simulation {

inline Time to_time(const timespec& spec) { return spec.tv_sec * kSecond + spec.tv_nsec; }
inline timespec to_timespec(Time time) { return {time / kSecond, time % kSecond}; }

// The world's wall clock is ahead of its steady one by this.
inline constexpr Time kWallClockAhead = 1'700'000'000 * kSecond;

}  // namespace lp::simulation
