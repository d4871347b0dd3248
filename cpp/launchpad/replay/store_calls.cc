#include <algorithm>
#include <system_error>

#include "launchpad/replay/stops.h"
#include "launchpad/replay/store_core.h"
#include "launchpad/wire/codec.h"

namespace lp::replay {
namespace {

wire::Payload nothing() {
  wire::Payload payload;
  wire::Writer(payload).nil();
  return payload;
}

// The single text argument of a call.
Result<std::string> text_argument(const wire::Payload& payload) {
  wire::Reader reader(payload);
  std::string text;
  if (reader.list() == 1) text = reader.string();
  if (reader.ok() && !text.empty()) return text;
  return Error(Code::kInvalidArgument, "the name of a table was expected");
}

// Of this thread: what many items share is kept once.
LayoutCache& layouts() {
  thread_local LayoutCache cache;
  return cache;
}

bool dimensions_fit(std::span<const int64_t> expected, std::span<const int64_t> got) {
  return std::equal(expected.begin(), expected.end(), got.begin(), got.end(),
                    [](int64_t a, int64_t b) { return a < 0 || a == b; });
}

// Whether an inserted step is what the table's items are, whose signature may be that of steps or
// that of whole items. A client knows the signature that the table had when it asked.
Status check_step(const Table& table, const Trajectory& step) {
  const auto& signature = table.options().signature;
  if (!signature) return {};
  bool fits = signature->columns.size() == step.columns();
  for (size_t i = 0; fits && i < step.columns(); ++i) {
    const SignatureColumn& expected = signature->columns[i];
    const Spec& got = step.spec(i);
    const std::span<const int64_t> whole(expected.shape);
    fits = expected.element_type() == got.type &&
           (!expected.known_rank || dimensions_fit(whole, got.shape) ||
            (!whole.empty() && dimensions_fit(whole.subspan(1), got.shape)));
  }
  if (fits) return {};
  std::vector<ColumnShape> shapes;
  for (size_t i = 0; i < step.columns(); ++i) shapes.push_back(step.shape(i));
  return check_signature(table.name(), *signature, shapes);
}

// An item in several tables, which is answered when it is in all of them.
struct SharedInsert {
  explicit SharedInsert(courier::Call given) : call(std::move(given)) {}
  courier::Call call;
  base::Guarded<std::pair<size_t, Status>> left{size_t{0}, Status()};

