// Backlog is what a server has read and not begun: it says which call is next. Priority calls are
// first; once there are such methods, the others run at most `places` at a time, so that the
// threads beyond those are free to read and to run priority calls. Owned by ServerCore, under its
// lock. It runs nothing, and does not know which methods have priority.
#pragma once

#include <cstddef>
#include <list>

#include "launchpad/base/recycled.h"
#include "launchpad/courier/call.h"

namespace lp::courier {

// Calls stay where they were made while they wait, and while they run.
using Calls = std::list<Call, base::Recycled<Call>>;

class Backlog {
 public:
  // A call that runs now, or none. finish() is due at its end if it takes a place.
  struct Next {
    explicit operator bool() const { return !one.empty(); }
    Call& call() { return one.front(); }

    Calls one;
    bool takes_place = false;
  };

  explicit Backlog(int places) : places_(places) {}

  // From now on calls without priority take places. Those that run already do not.
  void limit() { limited_ = true; }
  // Takes all of them, behind those that are there.
  void push(Calls&& calls, bool priority);
  // None: nothing waits, or what waits has no place yet.
  Next pop();
  void finish() { --taken_; }

  // Takes all out, in the order in which they would have run.
  Calls clear();
  bool empty() const { return priority_.empty() && others_.empty(); }
  size_t size() const { return priority_.size() + others_.size(); }

 private:
  const int places_;
  bool limited_ = false;
  int taken_ = 0;
  Calls priority_;
  Calls others_;
};

}  // namespace lp::courier
