// Client's calls of several servers.
#include <algorithm>
#include <functional>
#include <optional>

#include "launchpad/courier/client.h"
#include "launchpad/courier/link.h"
#include "launchpad/replay/client.h"
#include "launchpad/replay/shards.h"

namespace lp::replay {
namespace {

// Calls all shards at the same time; one whose arguments are null is left out. Who is interrupted
// while waiting for one (ABORTED) waits for no other.
std::vector<std::optional<courier::Answer>> ask_each(
    Shards& shards, std::string_view call, const base::Deadline& deadline,
    const std::function<const wire::Payload*(size_t)>& arguments_of) {
  std::vector<std::optional<Result<std::shared_ptr<courier::Pending>>>> started(shards.size());
  for (size_t i = 0; i < shards.size(); ++i) {
    if (const wire::Payload* const arguments = arguments_of(i))
      started[i] = shards.channel(i)->start(call, *arguments, deadline);
  }
  std::vector<std::optional<courier::Answer>> answers(shards.size());
  std::optional<Error> interrupted;
  for (size_t i = 0; i < shards.size(); ++i) {
    if (!started[i]) continue;
    if (!started[i]->ok()) {
      answers[i] = courier::Answer(started[i]->error());
    } else if (interrupted) {
      shards.channel(i)->cancel(started[i]->value());
      answers[i] = courier::Answer(*interrupted);
    } else {
      answers[i] = shards.channel(i)->wait(started[i]->value());
      const auto& answer = *answers[i];
      if (!answer.ok() && answer.error().code == Code::kAborted) interrupted = answer.error();
    }
  }
  return answers;
}

}  // namespace

std::vector<courier::Answer> Client::call_all(std::string_view call, const wire::Payload& arguments,
                                              const base::Deadline& deadline) const {
  std::vector<courier::Answer> answers;
  if (!shards_) {
    answers.push_back(channel_->call(call, arguments, deadline));
    return answers;
  }
  for (auto& answer : ask_each(*shards_, call, deadline, [&](size_t) { return &arguments; }))
    answers.push_back(*std::move(answer));
  return answers;
}

Result<std::vector<SampleBatch>> Client::sample_shards(const SampleCall& call,
                                                       const base::Deadline& deadline) const {
  using Answer = Result<std::vector<SampleBatch>>;
  const auto outcome = std::make_shared<base::Guarded<std::optional<Answer>>>();
  const auto cancel = shards_->source().ask(call, deadline, [outcome](Answer answer) {
    outcome->with_notify([&](auto& slot) { slot.emplace(std::move(answer)); });
  });
  const auto& interrupted = channel_->options().interrupted;
  while (true) {
    auto until = base::Deadline::after(courier::kTick);
    if (!deadline.never() && *deadline.at() < *until.at()) until = deadline;
    auto answer = outcome->wait(
        until.at(), [](auto& slot) { return slot.has_value(); },
        [](auto& slot, bool) { return std::move(slot); });
    if (answer) return *std::move(answer);
    const bool stop = interrupted && interrupted();
    if (!stop && !deadline.passed()) continue;
    cancel();
    if (stop) return Error(Code::kAborted, "interrupted");
    return Error(Code::kDeadlineExceeded, "no sample of table '" + call.table + "' came in time");
  }
}

namespace {

// What one shard is asked to change.
struct Part {
  std::vector<PriorityUpdate> updates{};
  std::vector<uint64_t> deletes{};
  size_t size() const { return updates.size() + deletes.size(); }
};

wire::Payload encoded(std::string_view table, const Part& part) {
  MutateCall call;
  call.table = table;
  for (const PriorityUpdate& update : part.updates) {
    call.keys.push_back(update.key);
    call.priorities.push_back(update.priority);
  }
  call.deletes = part.deletes;
  return encode(call);
}

// Asks each shard for its part, all at the same time. How many items each changed.
Result<std::vector<int64_t>> mutate_each(Shards& shards, std::string_view table,
                                         const std::vector<Part>& parts,
                                         const base::Deadline& deadline) {
  std::vector<wire::Payload> arguments;
  for (const Part& part : parts) arguments.push_back(encoded(table, part));
  const auto answers = ask_each(shards, kMutateCall, deadline, [&](size_t i) {
    return parts[i].size() == 0 ? nullptr : &arguments[i];
  });
  std::vector<int64_t> counts;
  std::optional<Error> error;
  for (const auto& answer : answers) {
    counts.push_back(0);
    if (!answer) continue;
    const Result<int64_t> count = courier::decode_answer<int64_t>(*answer, kMutateCall);
    if (count.ok())
      counts.back() = count.value();
    else if (!error)
      error = count.error();
  }
  if (error) return *error;
  return counts;
}

}  // namespace

// Before any server is asked, since one does not know what another refuses. The servers' tables are
// alike, so one of those that will be asked tells how they choose, once.
Status Client::check_updates(std::string_view table, std::span<const PriorityUpdate> updates,
                             const base::Deadline& deadline) const {
  if (updates.empty()) return {};
  const auto find = [&](const auto& all) -> std::optional<Selectors> {
    const auto found = all.find(table);
    return found == all.end() ? std::nullopt : std::optional(found->second);
  };
  auto known = selectors_->with(find);
  if (!known) {
    const auto& channel = shards_->channel(shards_->of_key(updates.front().key));
    auto answer = channel->call(kInfoCall, courier::encode_arguments(std::tuple<>()), deadline);
    LP_TRY_ASSIGN(const auto infos,
                  courier::decode_answer<std::vector<TableInfo>>(std::move(answer), kInfoCall));
    selectors_->with([&](auto& all) {
      for (const TableInfo& info : infos) all[info.name] = {info.sampler, info.remover};
    });
    known = selectors_->with(find);
    if (!known) return {};  // The server says that there is no such table.
  }
  for (const PriorityUpdate& update : updates) {
    LP_TRY(check_priority(known->sampler, known->remover, update.priority));
  }
  return {};
}

// First where the keys say that the items are. Items that were put into a shard by another's client
// may be elsewhere: those of a shard that does not know them all are then asked of the others.
Result<int64_t> Client::mutate_shards(std::string_view table,
                                      std::span<const PriorityUpdate> updates,
                                      std::span<const uint64_t> deletes,
                                      const base::Deadline& deadline) const {
  LP_TRY(check_updates(table, updates, deadline));
  std::vector<Part> parts(shards_->size()), rest(shards_->size());
  for (const PriorityUpdate& update : updates) {
    parts[shards_->of_key(update.key)].updates.push_back(update);
  }
  for (const uint64_t key : deletes) parts[shards_->of_key(key)].deletes.push_back(key);
  LP_TRY_ASSIGN(auto counts, mutate_each(*shards_, table, parts, deadline));
  int64_t sum = 0;
  bool missing = false;
  for (size_t i = 0; i < parts.size(); ++i) {
    sum += counts[i];
    if (counts[i] == static_cast<int64_t>(parts[i].size())) continue;
    for (size_t other = 0; other < parts.size(); ++other) {
      if (other == i) continue;
      missing = true;
      std::copy(parts[i].updates.begin(), parts[i].updates.end(),
                std::back_inserter(rest[other].updates));
      std::copy(parts[i].deletes.begin(), parts[i].deletes.end(),
                std::back_inserter(rest[other].deletes));
    }
  }
  if (!missing) return sum;
  LP_TRY_ASSIGN(counts, mutate_each(*shards_, table, rest, deadline));
  for (const int64_t count : counts) sum += count;
  return sum;
}

}  // namespace lp::replay
