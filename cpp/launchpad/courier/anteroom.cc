#include "launchpad/courier/anteroom.h"

#include <algorithm>
#include <vector>

#include "launchpad/courier/session.h"

namespace lp::courier {

std::shared_ptr<Session> Anteroom::Guest::waiting() const {
  auto one = session.lock();
  return one == nullptr || one->known() ? nullptr : one;
}

void Anteroom::add(const std::shared_ptr<Session>& session) {
  std::shared_ptr<Session> crowded_out;
  guests_.with([&](Guests& guests) {
    const bool first = guests.empty();
    guests.push_back({session, base::Deadline::after(half_)});
    if (guests.size() > kMaxStrangers) {
      std::erase_if(guests, [](const Guest& guest) { return guest.waiting() == nullptr; });
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
  timer_.drain();
  std::vector<std::shared_ptr<Session>> late;
  guests_.with([&](Guests& guests) {
    std::erase_if(guests, [&](Guest& guest) {
      if (!guest.deadline.passed()) return false;
      if (!guest.second_half) {
        guest.second_half = true;
        guest.deadline = base::Deadline::after(half_);
        return false;
      }
      if (auto session = guest.waiting()) late.push_back(std::move(session));
      return true;
    });
    tidy(guests);
  });
  for (const auto& session : late) session->turn_away("it did not say who it is in time");
}

void Anteroom::tidy(Guests& guests) {
  while (!guests.empty() && guests.front().waiting() == nullptr) guests.pop_front();
  if (guests.empty()) return;
  const auto due = [](const Guest& one, const Guest& other) {
    return one.deadline.at() < other.deadline.at();
  };
  timer_.set(std::min_element(guests.begin(), guests.end(), due)->deadline.left());
}

}  // namespace lp::courier
