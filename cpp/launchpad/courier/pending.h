// Pending is a call that was sent and has no answer yet, and PendingCalls the list of a channel's:
// a hash table whose links lie in the calls themselves, since every call goes in and out once. Ids
// count up, so that they are their own hash. Not thread-safe: its channel guards it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "launchpad/base/clock.h"
#include "launchpad/base/result.h"
#include "launchpad/wire/payload.h"

namespace lp::courier {

using Answer = Result<wire::Payload>;
using Callback = std::function<void(Answer)>;

// Its fields are the channel's, under its lock, until it is done.
struct Pending {
  uint64_t id = 0;
  std::string method{};
  base::Deadline deadline{};
  base::Nanos patience{0};        // How long it was given; 0: for ever.
  uint64_t begins_at = 0;         // Of what the link was given to send, where its message begins.
  std::atomic<bool> done{false};  // Its answer is there: from then on that is its owner's.
  bool waited_for = false;        // A thread is parked on `arrived`.
  bool submitting = false;        // Its message is still at hand,
  bool bounced = false;           // and the link broke before any of it was sent.
  std::optional<Answer> answer{};
  Callback callback{};
  std::unique_ptr<std::condition_variable> arrived{};  // Made when a thread parks on it.

 private:
  friend class PendingCalls;
  std::shared_ptr<Pending> owner{};  // While it is in a list; null for a call whose caller waits.
  Pending* next = nullptr;           // Of those whose ids share a bucket.
};

class PendingCalls {
 public:
  // A call that was in the list, and what keeps it alive, if that is not its caller.
  struct Entry {
    Pending* pending;
    std::shared_ptr<Pending> owner;
  };

  PendingCalls() = default;
  PendingCalls(const PendingCalls&) = delete;
  PendingCalls& operator=(const PendingCalls&) = delete;
  // Calls own themselves while they are in the list.
  ~PendingCalls() { take_all(); }

  // Its id is in no other call here. `owner`: null, or the call itself.
  void add(Pending& pending, std::shared_ptr<Pending> owner);
  // Null: there is none of that id.
  Pending* find(uint64_t id) const;
  std::optional<Entry> take(uint64_t id);
  std::vector<Entry> take_all();

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  // f(Pending&) for each, in any order; it may not change the list.
  template <class F>
  void for_each(F&& f) const {
    for (Pending* pending : buckets_) {
      for (; pending != nullptr; pending = pending->next) f(*pending);
    }
  }

 private:
  static constexpr size_t kFewest = 8;  // Buckets; always a power of two.

  Pending*& bucket(uint64_t id) { return buckets_[id & (buckets_.size() - 1)]; }
  void grow();

  std::vector<Pending*> buckets_ = std::vector<Pending*>(kFewest);
  size_t size_ = 0;
};

}  // namespace lp::courier
