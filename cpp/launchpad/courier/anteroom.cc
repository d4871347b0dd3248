#include "launchpad/courier/anteroom.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "launchpad/courier/session.h"

namespace lp::courier {

Anteroom::Anteroom(base::Nanos patience)
    : patience_(patience), timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) {}

void Anteroom::add(const std::shared_ptr<Session>& session) {
  std::shared_ptr<Session> crowded_out;
  guests_.with([&](Guests& guests) {
    const bool first = guests.empty();
    guests.push_back({session, base::Deadline::after(patience_)});
    if (guests.size() > kMaxStrangers) {
      std::erase_if(guests, [](const Guest& guest) {
        const auto one = guest.session.lock();
        return one == nullptr || one->known();
      });
    }
    if (guests.size() > kMaxStrangers) {
      crowded_out = guests.front().session.lock();
      guests.pop_front();
    }
    if (first) tidy(guests);
  });
  if (crowded_out != nullptr) crowded_out->turn_away("too many others wait to be let in");
}

void Anteroom::close_late() {
  uint64_t expirations = 0;
  [[maybe_unused]] const ssize_t got = ::read(timer_.get(), &expirations, sizeof(expirations));
  std::vector<std::shared_ptr<Session>> late;
  guests_.with([&](Guests& guests) {
    while (!guests.empty() && guests.front().deadline.passed()) {
      auto session = guests.front().session.lock();
      guests.pop_front();
      if (session != nullptr && !session->known()) late.push_back(std::move(session));
    }
    tidy(guests);
  });
  for (const auto& session : late) session->turn_away("it did not say who it is in time");
}

void Anteroom::tidy(Guests& guests) {
  while (!guests.empty()) {
    const auto session = guests.front().session.lock();
    if (session != nullptr && !session->known()) break;
    guests.pop_front();
  }
  if (guests.empty()) return;
  const auto left = std::max<int64_t>(guests.front().deadline.left().count(), 1);
  itimerspec when{};
  when.it_value.tv_sec = left / 1'000'000'000;
  when.it_value.tv_nsec = left % 1'000'000'000;
  ::timerfd_settime(timer_.get(), 0, &when, nullptr);
}

}  // namespace lp::courier
