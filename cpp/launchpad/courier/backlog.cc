#include "launchpad/courier/backlog.h"

#include <utility>

namespace lp::courier {

void Backlog::push(Calls&& calls, bool priority) {
  Calls& line = priority ? priority_ : others_;
  line.splice(line.end(), calls);
}

Backlog::Next Backlog::pop() {
  Next next;
  const bool priority = !priority_.empty();
  if (!priority && (others_.empty() || (limited_ && taken_ >= places_))) return next;
  next.takes_place = !priority && limited_;
  if (next.takes_place) ++taken_;
  Calls& line = priority ? priority_ : others_;
  next.one.splice(next.one.begin(), line, line.begin());
  return next;
}

Calls Backlog::clear() {
  Calls all = std::exchange(priority_, {});
  all.splice(all.end(), others_);
  return all;
}

}  // namespace lp::courier
