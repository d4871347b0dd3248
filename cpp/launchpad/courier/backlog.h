// Backlog is what a server has read and not begun: it says which call is next. Priority calls are
// first; once there are such methods, the others run at most `places` at a time, so that the
// threads beyond those are free to read and to run priority calls. Owned by ServerCore, under its
// lock. It runs nothing, and does not know which methods have priority.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "launchpad/courier/call.h"

namespace lp::courier {

class Backlog {
 public:
  // A call that runs now; finish() is due at its end if it takes a place.
  struct Next {
    Call call;
    bool takes_place = false;
  };

  explicit Backlog(int places) : places_(places) {}

  // From now on calls without priority take places. Those that run already do not.
  void limit() { limited_ = true; }
  void push(Call&& call, bool priority);
  // None: nothing waits, or what waits has no place yet.
  std::optional<Next> pop();
  void finish() { --taken_; }

  // Takes all out, in the order in which they would have run.
  std::vector<Call> clear();
  bool empty() const { return priority_.empty() && others_.empty(); }
  size_t size() const { return priority_.size() + others_.size(); }

 private:
  // First in, first out, in one piece of memory, that is kept: a deque allocates for every third
  // call.
  class Line {
   public:
    void push(Call&& call);
    // Only if it is not empty.
    Call pop();
    bool empty() const { return first_ == calls_.size(); }
    size_t size() const { return calls_.size() - first_; }

   private:
    std::vector<Call> calls_;
    size_t first_ = 0;  // Those before it are moved from.
  };

  const int places_;
  bool limited_ = false;
  int taken_ = 0;
  Line priority_;
  Line others_;
};

}  // namespace lp::courier
