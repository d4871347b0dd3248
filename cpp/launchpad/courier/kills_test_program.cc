// One end of a connection, for the tests that kill it:
//   kills_test_program serve address     until it is killed
//   kills_test_program call address      all kinds of calls, until it is killed
#include <unistd.h>

#include <cstring>
#include <vector>

#include "launchpad/courier/gather.h"
#include "launchpad/courier/test_objects.h"
#include "launchpad/net/transport.h"

namespace {

using lp::courier::Desk;

int serve(const char* address) {
  Desk desk;
  lp::courier::Server server;
  lp::courier::serve(server.router(), desk);
  server.start(lp::net::listen(lp::net::Address::parse(address).value_or_throw()).value_or_throw())
      .value_or_throw();
  while (true) ::pause();
}

int call(const char* address) {
  const auto desk = lp::Client<Desk>::connect(address);
  const lp::Tensor large(lp::DType::kFloat32, {100'000});
  for (int i = 0;; ++i) {
    std::vector<lp::Future<int>> sums;
    for (int j = 0; j < 50; ++j) sums.push_back(desk.async<&Desk::add>(i, j));
    desk.call<&Desk::mirror>(large);
    desk.call<&Desk::echo>(std::string(static_cast<size_t>(i) * 37 % 50'000, 'x'));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  return std::strcmp(argv[1], "serve") == 0 ? serve(argv[2]) : call(argv[2]);
}
