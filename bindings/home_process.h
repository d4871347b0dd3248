// HomeProcess is the process that made an object. A forked child has a copy of it without its
// threads, whose sockets are its parent's: it must neither end it nor free it.
#pragma once

#include <unistd.h>

#include <utility>

namespace lp::bindings {

class HomeProcess {
 public:
  bool left() const { return ::getpid() != home_; }

 private:
  const pid_t home_ = ::getpid();
};

// What is owned is never freed.
template <class Owner>
void leak(Owner& owner) {
  [[maybe_unused]] auto* const kept = new Owner(std::move(owner));
}

}  // namespace lp::bindings
