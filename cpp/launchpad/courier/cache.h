// Cache answers calls by earlier answers of a source, found by method and arguments, byte for byte.
// Calls for the same thing share one question to the source, and cost no thread while they wait.
// Errors are passed on and not kept. Owned by whoever serves; calls that wait at its end fail with
// UNAVAILABLE. Any thread. It does not decide when to refresh.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "launchpad/base/guarded.h"
#include "launchpad/courier/channel.h"

namespace lp::courier {

struct CacheOptions {
  base::Nanos stale_after{1'000'000'000};  // An older answer is given to nobody.
  size_t max_entries = 4096;               // Beyond them calls go to the source, and are not kept.
  const base::Clock* clock = &base::steady_clock();
  // An answer could not be renewed; told once until it can be again.
  std::function<void(std::string_view method, const Error&)> on_refresh_failure{};
};

class Cache : public std::enable_shared_from_this<Cache> {
 public:
  // Makes a call of the source. Calls back once, on any thread, perhaps before it returns.
  using Ask = std::function<void(std::string_view method, const wire::Payload&, Callback)>;
  // Called once, on any thread.
  using Reply = std::function<void(const Answer&)>;

  static std::shared_ptr<Cache> make(Ask ask, CacheOptions options);
  ~Cache();

  // Replies at once if there is a fresh answer, else once the source has answered.
  void get(std::string_view method, const wire::Payload& arguments, Reply reply);
  // Asks anew for what was asked for since the last time, and forgets what nobody asks for.
  void refresh();
  size_t entries() const;

 private:
  struct Entry {
    std::shared_ptr<const Answer> answer;  // Null: there is none yet.
    base::TimePoint made_at{};
    bool asked = true;     // Since it was last refreshed.
    bool pending = false;  // The source is being asked.
    bool failing = false;  // The last refresh failed.
    std::vector<Reply> waiting;
  };
  // By the call as a frame's bytes.
  using Entries = std::unordered_map<std::string, Entry>;

  Cache(Ask ask, CacheOptions options);
  bool fresh(const Entry& entry) const;
  void ask(const std::string& key, std::string_view method, const wire::Payload& arguments);
  void settle(const std::string& key, std::string_view method, base::TimePoint asked_at,
              Answer answer);

  const Ask ask_;
  const CacheOptions options_;
  base::Guarded<Entries> entries_;
};

}  // namespace lp::courier
