#include "launchpad/replay/trajectory_writer.h"

#include "launchpad/base/log.h"
#include "launchpad/replay/writer_core.h"

namespace lp::replay {

Result<std::unique_ptr<TrajectoryWriter>> TrajectoryWriter::make(
    std::shared_ptr<courier::Channel> channel, TrajectoryWriterOptions options,
    std::vector<TableInfo> tables) {
  if (options.num_keep_alive_refs < 1) {
    return Error(Code::kInvalidArgument, "num_keep_alive_refs (" +
                                             std::to_string(options.num_keep_alive_refs) +
                                             ") must be a positive integer");
  }
  if (options.max_chunk_length && *options.max_chunk_length < 1) {
    return Error(Code::kInvalidArgument, "max_chunk_length (" +
                                             std::to_string(*options.max_chunk_length) +
                                             ") must be a positive integer");
  }
  if (options.key_is >= options.key_modulus) {
    return Error(Code::kInvalidArgument, "key_is must be less than key_modulus");
  }
  auto core = std::make_shared<WriterCore>(std::move(channel), std::move(options), tables);
  core->start();
  return std::unique_ptr<TrajectoryWriter>(new TrajectoryWriter(std::move(core)));
}

TrajectoryWriter::TrajectoryWriter(std::shared_ptr<WriterCore> core) : core_(std::move(core)) {}

TrajectoryWriter::~TrajectoryWriter() {
  const int64_t dropped = close();
  if (dropped == 0) return;
  base::log(base::LogLevel::kWarning,
            "a replay writer ended with " + std::to_string(dropped) +
                " items that are not known to be in their tables: call flush() before");
}

Status TrajectoryWriter::append(std::span<const Cell> cells, bool partial) {
  return core_->append(cells, partial);
}
uint64_t TrajectoryWriter::length(size_t column) const {
  return core_->steps([&](const StepBuffer& steps) { return steps.length(column); });
}
size_t TrajectoryWriter::columns() const {
  return core_->steps([](const StepBuffer& steps) { return steps.columns(); });
}
Result<StepRef> TrajectoryWriter::newest(size_t column, uint64_t back) const {
  return core_->steps([&](const StepBuffer& steps) { return steps.newest(column, back); });
}
bool TrajectoryWriter::expired(const StepRef& ref) const {
  return core_->steps([&](const StepBuffer& steps) { return steps.expired(ref); });
}
std::optional<Spec> TrajectoryWriter::spec(size_t column) const {
  return core_->steps([&](const StepBuffer& steps) { return steps.spec(column); });
}
Result<ColumnData> TrajectoryWriter::read(std::span<const StepRef> refs) const {
  return core_->steps([&](const StepBuffer& steps) { return steps.read(refs); });
}
Result<uint64_t> TrajectoryWriter::create_item(std::string_view table, double priority,
                                               std::span<const TrajectoryColumn> columns) {
  return core_->create_item(table, priority, columns);
}
Status TrajectoryWriter::flush(int64_t block_until_num_items, const base::Deadline& deadline) {
  return core_->flush(block_until_num_items, deadline);
}
Status TrajectoryWriter::end_episode(bool clear_buffers, const base::Deadline& deadline) {
  return core_->end_episode(clear_buffers, deadline);
}
Status TrajectoryWriter::configure(size_t column, int64_t num_keep_alive_refs,
                                   std::optional<int64_t> max_chunk_length) {
  return core_->configure(column, num_keep_alive_refs, max_chunk_length);
}
uint64_t TrajectoryWriter::episode() const {
  return core_->steps([](const StepBuffer& steps) { return steps.episode(); });
}
int64_t TrajectoryWriter::episode_steps() const {
  return core_->steps([](const StepBuffer& steps) { return steps.episode_steps(); });
}
bool TrajectoryWriter::step_is_open() const {
  return core_->steps([](const StepBuffer& steps) { return steps.step_is_open(); });
}
int64_t TrajectoryWriter::pending_items() const { return core_->pending(); }
int64_t TrajectoryWriter::close() { return core_->close(); }

}  // namespace lp::replay
