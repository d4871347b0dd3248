// Sampler streams samples of one table: it always has some asked for ahead, so that taking the next
// one seldom waits. One call is on its way at a time, so they come in the table's order. Owned by
// its user; one thread at a time, but for close(), which any thread may call.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "launchpad/courier/channel.h"
#include "launchpad/replay/sample.h"
#include "launchpad/replay/sample_source.h"

namespace lp::replay {

// How a stream of samples is taken.
struct SamplerOptions {
  std::string table{};  // Where from.
  // Samples that are asked for, or here and not yet taken, at most. More is faster and staler.
  int64_t max_in_flight = 64;
  // Samples in one answer, at most: clipped to max_in_flight; 0: half of it.
  int64_t batch = 0;
  // Samples in one answer, at least, unless they are the last.
  int64_t min_batch = 1;
  // Samples in all; -1: no end.
  int64_t max_samples = -1;
  // Ends the stream when the rate limiter holds a request back for so long. None: waits.
  std::optional<base::Nanos> rate_limiter_timeout{};
  // After a break it tries again for so long, then UNAVAILABLE; none: for ever.
  std::optional<base::Nanos> retry_for{};
};

// INVALID_ARGUMENT: an empty name, counts below 1.
Status check_sampler(const SamplerOptions& options);

class SamplerCore;

class Sampler {
 public:
  // `options` passed check_sampler.
  Sampler(std::shared_ptr<courier::Channel> channel, SamplerOptions options)
      : Sampler(source_of(std::move(channel)), std::move(options)) {}
  Sampler(SampleSource source, SamplerOptions options);
  // Closes.
  ~Sampler();

  // The next sample; none: the stream has ended (max_samples, rate_limiter_timeout).
  // DEADLINE_EXCEEDED: none came by then; the stream goes on. NOT_FOUND: no such table.
  // CANCELLED after close().
  Result<std::optional<Sample>> next(const base::Deadline& deadline = {});
  // The next samples as they came together: what `next` has not taken of them.
  Result<std::optional<SampleBatch>> next_batch(const base::Deadline& deadline = {});

  // Wakes a waiting next(). What was asked for is not sampled if the server hears of it in time.
  void close();

 private:
  std::shared_ptr<SamplerCore> core_;
};

}  // namespace lp::replay
