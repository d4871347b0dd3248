#include "launchpad/courier/cache.h"

#include <utility>

#include "launchpad/wire/frame_bytes.h"

namespace lp::courier {

std::shared_ptr<Cache> Cache::make(Ask ask, CacheOptions options) {
  return std::shared_ptr<Cache>(new Cache(std::move(ask), std::move(options)));
}

Cache::Cache(Ask ask, CacheOptions options) : ask_(std::move(ask)), options_(std::move(options)) {}

Cache::~Cache() {
  const Answer gone = Error(Code::kUnavailable, "the cache has ended");
  entries_.with([&](Entries& entries) {
    for (auto& [key, entry] : entries) {
      for (const Reply& reply : entry.waiting) reply(gone);
    }
  });
}

bool Cache::fresh(const Entry& entry) const {
  return entry.answer != nullptr && options_.clock->now() - entry.made_at <= options_.stale_after;
}

void Cache::get(std::string_view method, const wire::Payload& arguments, Reply reply) {
  const std::string key = wire::frame_to_bytes(method, arguments);
  enum class Found { kFresh, kPending, kMine, kFull };
  std::shared_ptr<const Answer> answer;
  const Found found = entries_.with([&](Entries& entries) {
    auto at = entries.find(key);
    if (at == entries.end()) {
      if (entries.size() >= options_.max_entries) return Found::kFull;
      at = entries.emplace(key, Entry()).first;
    }
    Entry& entry = at->second;
    entry.asked = true;
    if (fresh(entry)) {
      answer = entry.answer;
      return Found::kFresh;
    }
    entry.waiting.push_back(std::move(reply));
    return std::exchange(entry.pending, true) ? Found::kPending : Found::kMine;
  });
  if (found == Found::kFresh) reply(*answer);
  if (found == Found::kMine) ask(key, method, arguments);
  if (found == Found::kFull) ask_(method, arguments, std::move(reply));
}

void Cache::refresh() {
  std::vector<std::string> due;
  entries_.with([&](Entries& entries) {
    for (auto at = entries.begin(); at != entries.end();) {
      Entry& entry = at->second;
      if (!entry.asked && !entry.pending && !fresh(entry)) {
        at = entries.erase(at);
        continue;
      }
      if (entry.asked && !entry.pending) {
        entry.asked = false;
        entry.pending = true;
        due.push_back(at->first);
      }
      ++at;
    }
  });
  for (const std::string& key : due) {
    auto frame = wire::frame_from_bytes(key);
    LP_CHECK(frame.ok()) << "a cache's key is no frame: " << frame.error().message;
    ask(key, frame->method, frame->payload);
  }
}

size_t Cache::entries() const {
  return entries_.with([](const Entries& entries) { return entries.size(); });
}

// The answer is at least as old as the question.
void Cache::ask(const std::string& key, std::string_view method, const wire::Payload& arguments) {
  ask_(method, arguments,
       [weak = weak_from_this(), key, name = std::string(method),
        asked_at = options_.clock->now()](Answer answer) {
         if (const auto cache = weak.lock()) cache->settle(key, name, asked_at, std::move(answer));
       });
}

void Cache::settle(const std::string& key, std::string_view method, base::TimePoint asked_at,
                   Answer answer) {
  if (answer.ok() && answer.value().stream != nullptr) {
    answer = Error(Code::kFailedPrecondition, "'" + std::string(method) +
                                                  "' gives a stream, which a cache cannot keep: "
                                                  "call its node itself");
  }
  const auto shared = std::make_shared<const Answer>(std::move(answer));
  std::vector<Reply> waiting;
  bool tell = false;
  entries_.with([&](Entries& entries) {
    const auto at = entries.find(key);
    LP_CHECK(at != entries.end()) << "a pending entry was forgotten";
    Entry& entry = at->second;
    entry.pending = false;
    waiting.swap(entry.waiting);
    if (shared->ok()) {
      entry.answer = shared;
      entry.made_at = asked_at;
      entry.failing = false;
    } else if (entry.answer == nullptr) {
      entries.erase(at);
    } else if (waiting.empty()) {
      tell = !std::exchange(entry.failing, true);
    }
  });
  for (const Reply& reply : waiting) reply(*shared);
  if (tell && options_.on_refresh_failure) options_.on_refresh_failure(method, shared->error());
}

}  // namespace lp::courier
