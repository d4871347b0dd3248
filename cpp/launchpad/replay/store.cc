#include "launchpad/replay/store.h"

#include "launchpad/replay/store_core.h"

namespace lp::replay {

namespace {

// All of them or, if one cannot be claimed, none.
Status claim_all(const std::vector<std::shared_ptr<Table>>& tables) {
  for (size_t i = 0; i < tables.size(); ++i) {
    Status claimed = tables[i]->claim();
    if (claimed.ok()) continue;
    while (i-- > 0) tables[i]->unclaim();
    return claimed;
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Store>> Store::make(std::vector<std::shared_ptr<Table>> tables,
                                           StoreOptions options) {
  LP_TRY_ASSIGN(auto made, Tables::make(std::move(tables)));
  LP_TRY(claim_all(made->all()));
  auto core = std::make_shared<StoreCore>(std::move(made), std::move(options));
  core->start_timer();
  return std::unique_ptr<Store>(new Store(std::move(core)));
}

Store::Store(std::shared_ptr<StoreCore> core) : core_(std::move(core)) {}
Store::~Store() { stop(); }

void Store::bind(courier::Router& router) { core_->bind(router); }
const std::vector<std::shared_ptr<Table>>& Store::tables() const { return core_->tables().all(); }
std::shared_ptr<Table> Store::table(std::string_view name) const {
  return core_->tables().find(name);
}
void Store::stop() { core_->stop(&Table::close); }
void Store::let_go() { core_->stop(&Table::unclaim); }
std::vector<WriterState> Store::writers() const { return core_->writers(); }
void Store::restore_writers(std::span<const WriterState> writers) {
  core_->restore_writers(writers);
}

// ---- Time.

void StoreCore::start_timer() {
  for (const auto& table : tables_->all()) {
    table->on_new_deadline([timer = timer_] {
      const std::lock_guard lock(timer->mutex);
      timer->due = true;
      timer->changed.notify_one();
    });
  }
  timer_thread_ = std::thread([this] { keep_time(); });
}

void StoreCore::keep_time() {
  const base::Nanos sweep =
      std::min<base::Nanos>(options_.forget_chunks_after, base::Nanos(10'000'000'000));
  std::unique_lock lock(timer_->mutex);
  while (!timer_->stopped) {
    timer_->due = false;
    lock.unlock();
    base::TimePoint next = base::steady_clock().now() + sweep;
    for (const auto& table : tables_->all()) {
      if (const auto first = table->expire()) next = std::min(next, *first);
    }
    forget_writers();
    lock.lock();
    timer_->changed.wait_until(lock, next, [&] { return timer_->due || timer_->stopped; });
  }
}

void StoreCore::stop(void (Table::*leave)()) {
  if (stopped_.exchange(true)) return;
  {
    const std::lock_guard lock(timer_->mutex);
    timer_->stopped = true;
    timer_->changed.notify_one();
  }
  for (const auto& table : tables_->all()) ((*table).*leave)();
  if (timer_thread_.joinable()) timer_thread_.join();
  // What is being written is brought to its end.
  std::thread writer = askers_.with([](Askers& askers) {
    askers.stopped = true;
    return std::move(askers.writer);
  });
  if (writer.joinable()) writer.join();
  const auto sessions = sessions_.with([](const auto& all) { return all; });
  for (const auto& [number, session] : sessions) session->stop();
}

// ---- Writers.

std::shared_ptr<WriterSession> StoreCore::make_session(uint64_t last) {
  // Sessions live as long as calls that wait in tables, which may be longer than this.
  return std::make_shared<WriterSession>(tables_, last, options_.max_waiting_items);
}

std::shared_ptr<WriterSession> StoreCore::session(uint64_t number) {
  return sessions_.with([&](auto& sessions) {
    auto& session = sessions[number];
    if (session == nullptr) session = make_session(0);
    session->hear();  // Under the lock: it is not forgotten before it got the write.
    return session;
  });
}

std::vector<WriterState> StoreCore::writers() const {
  const auto sessions = sessions_.with([](const auto& all) { return all; });
  std::vector<WriterState> writers;
  for (const auto& [number, session] : sessions) writers.push_back({number, session->last()});
  return writers;
}

void StoreCore::restore_writers(std::span<const WriterState> writers) {
  sessions_.with([&](auto& sessions) {
    for (const WriterState& writer : writers) {
      sessions[writer.session] = make_session(writer.last);
    }
  });
}

void StoreCore::forget_writers() {
  const auto now = base::steady_clock().now();
  const auto sessions = sessions_.with([](const auto& all) { return all; });
  for (const auto& [number, session] : sessions) {
    session->forget_chunks(now - options_.forget_chunks_after);
    sessions_.with([&, number = number](auto& all) {
      const auto found = all.find(number);
      if (found != all.end() && found->second->idle_since(now - options_.forget_writers_after)) {
        all.erase(found);
      }
    });
  }
}

}  // namespace lp::replay
