// Streams for the tests of Python: `serve` prints its address and serves until it is killed; `take
// ADDRESS` takes from a server in Python, and prints what it got.
#include <unistd.h>

#include <atomic>
#include <iostream>
#include <stdexcept>
#include <string>

#include "launchpad/courier/client.h"
#include "launchpad/courier/generator.h"
#include "launchpad/courier/serve.h"
#include "launchpad/courier/server.h"
#include "launchpad/net/transport.h"

namespace {

// Has the same methods as the class of that name in python/tests/test_courier_streams.py.
class Fountain {
 public:
  lp::Stream<int> count(int to) {
    for (int i = 0; i < to; ++i) co_yield i;
  }
  lp::Stream<int> endless() {
    struct Leaving {
      std::atomic<int>& left;
      ~Leaving() { left.fetch_add(1); }
    } leaving{left_};
    for (int i = 0;; ++i) co_yield i;
  }
  lp::Stream<lp::Tensor> arrays(int count, int64_t size) {
    for (int i = 0; i < count; ++i) {
      lp::Tensor tensor(lp::DType::kFloat32, {size});
      for (float& value : tensor.mutable_data<float>()) value = static_cast<float>(i);
      co_yield tensor;
    }
  }
  lp::Stream<std::string> fail_after(int results) {
    for (int i = 0; i < results; ++i) co_yield std::to_string(i);
    throw std::invalid_argument("dry");
  }
  int left() { return left_.load(); }

  using courier_methods = lp::Methods<&Fountain::count, &Fountain::endless, &Fountain::arrays,
                                      &Fountain::fail_after, &Fountain::left>;

 private:
  std::atomic<int> left_{0};
};

int serve() {
  Fountain fountain;
  lp::courier::Server server;
  lp::courier::serve(server.router(), fountain);
  const auto address = lp::net::Address::parse("tcp:localhost:0").value();
  server.start(lp::net::listen(address).value()).value_or_throw();
  std::cout << "address " << server.address().str() << std::endl;
  while (true) ::pause();
}

int take(const std::string& address) {
  const auto client = lp::Client<Fountain>::connect(address);
  int sum = 0;
  for (const int i : client.call<&Fountain::count>(1000)) sum += i;
  std::cout << "sum " << sum << std::endl;
  for (const lp::Tensor& array : client.call<&Fountain::arrays>(3, 100'000))
    std::cout << "array " << array.size() << " of " << array.data<float>()[99'999] << std::endl;
  auto failing = client.call<&Fountain::fail_after>(2);
  try {
    while (const auto text = failing.next()) std::cout << "text " << *text << std::endl;
  } catch (const lp::RemoteError& error) {
    std::cout << error.remote_type << ": " << error.message << std::endl;
  }
  {
    auto endless = client.call<&Fountain::endless>();
    std::cout << "first " << endless.next().value() << std::endl;
  }
  while (client.call<&Fountain::left>() == 0) {
  }
  std::cout << "the generator has ended" << std::endl;
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "serve") return serve();
  if (argc == 3 && std::string(argv[1]) == "take") return take(argv[2]);
  std::cerr << "usage: stream_test_program serve | take ADDRESS\n";
  return 2;
}
