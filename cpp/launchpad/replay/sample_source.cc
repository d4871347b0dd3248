#include "launchpad/replay/sample_source.h"

#include "launchpad/replay/stops.h"

namespace lp::replay {

SampleSource source_of(std::shared_ptr<courier::Channel> channel) {
  const bool prebound = channel->options().prebound;
  return {[channel](const SampleCall& call, const base::Deadline& deadline,
                    SampleSource::Done done) -> SampleSource::Cancel {
            auto sent =
                channel->start(kSampleCall, encode(call), deadline,
                               [done, server = channel->server_name()](courier::Answer answer) {
                                 if (!answer.ok())
                                   return done(stop_of(server, std::move(answer).error()));
                                 done(decode_batches(std::move(answer).value()));
                               });
            if (!sent.ok()) {
              done(sent.error());
              return [] {};
            }
            return [channel, pending = std::move(sent).value()] { channel->cancel(pending); };
          },
          prebound, [channel] { return channel->stopped(); }};
}

}  // namespace lp::replay
