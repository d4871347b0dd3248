#include "simulation/ledger.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "launchpad/courier/link.h"
#include "simulation/payloads.h"

namespace lp::simulation {
namespace {

// What a call without a deadline may take after everything that is done to it.
constexpr Time kPatience = 60 * kSecond;
constexpr char kWhy[] = "the method fails";

}  // namespace

void Ledger::bind(courier::Router& router) {
  for (size_t i = 0; i < std::size(kMethods); ++i) {
    const Status bound = router.bind(kMethods[i], [this, deed = static_cast<Deed>(i)](auto call) {
      run(std::move(call), deed);
    });
    if (!bound.ok()) complain(bound.error().message);
  }
}

Entry& Ledger::add() {
  Entry& entry = entries_.emplace_back();
  entry.number = entries_.size() - 1;
  entry.awaited = World::get().now();
  return entry;
}

wire::Payload Ledger::arguments_of(const Entry& entry) {
  return make_payload(entry.number, entry.argument_bytes, entry.buffer_bytes);
}

void Ledger::run(courier::Call call, Deed deed) {
  const auto number = number_in(call.arguments());
  if (!number || *number >= entries_.size() || entries_[*number].deed != deed) {
    complain("a method was run with arguments that nobody gave it");
    return call.fail(Error(Code::kDataLoss, "broken arguments"));
  }
  Entry& entry = entries_[*number];
  if (++entry.runs > entry.most_runs) complain_of(entry, "it was run too often");
  World::get().tell("call %zu runs", static_cast<size_t>(entry.number));
  ++running_;
  if (deed == Deed::kLater) {
    std::thread([this, &entry, call = std::make_shared<courier::Call>(std::move(call))] {
      std::this_thread::sleep_for(base::Nanos(entry.pause));
      answer(std::move(*call), entry);
      --running_;
    }).detach();
    return;
  }
  if (entry.pause > 0) std::this_thread::sleep_for(base::Nanos(entry.pause));
  answer(std::move(call), entry);
  --running_;
}

void Ledger::answer(courier::Call call, const Entry& entry) {
  if (entry.deed == Deed::kDrop) return;
  if (entry.deed != Deed::kFail)
    return call.reply(make_payload(entry.number, entry.reply_bytes, entry.buffer_bytes));
  Error error(Code::kInvalidArgument, kWhy + std::to_string(entry.number));
  error.remote_type = "ValueError";
  call.fail(error);
}

void Ledger::end(Entry& entry, const courier::Answer& answer) {
  World::get().tell("call %zu ends: %s", static_cast<size_t>(entry.number),
                    answer.ok() ? "ok" : answer.error().message.c_str());
  if (++entry.ends > 1) complain_of(entry, "it ended twice");
  check_time(entry);
  if (answer.ok())
    check_result(entry, answer.value());
  else
    check_error(entry, answer.error());
}

void Ledger::check_result(const Entry& entry, const wire::Payload& result) {
  if (number_in(result) != entry.number)
    complain_of(entry, "it got an answer that is not its own, or a broken one");
  else if (result.body.size() != std::max(entry.reply_bytes, kLeastBytes))
    complain_of(entry, "its answer has another size");
  if (entry.runs == 0) complain_of(entry, "it has an answer, and was not run");
  if (entry.deed == Deed::kFail || entry.deed == Deed::kDrop)
    complain_of(entry, "it should have failed");
}

void Ledger::check_error(const Entry& entry, const Error& error) {
  const auto allowed = [&] {
    switch (error.code) {
      case Code::kInvalidArgument:
        return entry.deed == Deed::kFail && entry.runs > 0 &&
               error.message == kWhy + std::to_string(entry.number) && error.remote();
      case Code::kInternal:
        return entry.deed == Deed::kDrop && entry.runs > 0;
      case Code::kUnavailable:
        return faults_;
      case Code::kDeadlineExceeded:
        return entry.deadline.at() &&
               World::get().now() >= entry.deadline.at()->time_since_epoch().count();
      case Code::kCancelled:
        return entry.may_cancel;
      default:
        return false;
    }
  };
  if (!allowed())
    complain_of(entry,
                "it ended with " + std::string(code_name(error.code)) + ": " + error.message);
}

void Ledger::check_time(const Entry& entry) {
  const Time now = World::get().now();
  Time latest = std::max(entry.awaited, disturbed_) + kPatience;
  if (!entry.deadline.never()) {
    // One tick, and what threads need that run one after the other.
    const Time slack = courier::kTick.count() + 2000 * World::get().pace().longest_step;
    latest = std::max<Time>(entry.deadline.at()->time_since_epoch().count(),
                            std::max(entry.awaited, disturbed_)) +
             slack;
  }
  if (now > latest)
    complain_of(entry, "it ended " + std::to_string((now - latest) / kMillisecond) + " ms late");
}

size_t Ledger::open_calls() const {
  return static_cast<size_t>(std::count_if(entries_.begin(), entries_.end(),
                                           [](const Entry& entry) { return entry.ends == 0; }));
}

void Ledger::check_all_ended() {
  for (const Entry& entry : entries_) {
    if (entry.ends == 0) complain_of(entry, "it has not ended");
  }
}

void Ledger::complain(const std::string& what) {
  if (complaints_.size() < 20) complaints_.push_back(what);
}

void Ledger::complain_of(const Entry& entry, const std::string& what) {
  complain("call " + std::to_string(entry.number) + " (" +
           kMethods[static_cast<size_t>(entry.deed)] + ", run " + std::to_string(entry.runs) +
           " times): " + what);
}

}  // namespace lp::simulation
