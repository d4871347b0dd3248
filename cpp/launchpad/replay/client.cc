#include "launchpad/replay/client.h"

#include "launchpad/base/rng.h"
#include "launchpad/courier/addresses.h"
#include "launchpad/courier/client.h"
#include "launchpad/replay/shards.h"
#include "launchpad/replay/stops.h"

namespace lp::replay {
namespace {

uint64_t random_key() {
  thread_local base::Rng rng(base::unique_seed());
  return rng();
}

template <class T>
Result<T> decoded(courier::Answer answer, std::string_view call) {
  return courier::decode_answer<T>(std::move(answer), call);
}

// Calls and waits.
courier::Answer ask(courier::Channel& channel, std::string_view call,
                    const wire::Payload& arguments, const base::Deadline& deadline) {
  auto answer = channel.call(call, arguments, deadline);
  if (!answer.ok()) return stop_of(channel.server_name(), std::move(answer).error());
  return answer;
}

// One step of all columns as a chunk.
Result<ChunkRef> step_chunk(std::span<const Cell> cells) {
  ChunkBuilder builder(random_key(), random_key());
  for (size_t i = 0; i < cells.size(); ++i) {
    const Spec spec{cells[i].type, Tensor::Shape(cells[i].shape.begin(), cells[i].shape.end())};
    LP_TRY(check_spec(spec));
    LP_TRY(check_row(spec, cells[i].bytes));
    builder.append(i, spec, cells[i].bytes);
  }
  return std::move(builder).build();
}

}  // namespace

Result<Client> Client::connect(std::string_view address, courier::ChannelOptions options) {
  LP_TRY_ASSIGN(const courier::Addresses parsed, courier::Addresses::parse(address));
  std::vector<std::shared_ptr<courier::Channel>> channels;
  for (const net::Address& each : parsed.all) {
    channels.push_back(courier::make_shared_channel(each, options));
  }
  return Client(std::move(channels));
}

Client::Client(std::vector<std::shared_ptr<courier::Channel>> channels)
    : channel_(channels.front()) {
  if (channels.size() == 1) return;
  shards_ = std::make_shared<Shards>(std::move(channels));
  selectors_ = std::make_shared<KnownSelectors>();
}

std::string Client::address() const {
  std::string text = channel_->address().str();
  for (size_t i = 1; shards_ != nullptr && i < shards_->size(); ++i) {
    text += "," + shards_->channel(i)->address().str();
  }
  return text;
}

Result<std::vector<uint64_t>> Client::insert(std::span<const Cell> columns,
                                             std::span<const Priority> priorities,
                                             const base::Deadline& deadline) const {
  if (priorities.empty()) {
    return Error(Code::kInvalidArgument, "priorities must contain at least one item");
  }
  if (columns.empty()) return Error(Code::kInvalidArgument, "trajectory must not be empty.");
  if (columns.size() > kMaxColumns) {
    return Error(Code::kInvalidArgument, "a step of " + std::to_string(columns.size()) +
                                             " columns: it can have at most " +
                                             std::to_string(kMaxColumns));
  }
  WriteRequest request;
  LP_TRY_ASSIGN(const ChunkRef chunk, step_chunk(columns));
  request.chunks.push_back(chunk);
  std::vector<ColumnSlices> slices;
  for (uint32_t i = 0; i < columns.size(); ++i) slices.push_back({{Slice{0, i, 0, 1, 1}}, false});
  const auto layout = make_ref<const Layout>(std::move(slices));
  const size_t shard = shards_ ? shards_->next() : 0;
  const size_t shards = shards_ ? shards_->size() : 1;
  std::vector<uint64_t> keys;
  for (const Priority& each : priorities) {
    keys.push_back(key_at(random_key(), shards, shard));
    request.items.push_back({each.table, keys.back(), each.priority, layout, {chunk->key()}});
  }
  const auto& channel = shards_ ? shards_->channel(shard) : channel_;
  LP_TRY(decoded<void>(ask(*channel, kInsertCall, encode(request), deadline), kInsertCall));
  return keys;
}

Result<std::vector<SampleBatch>> Client::sample(std::string_view table,
                                                const SampleOptions& options,
                                                const base::Deadline& deadline) const {
  SampleCall call{std::string(table), options.count, options.min_count, -1};
  if (options.rate_limiter_timeout) call.timeout_ns = options.rate_limiter_timeout->count();
  if (shards_) return sample_shards(call, deadline);
  LP_TRY_ASSIGN(wire::Payload payload, ask(*channel_, kSampleCall, encode(call), deadline));
  return decode_batches(std::move(payload));
}

Result<int64_t> Client::mutate_priorities(std::string_view table,
                                          std::span<const PriorityUpdate> updates,
                                          std::span<const uint64_t> deletes,
                                          const base::Deadline& deadline) const {
  if (shards_) return mutate_shards(table, updates, deletes, deadline);
  MutateCall call;
  call.table = table;
  for (const PriorityUpdate& update : updates) {
    call.keys.push_back(update.key);
    call.priorities.push_back(update.priority);
  }
  call.deletes.assign(deletes.begin(), deletes.end());
  return decoded<int64_t>(channel_->call(kMutateCall, encode(call), deadline), kMutateCall);
}

Status Client::reset(std::string_view table, const base::Deadline& deadline) const {
  const std::tuple<std::string> arguments{std::string(table)};
  for (auto& answer : call_all(kResetCall, courier::encode_arguments(arguments), deadline)) {
    LP_TRY(decoded<void>(std::move(answer), kResetCall));
  }
  return {};
}

Result<std::vector<TableInfo>> Client::info(const base::Deadline& deadline) const {
  std::vector<Result<std::vector<TableInfo>>> infos;
  for (auto& answer : call_all(kInfoCall, courier::encode_arguments(std::tuple<>()), deadline)) {
    infos.push_back(decoded<std::vector<TableInfo>>(std::move(answer), kInfoCall));
  }
  return Shards::merged(infos);
}

Result<std::string> Client::checkpoint(const base::Deadline& deadline) const {
  std::string paths;
  for (auto& answer :
       call_all(kCheckpointCall, courier::encode_arguments(std::tuple<>()), deadline)) {
    LP_TRY_ASSIGN(const std::string path, decoded<std::string>(std::move(answer), kCheckpointCall));
    paths += (paths.empty() ? "" : ",") + path;
  }
  return paths;
}

Result<std::unique_ptr<TrajectoryWriter>> Client::writer(TrajectoryWriterOptions options,
                                                         const base::Deadline& deadline) const {
  std::vector<TableInfo> tables;
  if (options.validate_items) {
    LP_TRY_ASSIGN(tables, info(deadline));
  }
  return writer(std::move(options), std::move(tables));
}

Result<std::unique_ptr<TrajectoryWriter>> Client::writer(TrajectoryWriterOptions options,
                                                         std::vector<TableInfo> tables) const {
  if (!shards_) return TrajectoryWriter::make(channel_, std::move(options), std::move(tables));
  options.key_modulus = shards_->size();
  options.key_is = shards_->next();
  const auto& channel = shards_->channel(options.key_is);
  return TrajectoryWriter::make(channel, std::move(options), std::move(tables));
}

Result<std::unique_ptr<Sampler>> Client::sampler(SamplerOptions options) const {
  LP_TRY(check_sampler(options));
  if (shards_) return std::make_unique<Sampler>(shards_->source(), std::move(options));
  return std::make_unique<Sampler>(channel_, std::move(options));
}

}  // namespace lp::replay
