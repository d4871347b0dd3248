// What courier's tests call, and where: small classes with methods, and addresses nobody else uses.
#pragma once

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "launchpad/courier/client.h"
#include "launchpad/courier/serve.h"
#include "launchpad/courier/server.h"

namespace lp::courier {

struct Point {
  int x = 0;
  double y = 0;
  LP_FIELDS(x, y);
};

// What the tests call.
class Desk {
 public:
  int add(int a, int b) const { return a + b; }
  std::string echo(std::string text) { return text; }
  Tensor mirror(Tensor tensor) { return tensor; }
  Point move(Point point, int by) { return {point.x + by, point.y + by}; }
  void fail(std::string why) { throw std::invalid_argument(why); }

  using courier_methods = Methods<&Desk::add, &Desk::echo, &Desk::mirror, &Desk::move, &Desk::fail>;
};

// A call that blocks until its gate opens.
class Gate {
 public:
  int pass(int value) {
    waiting.fetch_add(1);
    waiting.notify_all();
    open.wait(false);
    return value;
  }
  int knock() { return waiting.load(); }
  void unlock() {
    open.store(true);
    open.notify_all();
  }
  std::atomic<int> waiting{0};
  std::atomic<bool> open{false};
  using courier_methods = Methods<&Gate::pass, &Gate::knock, &Gate::unlock>;
};

inline std::string fresh_address(const std::string& kind) {
  static std::atomic<int> counter{0};
  const std::string name = std::to_string(::getpid()) + "-" + std::to_string(counter.fetch_add(1));
  if (kind == "unix")
    return "unix:" + (std::filesystem::temp_directory_path() / ("lp-" + name)).string();
  if (kind == "tcp") return "tcp:localhost:0";
  return "inproc:" + name;
}

// Serves `object` at a fresh address.
template <class T>
void serve_at(Server& server, T& object, const std::string& kind = "unix") {
  serve(server.router(), object);
  server.start(net::listen(net::Address::parse(fresh_address(kind)).value()).value())
      .value_or_throw();
}

}  // namespace lp::courier
