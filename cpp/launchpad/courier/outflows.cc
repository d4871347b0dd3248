#include "launchpad/courier/outflows.h"

#include <utility>

#include "launchpad/wire/reader.h"

namespace lp::courier {

Status Outflows::open(uint64_t id, std::shared_ptr<wire::PayloadStream> source) {
  const auto outflow = std::make_shared<Outflow>(std::move(source));
  LP_TRY(streams_->with([&](Streams& streams) -> Status {
    if (streams.ended) return *streams.ended;
    if (streams.open.size() >= kMaxStreams)
      return Error(Code::kResourceExhausted, "this client has " + std::to_string(kMaxStreams) +
                                                 " streams open, which is the limit: take them to "
                                                 "their end, or close them");
    streams.open.insert_or_assign(id, outflow);
    return {};
  }));
  const auto forget = [streams = streams_, id] {
    streams->with([&](Streams& all) { all.open.erase(id); });
  };
  Status running = run_apart_([outflow, forget] {
    outflow->produce();
    if (outflow->over()) forget();
  });
  if (!running.ok()) forget();
  return running;
}

void Outflows::ask(Call&& call) {
  wire::Reader reader(call.arguments());
  uint64_t id = 0;
  if (call.arguments().encoding == wire::Encoding::kTyped && reader.list() == 1)
    id = reader.unsigned_integer();
  const auto outflow = streams_->with([&](Streams& streams) -> std::shared_ptr<Outflow> {
    const auto found = streams.open.find(id);
    return found == streams.open.end() ? nullptr : found->second;
  });
  if (outflow == nullptr) {
    return call.fail(Error(Code::kUnavailable,
                           "the stream has ended before its last result was taken: the connection "
                           "broke, or the server stops"));
  }
  outflow->ask(std::move(call));
  if (outflow->over()) streams_->with([&](Streams& streams) { streams.open.erase(id); });
}

void Outflows::cancel(uint64_t id) {
  std::shared_ptr<Outflow> outflow;
  streams_->with([&](Streams& streams) {
    const auto found = streams.open.find(id);
    if (found == streams.open.end()) return;
    outflow = std::move(found->second);
    streams.open.erase(found);
  });
  if (outflow != nullptr) outflow->cancel(Error(Code::kCancelled, "the stream was closed"));
}

void Outflows::end(const Error& why) {
  std::map<uint64_t, std::shared_ptr<Outflow>> all;
  streams_->with([&](Streams& streams) {
    streams.ended = why;
    all.swap(streams.open);
  });
  for (const auto& [id, outflow] : all) outflow->cancel(why);
}

}  // namespace lp::courier
