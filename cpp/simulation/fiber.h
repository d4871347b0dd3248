// Fiber is a thread of the simulated world: a stack of its own, run by the one real thread until it
// pauses. What the program keeps per thread (thread_local, errno, the exceptions in flight) is the
// fiber's own. Not thread-safe: all fibers belong to one thread.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

namespace lp::simulation {

class Fiber {
 public:
  Fiber();
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // A fresh or finished one, with thread_locals as a new thread has them. It begins with `resume`.
  void start(std::function<void()> body);
  // Runs it until it pauses or finishes. Not from a fiber.
  void resume();
  // By the fiber itself.
  void pause();
  bool finished() const { return finished_; }

 private:
  static void enter();
  void run();
  void switch_in();
  void switch_out();

  std::byte* stack_;
  void* own_ = nullptr;    // Where each of the two goes on: the stack's top,
  void* other_ = nullptr;  // or a ucontext_t.
  bool finished_ = true;
  std::function<void()> body_;
  std::vector<std::byte> locals_;  // The fiber's thread_locals while it does not run,
  std::vector<std::byte> others_;  // and its resumer's while it does.
  void* sanitizer_own_ = nullptr;
  void* sanitizer_other_ = nullptr;
  const void* other_stack_ = nullptr;
  size_t other_size_ = 0;
};

}  // namespace lp::simulation
