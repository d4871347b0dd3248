// Ledger knows every call of a schedule: what was asked, how often it ran, what came of it, and
// whether that is allowed. Its servers' methods and its clients tell it; all of them are threads of
// the simulated world.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "launchpad/base/clock.h"
#include "launchpad/courier/call.h"
#include "launchpad/courier/channel.h"
#include "launchpad/courier/router.h"
#include "simulation/world.h"

namespace lp::simulation {

// What a method does with a call.
enum class Deed : uint8_t { kEcho, kSlow, kFail, kLater, kDrop };
inline constexpr const char* kMethods[] = {"echo", "slow", "fail", "later", "drop"};

struct Entry {
  uint64_t number = 0;
  Deed deed = Deed::kEcho;
  uint64_t argument_bytes = 0, buffer_bytes = 0, reply_bytes = 0;
  Time pause = 0;           // Of the method.
  int most_runs = 1;        // More if it may be made again.
  bool may_cancel = false;  // Somebody cancels it, or closes its client.
  base::Deadline deadline;
  Time awaited = 0;  // Since when: its start, or when somebody began to wait for it.
  int runs = 0;
  int ends = 0;
};

class Ledger {
 public:
  // The calls' methods, at a server.
  void bind(courier::Router& router);

  Entry& add();
  static wire::Payload arguments_of(const Entry& entry);
  void end(Entry& entry, const courier::Answer& answer);

  // From now on it is no wonder if calls end with UNAVAILABLE.
  void expect_faults() { faults_ = true; }
  // The last moment at which something was done to a connection or to time. Calls are done soon
  // after it.
  void note_disturbance() { disturbed_ = World::get().now(); }
  Time disturbed() const { return disturbed_; }
  bool faults() const { return faults_; }

  size_t open_calls() const;
  // Methods that have not answered.
  int running() const { return running_; }
  void complain(const std::string& what);
  void complain_of(const Entry& entry, const std::string& what);
  // That a call has not ended.
  void check_all_ended();
  const std::vector<std::string>& complaints() const { return complaints_; }
  const std::deque<Entry>& entries() const { return entries_; }

 private:
  void run(courier::Call call, Deed deed);
  void answer(courier::Call call, const Entry& entry);
  void check_result(const Entry& entry, const wire::Payload& result);
  void check_error(const Entry& entry, const Error& error);
  void check_time(const Entry& entry);

  std::deque<Entry> entries_;  // They stay where they are.
  std::vector<std::string> complaints_;
  bool faults_ = false;
  Time disturbed_ = 0;
  int running_ = 0;
};

}  // namespace lp::simulation
