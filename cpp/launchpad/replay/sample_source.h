// SampleSource is where a Client or Sampler gets its samples: one server, or the shards of a table.
// A value; any thread.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "launchpad/courier/channel.h"
#include "launchpad/replay/messages.h"

namespace lp::replay {

struct SampleSource {
  using Done = std::function<void(Result<std::vector<SampleBatch>>)>;
  using Cancel = std::function<void()>;

  // Asks for samples. `done` is called once, on any thread, perhaps before this returns. Gives what
  // ends the call early.
  std::function<Cancel(const SampleCall& call, const base::Deadline& deadline, Done done)> ask{};
  // A server that is gone does not come back.
  bool prebound = false;
  // The server, or one of them, has stopped: see Channel.
  std::function<bool()> stopped{};
};

SampleSource source_of(std::shared_ptr<courier::Channel> channel);

}  // namespace lp::replay
