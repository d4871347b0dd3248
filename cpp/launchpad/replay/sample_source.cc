#include "launchpad/replay/sample_source.h"

namespace lp::replay {

SampleSource source_of(std::shared_ptr<courier::Channel> channel) {
  const bool prebound = channel->options().prebound;
  return {[channel = std::move(channel)](const SampleCall& call, const base::Deadline& deadline,
                                         SampleSource::Done done) -> SampleSource::Cancel {
            auto sent =
                channel->start(kSampleCall, encode(call), deadline, [done](courier::Answer answer) {
                  if (!answer.ok()) return done(answer.error());
                  done(decode_batches(std::move(answer).value()));
                });
            if (!sent.ok()) {
              done(sent.error());
              return [] {};
            }
            return [channel, pending = std::move(sent).value()] { channel->cancel(pending); };
          },
          prebound};
}

}  // namespace lp::replay