  void finished(const Status& status) {
    const auto [last, result] = left.with([&](auto& state) {
      if (!status.ok() && state.second.ok()) state.second = status;
      return std::pair(--state.first == 0, state.second);
    });
    if (!last) return;
    if (result.ok())
      call.reply(nothing());
    else
      call.fail(result.error());
  }
};

}  // namespace

void StoreCore::bind_one(courier::Router& router, std::string_view name, Handle handle) {
  const Status bound =
      router.bind(std::string(name), [self = shared_from_this(), handle](courier::Call&& call) {
        if (self->stopped_.load()) {
          return call.fail(server_stops());
        }
        ((*self).*handle)(std::move(call));
      });
  LP_CHECK(bound.ok());
}

void StoreCore::bind(courier::Router& router) {
  bind_one(router, kWriteCall, &StoreCore::on_write);
  bind_one(router, kInsertCall, &StoreCore::on_insert);
  bind_one(router, kSampleCall, &StoreCore::on_sample);
  bind_one(router, kMutateCall, &StoreCore::on_mutate);
  bind_one(router, kResetCall, &StoreCore::on_reset);
  bind_one(router, kInfoCall, &StoreCore::on_info);
  bind_one(router, kCheckpointCall, &StoreCore::on_checkpoint);
}

void StoreCore::on_write(courier::Call&& call) {
  auto request = decode_write(call.arguments(), layouts());
  if (!request.ok()) return call.fail(request.error());
  const uint64_t number = request.value().session;
  const bool last = request.value().last;
  session(number)->write(std::move(call), std::move(request).value());
  if (last) sessions_.with([&](auto& sessions) { sessions.erase(number); });
}

// As a write of a single item, with a table for each.
void StoreCore::on_insert(courier::Call&& call) {
  auto request = decode_write(call.arguments(), layouts());
  if (!request.ok()) return call.fail(request.error());
  std::vector<std::pair<std::shared_ptr<Table>, Item>> items;
  for (const NamedItem& item : request.value().items) {
    auto table = tables_->named(item.table);
    if (!table.ok()) return call.fail(table.error());
    auto trajectory = Trajectory::make(item.layout, request.value().chunks);
    if (!trajectory.ok()) return call.fail(trajectory.error());
    // Before any is put in: all tables get it, or none.
    Status fits = table.value()->check_priority(item.priority);
    if (fits.ok()) fits = check_step(*table.value(), *trajectory.value());
    if (!fits.ok()) return call.fail(fits.error());
    items.emplace_back(std::move(table).value(),
                       Item{item.key, item.priority, std::move(trajectory).value(), 0});
  }
  if (items.empty()) {
    return call.fail(Error(Code::kInvalidArgument, "priorities must contain at least one item"));
  }
  const base::Deadline deadline = call.deadline();
  const auto shared = std::make_shared<SharedInsert>(std::move(call));
  shared->left.with([&](auto& state) { state.first = items.size(); });
  for (auto& [table, item] : items) {
    table->insert(std::move(item), deadline,
                  [shared](const Status& status) { shared->finished(status); });
  }
}

void StoreCore::on_sample(courier::Call&& call) {
  auto sample = decode_sample(call.arguments());
  if (!sample.ok()) return call.fail(sample.error());
  const auto table = tables_->named(sample.value().table);
  if (!table.ok()) return call.fail(table.error());
  Table::SampleRequest request;
  request.max_count = sample.value().max_count;
  request.min_count = sample.value().min_count;
  request.deadline = call.deadline();
  if (sample.value().timeout_ns >= 0) {
    const auto own = base::Deadline::after(base::Nanos(sample.value().timeout_ns));
    const bool sooner =
        !own.never() && !request.deadline.never() && *own.at() < *request.deadline.at();
    if (request.deadline.never() || sooner) request.deadline = own;
  }
  const auto shared = std::make_shared<courier::Call>(std::move(call));
  request.gone = [shared] { return shared->cancelled(); };
  table.value()->sample(std::move(request), [shared](auto samples) {
    if (!samples.ok()) return shared->fail(samples.error());
    const auto batches = gather(samples.value());
    if (!batches.ok()) return shared->fail(batches.error());
    shared->reply(encode(batches.value()));
  });
}

void StoreCore::on_mutate(courier::Call&& call) {
  const auto mutate = decode_mutate(call.arguments());
  if (!mutate.ok()) return call.fail(mutate.error());
  const auto table = tables_->named(mutate.value().table);
  if (!table.ok()) return call.fail(table.error());
  std::vector<PriorityUpdate> updates;
  for (size_t i = 0; i < mutate.value().keys.size(); ++i) {
    updates.push_back({mutate.value().keys[i], mutate.value().priorities[i]});
  }
  const auto count = table.value()->mutate(updates, mutate.value().deletes);
  if (!count.ok()) return call.fail(count.error());
  call.reply(typed(count.value()));
}

void StoreCore::on_reset(courier::Call&& call) {
  const auto name = text_argument(call.arguments());
  if (!name.ok()) return call.fail(name.error());
  const auto table = tables_->named(name.value());
  if (!table.ok()) return call.fail(table.error());
  const Status status = table.value()->reset();
  if (!status.ok()) return call.fail(status.error());
  call.reply(nothing());
}

void StoreCore::on_info(courier::Call&& call) {
  std::vector<TableInfo> infos;
  for (const auto& table : tables_->all()) infos.push_back(table->info());
  call.reply(typed(infos));
}

void StoreCore::on_checkpoint(courier::Call&& call) {
  if (!options_.checkpoint) {
    return call.fail(
        Error(Code::kInvalidArgument, "no Checkpointer configured for the replay service."));
  }
  askers_.with([&](Askers& askers) {
    if (askers.stopped) {
      return call.fail(server_stops());
    }
    askers.calls.push_back(std::move(call));
    if (std::exchange(askers.writes, true)) return;
    if (askers.writer.joinable()) askers.writer.join();  // At its end already.
    try {
      askers.writer = std::thread([this] { write_checkpoints(); });
    } catch (const std::system_error& error) {
      askers.writes = false;
      askers.calls.back().fail(Error(Code::kResourceExhausted, error.what()));
      askers.calls.pop_back();
    }
  });
}

// On a thread of its own: writing takes long, and the server's threads are few.
void StoreCore::write_checkpoints() {
  while (true) {
    auto calls = askers_.with([](Askers& askers) {
      askers.writes = !askers.calls.empty();
      return std::exchange(askers.calls, {});
    });
    if (calls.empty()) return;
    const auto path = options_.checkpoint();
    for (courier::Call& call : calls) {
      if (path.ok())
        call.reply(typed(path.value()));
      else
        call.fail(path.error());
    }
  }
}

}  // namespace lp::replay
