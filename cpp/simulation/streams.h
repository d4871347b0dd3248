// Streams of a schedule: a method that gives numbered results, clients that take from it, and what
// they may see: each result once and in order, then the end, the method's own failure, or an error
// that is allowed. All of them are threads of the simulated world.
#pragma once

#include <deque>

#include "launchpad/courier/router.h"
#include "launchpad/wire/payload_stream.h"
#include "simulation/dice.h"
#include "simulation/ledger.h"

namespace lp::simulation {

class Streams {
 public:
  Streams(Ledger& ledger, Dice& dice) : ledger_(ledger), dice_(dice) {}

  // The method, at a server.
  void bind(courier::Router& router);
  // Opens one and takes from it, to its end or until it is given up. `closed`: that its client is.
  void take(courier::Channel& channel, const bool& closed);
  // Methods that have not ended.
  int running() const { return running_; }

 private:
  // What one is to give.
  struct Plan {
    uint64_t results = 0;
    bool fails = false;
    Time pause = 0;  // Before one of the results.
    uint64_t pause_before = 0;
    uint64_t bytes = 0;
  };
  class Results;

  void take_all(wire::PayloadStream& stream, size_t number, const bool& closed);
  // False: it was allowed, and is the last.
  bool check(Result<std::optional<wire::Payload>> next, size_t number, uint64_t taken, bool closed);
  void complain(size_t number, const std::string& what);

  Ledger& ledger_;
  Dice& dice_;
  std::deque<Plan> plans_;  // They stay where they are.
  int running_ = 0;
};

}  // namespace lp::simulation
