#include "launchpad/courier/backlog.h"

#include <algorithm>
#include <iterator>

namespace lp::courier {

void Backlog::Line::push(Call&& call) {
  // Rather than grow, the line moves up; into twice its room, so that it does so rarely.
  if (calls_.size() == calls_.capacity() && first_ > 0) {
    std::vector<Call> rest;
    rest.reserve(std::max(calls_.capacity(), 2 * size()));
    std::move(calls_.begin() + static_cast<ptrdiff_t>(first_), calls_.end(),
              std::back_inserter(rest));
    calls_.swap(rest);
    first_ = 0;
  }
  calls_.push_back(std::move(call));
}

Call Backlog::Line::pop() {
  Call call = std::move(calls_[first_++]);
  if (empty()) {
    calls_.clear();
    first_ = 0;
  }
  return call;
}

void Backlog::push(Call&& call, bool priority) {
  (priority ? priority_ : others_).push(std::move(call));
}

std::optional<Backlog::Next> Backlog::pop() {
  if (!priority_.empty()) return Next{.call = priority_.pop()};
  if (others_.empty() || (limited_ && taken_ >= places_)) return std::nullopt;
  if (limited_) ++taken_;
  return Next{.call = others_.pop(), .takes_place = limited_};
}

std::vector<Call> Backlog::clear() {
  std::vector<Call> all;
  all.reserve(size());
  while (!priority_.empty()) all.push_back(priority_.pop());
  while (!others_.empty()) all.push_back(others_.pop());
  return all;
}

}  // namespace lp::courier
