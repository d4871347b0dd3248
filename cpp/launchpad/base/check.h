// LP_CHECK(condition) << "why": ends the process with file, line and message when an invariant that
// only we can break does not hold. Never for what a user, a file or a peer can cause. Any thread.
#pragma once

#include <sstream>

namespace lp::base {

// Collects the message and aborts in its destructor.
class CheckFailure {
 public:
  [[gnu::cold]] CheckFailure(const char* file, int line, const char* condition);
  [[noreturn]] ~CheckFailure();
  std::ostream& stream() { return stream_; }

 private:
  std::ostringstream stream_;
};

struct CheckVoidify {
  void operator&(std::ostream&) const {}
};

}  // namespace lp::base

#define LP_CHECK(condition)                  \
  (condition) ? (void)0                      \
              : ::lp::base::CheckVoidify() & \
                    ::lp::base::CheckFailure(__FILE__, __LINE__, #condition).stream()
