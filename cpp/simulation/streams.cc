#include "simulation/streams.h"

#include <memory>
#include <thread>
#include <utility>

#include "launchpad/courier/inflow.h"
#include "simulation/payloads.h"

namespace lp::simulation {
namespace {

constexpr char kMethod[] = "stream";
// What a wait may take after everything that is done to it.
constexpr Time kPatience = 60 * kSecond;

}  // namespace

class Streams::Results final : public wire::PayloadStream {
 public:
  Results(Streams& streams, const Plan& plan) : streams_(streams), plan_(plan) {
    ++streams_.running_;
  }
  ~Results() override { --streams_.running_; }

  Result<std::optional<wire::Payload>> next() override {
    if (plan_.pause > 0 && given_ == plan_.pause_before)
      std::this_thread::sleep_for(base::Nanos(plan_.pause));
    if (given_ < plan_.results) return std::optional(make_payload(given_++, plan_.bytes, 0));
    if (plan_.fails) return Error(Code::kInvalidArgument, "the stream fails");
    return std::optional<wire::Payload>();
  }

 private:
  Streams& streams_;
  const Plan& plan_;
  uint64_t given_ = 0;
};

void Streams::bind(courier::Router& router) {
  const Status bound = router.bind(kMethod, [this](courier::Call&& call) {
    wire::Payload result;
    result.stream = std::make_shared<Results>(*this, plans_[number_in(call.arguments()).value()]);
    call.reply(result);
  });
  if (!bound.ok()) ledger_.complain(bound.error().message);
}

void Streams::take(courier::Channel& channel, const bool& closed) {
  const size_t number = plans_.size();
  Plan& plan = plans_.emplace_back();
  plan.results = dice_.below(dice_.one_in(4) ? 300 : 10);
  plan.fails = dice_.one_in(4);
  // Not more in all than a narrow connection takes within the steps of a schedule.
  if (dice_.one_in(4)) plan.bytes = dice_.below(plan.results > 20 ? 20 : 2000);
  plan.pause_before = dice_.below(plan.results + 1);
  if (dice_.one_in(2)) plan.pause = dice_.between(0, 5 * kMillisecond);
  World::get().tell("stream %zu of %zu results", number, static_cast<size_t>(plan.results));
  const auto arguments = make_payload(number, 0, 0);
  if (dice_.one_in(6)) {  // Given up before, or while, it is there.
    if (auto started = channel.start(kMethod, arguments, {}); started.ok()) {
      if (dice_.one_in(2))
        std::this_thread::sleep_for(base::Nanos(dice_.between(0, 5 * kMillisecond)));
      channel.cancel(started.value());
    }
    return;
  }
  const courier::Answer answer = channel.call(kMethod, arguments, {});
  if (!answer.ok()) {
    check(answer.error(), number, 0, closed);
  } else if (answer.value().stream == nullptr) {
    complain(number, "its answer has none");
  } else {
    take_all(*answer.value().stream, number, closed);
  }
}

void Streams::take_all(wire::PayloadStream& stream, size_t number, const bool& closed) {
  const uint64_t enough = dice_.one_in(3) ? dice_.below(20) : ~uint64_t{0};
  for (uint64_t taken = 0; taken < enough; ++taken) {
    if (dice_.one_in(8))
      std::this_thread::sleep_for(base::Nanos(dice_.between(0, 3 * kMillisecond)));
    auto& inflow = static_cast<courier::Inflow&>(stream);
    if (dice_.one_in(4)) {  // As asyncio does.
      const auto arrived = std::make_shared<bool>(false);
      if (inflow.when_ready([arrived] { *arrived = true; })) {
        const Time since = World::get().now();
        while (!*arrived && World::get().now() < since + 10 * kPatience)
          std::this_thread::sleep_for(base::Nanos(20 * kMillisecond));
        if (!inflow.ready()) complain(number, "it was said to be ready, and is not");
      }
    }
    const Time since = World::get().now();
    auto next = stream.next();
    if (World::get().now() > std::max(since, ledger_.disturbed()) + kPatience)
      complain(number, "a wait was too long");
    if (!check(std::move(next), number, taken, closed)) return;
  }
  if (!dice_.one_in(2)) return;
  stream.cancel();
  auto after = stream.next();
  if (!closed && (!after.ok() || after->has_value()))
    complain(number, "it gives results after its end");
}

bool Streams::check(Result<std::optional<wire::Payload>> next, size_t number, uint64_t taken,
                    bool closed) {
  const Plan& plan = plans_[number];
  if (next.ok() && next->has_value()) {
    if ((*next)->body != make_payload(taken, plan.bytes, 0).body)
      complain(number, "its result " + std::to_string(taken) + " is another one");
    return true;
  }
  const auto allowed = [&] {
    if (next.ok()) return taken == plan.results && !plan.fails;
    if (next.error().code == Code::kInvalidArgument) return taken == plan.results && plan.fails;
    if (next.error().code == Code::kUnavailable) return ledger_.faults();
    return next.error().code == Code::kCancelled && closed;
  };
  if (!allowed())
    complain(number, "it ended after " + std::to_string(taken) + " of " +
                         std::to_string(plan.results) + " results with " +
                         (next.ok() ? "nothing" : next.error().message));
  return false;
}

void Streams::complain(size_t number, const std::string& what) {
  ledger_.complain("stream " + std::to_string(number) + ": " + what);
}

}  // namespace lp::simulation
