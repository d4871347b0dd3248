#include "launchpad/courier/backlog.h"

namespace lp::courier {
namespace {

Call pop_front(std::deque<Call>& calls) {
  Call call = std::move(calls.front());
  calls.pop_front();
  return call;
}

}  // namespace

void Backlog::push(Call call, bool priority) {
  (priority ? priority_ : others_).push_back(std::move(call));
}

std::optional<Backlog::Next> Backlog::pop() {
  if (!priority_.empty()) return Next{.call = pop_front(priority_)};
  if (others_.empty() || (limited_ && taken_ >= places_)) return std::nullopt;
  if (limited_) ++taken_;
  return Next{.call = pop_front(others_), .takes_place = limited_};
}

std::deque<Call> Backlog::clear() {
  std::deque<Call> all = std::exchange(priority_, {});
  for (Call& call : others_) all.push_back(std::move(call));
  others_.clear();
  return all;
}

}  // namespace lp::courier
