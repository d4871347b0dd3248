#include "simulation/world.h"

#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <utility>

#include "launchpad/base/check.h"

namespace lp::simulation {
namespace {

// What a schedule may take at most. It is done long before if nothing hangs.
constexpr int kThreads = 200;
constexpr Time kLongest = 1000 * kSecond;
// What a thread does without a pause; beyond it may be going round in circles.
constexpr uint64_t kMostUnbroken = 1000;
constexpr uint64_t kMostSteps = 300'000;
// Of the real clock, before SIGALRM: who goes round without ever giving way takes no step that
// could be counted.
constexpr unsigned kPatienceSeconds = 120;
// Not zero, which is no time for some.
constexpr Time kBegin = 1000 * kSecond;

}  // namespace

// Leaked: threads that never end live in it.
World& World::get() {
  static auto* const world = new World();
  return *world;
}

// All of its memory is taken here: a schedule shall leave as much as it found.
World::World() {
  threads_.reserve(kThreads);
  for (int id = 1; id <= kThreads; ++id) {
    owned_.push_back(std::make_unique<Thread>());
    owned_.back()->id = id;
    spare_.push_back(owned_.back().get());
  }
}

std::string World::run(uint64_t seed, const std::function<void()>& root) {
  if (broken_) return "not run: an earlier schedule did not end";
  struct Alarm {
    Alarm() { ::alarm(kPatienceSeconds); }
    ~Alarm() { ::alarm(0); }
  } const alarm;
  now_ = kBegin;
  dice_ = Dice(seed);
  pace_ = {};
  trace_ = steps_ = unbroken_ = 0;
  next_number_ = static_cast<int>(residents_);
  spawn(root);
  threads_.back()->detached = true;
  while (step()) {
    if (now_ > kBegin + kLongest || steps_ > kMostSteps) {
      broken_ = true;
      return report("it does not end");
    }
  }
  if (warming_) residents_ = threads_.size();
  if (threads_.size() > residents_) {
    broken_ = true;
    return report("threads are left that wait for ever");
  }
  return "";
}

// One thread goes on, or time does. False: nothing is left to do.
bool World::step() {
  fire_events();
  size_t ready = 0;
  for (Thread* const thread : threads_) {
    if (!thread->ready && thread->until && *thread->until <= now_) {
      thread->ready = thread->timed_out = true;
      thread->until.reset();
    }
    ready += thread->ready ? 1 : 0;
  }
  if (ready == 0) {
    const auto next = next_time();
    if (next) now_ = std::max(now_, *next);
    return next.has_value();
  }
  size_t chosen = dice_.below(ready);
  for (Thread* const thread : threads_) {
    if (!thread->ready || chosen-- > 0) continue;
    go_on(*thread);
    break;
  }
  return true;
}

void World::go_on(Thread& thread) {
  ++steps_;
  now_ += 1 + static_cast<Time>(dice_.below(static_cast<uint64_t>(pace_.longest_step)));
  trace_ = (trace_ ^ static_cast<uint64_t>(thread.number) ^ static_cast<uint64_t>(now_) << 8) *
           0x9e3779b97f4a7c15;
  current_ = &thread;
  thread.fiber.resume();
  current_ = nullptr;
  if (!thread.fiber.finished()) return;
  thread.ready = false;
  thread.done = true;
  if (thread.detached)
    recycle(&thread);
  else
    wake(&thread);
}

void World::fire_events() {
  while (!events_.empty() && events_.begin()->first <= now_) {
    const auto event = std::move(events_.begin()->second);
    events_.erase(events_.begin());
    event();
  }
}

std::optional<Time> World::next_time() const {
  std::optional<Time> next;
  if (!events_.empty()) next = events_.begin()->first;
  for (const Thread* thread : threads_) {
    if (thread->until && (!next || *thread->until < *next)) next = thread->until;
  }
  return next;
}

void World::tell(const char* format, ...) const {
  if (!tracing_ || warming_) return;
  const auto now = static_cast<double>(now_ - kBegin) / kMillisecond;
  std::printf("%12.6f  %3d  ", now, current_ == nullptr ? -1 : current_->number);
  va_list arguments;
  va_start(arguments, format);
  std::vprintf(format, arguments);
  va_end(arguments);
  std::printf("\n");
}

void World::at(Time when, std::function<void()> event) { events_.emplace(when, std::move(event)); }

bool World::wait(const void* key, std::optional<Time> until, const char* what, Bits as) {
  Thread& self = *current_;
  self.ready = self.timed_out = false;
  self.key = key;
  self.as = as;
  self.what = what;
  self.until = until;
  self.fiber.pause();
  self.key = nullptr;
  self.until.reset();
  return !self.timed_out;
}

void World::maybe_yield() {
  if (dice_.one_in(pace_.preempt_one_in) || ++unbroken_ % kMostUnbroken == 0) yield();
}

void World::yield() { current_->fiber.pause(); }

void World::wake(const void* key) {
  for (Thread* const thread : threads_) {
    if (thread->key == key && !thread->ready) {
      thread->ready = true;
      thread->until.reset();
    }
  }
}

bool World::wake_one(const void* key, Bits whom) {
  const auto waits = [&](const Thread* thread) {
    return thread->key == key && !thread->ready && (thread->as & whom) != 0;
  };
  auto chosen =
      dice_.below(static_cast<uint64_t>(std::count_if(threads_.begin(), threads_.end(), waits)));
  for (Thread* const thread : threads_) {
    if (!waits(thread) || chosen-- > 0) continue;
    thread->ready = true;
    thread->until.reset();
    return true;
  }
  return false;
}

World::Thread* World::spawn(std::function<void()> body) {
  LP_CHECK(!spare_.empty()) << "more than " << kThreads << " threads";
  Thread* const thread = spare_.back();
  spare_.pop_back();
  thread->number = next_number_++;
  thread->ready = true;
  thread->done = thread->detached = thread->timed_out = false;
  thread->key = nullptr;
  thread->fiber.start(std::move(body));
  threads_.push_back(thread);
  return thread;
}

void* World::join(Thread* thread) {
  while (!thread->done) wait(thread, std::nullopt, "a thread's end");
  void* const result = thread->result;
  recycle(thread);
  return result;
}

void World::detach(Thread* thread) {
  thread->detached = true;
  if (thread->done) recycle(thread);
}

void World::recycle(Thread* thread) {
  std::erase(threads_, thread);
  spare_.push_back(thread);
}

std::string World::report(const std::string& what) const {
  std::string text = what + ", " + std::to_string((now_ - kBegin) / kMillisecond) + " ms and " +
                     std::to_string(steps_) + " steps after its start; the threads:";
  for (const Thread* thread : threads_) {
    text += "\n  " + std::to_string(thread->number) + ": ";
    text += thread->ready ? "runs" : std::string("waits for ") + thread->what;
    if (thread->until) text += " until " + std::to_string((*thread->until - kBegin) / kMillisecond);
  }
  return text;
}

}  // namespace lp::simulation
