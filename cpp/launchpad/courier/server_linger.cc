// A ServerCore's thread that has answered a call and looks for the same client's next one awake:
// to be woken costs it more than the call. The session is muted meanwhile, so that no other thread
// is woken; should a call block, the watch gives the session back to the poller.
#include <sys/timerfd.h>
#include <unistd.h>

#include "launchpad/courier/server_core.h"

namespace lp::courier {
namespace {

// After a longer call nobody looks: others may have to be read meanwhile, and a wake matters less.
constexpr base::Nanos kShortCall{50'000};
// A call that takes this long, or twice, is stuck.
constexpr base::Nanos kWatchEvery{1'000'000};

void arm(const base::Fd& timer) {
  itimerspec when{};
  when.it_value.tv_nsec = kWatchEvery.count();
  ::timerfd_settime(timer.get(), 0, &when, nullptr);
}

}  // namespace

void ServerCore::linger(const std::shared_ptr<Session>& session, base::Nanos took) {
  if (took > kShortCall) return session->patience().lose();
  if (!session->patience().ready()) return;
  const uint64_t number = lingering_.with([&](Lingering& lingering) -> uint64_t {
    if (lingering.session != nullptr) return 0;
    lingering.session = session;
    return ++lingering.number;
  });
  if (number == 0) return;
  arm(watch_);
  session->mute();
  const auto still = [&] {
    return lingering_.with([&](Lingering& lingering) {
      return lingering.session != nullptr && lingering.number == number;
    });
  };
  while (run_next_of(session) && still()) {
  }
  const bool ours = lingering_.with([&](Lingering& lingering) {
    if (lingering.session == nullptr || lingering.number != number) return false;
    lingering.session = nullptr;
    return true;
  });
  if (ours) session->unmute();
}

// False: it is no use to look on.
bool ServerCore::run_next_of(const std::shared_ptr<Session>& session) {
  std::vector<wire::Frame> frames;
  std::optional<Session::Turn> turn;
  session->patience().wait([&] {
    turn.reset();
    if (ending_.load(std::memory_order_acquire) || !session->claim_turn()) return true;
    turn = session->read(frames);
    return !frames.empty() || turn != Session::Turn::kDrained;
  });
  if (!turn) return false;
  lingers_.fetch_add(1, std::memory_order_acq_rel);
  const auto took = after_turn(session, *turn, frames);
  lingers_.fetch_add(1, std::memory_order_acq_rel);
  if (took && *took > kShortCall) session->patience().lose();
  return took && *took <= kShortCall && turn == Session::Turn::kDrained;
}

// Every kWatchEvery while a thread lingers.
void ServerCore::on_watch() {
  uint64_t expirations = 0;
  [[maybe_unused]] const ssize_t got = ::read(watch_.get(), &expirations, sizeof(expirations));
  const auto stuck = lingering_.with([&](Lingering& lingering) -> std::shared_ptr<Session> {
    if (lingering.session == nullptr) return nullptr;
    const uint64_t now = lingers_.load(std::memory_order_acquire);
    const bool same = std::exchange(lingering.seen, now) == now && now % 2 == 1;
    if (!same) {
      arm(watch_);
      return nullptr;
    }
    return std::exchange(lingering.session, nullptr);
  });
  if (stuck != nullptr) stuck->unmute();
}

}  // namespace lp::courier
