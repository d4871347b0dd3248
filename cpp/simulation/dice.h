// Dice are a schedule's randomness: the same seed, the same throws, on every machine. Fast, since
// every step of the simulated world throws some. Values.
#pragma once

#include <cstdint>

namespace lp::simulation {

class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed) {}

  // splitmix64.
  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // From 0 to n - 1; 0 if n is 0.
  uint64_t below(uint64_t n) { return n == 0 ? 0 : next() % n; }
  int64_t between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(below(static_cast<uint64_t>(high - low) + 1));
  }
  // Never for n = 0, always for n = 1.
  bool one_in(uint64_t n) { return n != 0 && next() % n == 0; }

 private:
  uint64_t state_;
};

}  // namespace lp::simulation
