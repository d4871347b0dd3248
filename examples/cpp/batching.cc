// A method that runs on batches, called one by one: each client passes one number, the server sees
// as many at a time as there are clients.
//
//   ./dev example batching --num_clients=3
#include <launchpad/launchpad.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string_view>

class Server {
 public:
  std::vector<int> square(std::vector<int> values) {
    largest_ = std::max(largest_, values.size());
    for (int& value : values) value *= value;
    return values;
  }
  int largest_batch() { return static_cast<int>(largest_); }

  using courier_methods = lp::Methods<lp::batched<&Server::square>({.size = 3, .timeout_ms = 20}),
                                      &Server::largest_batch>;

 private:
  size_t largest_ = 0;  // One batch runs at a time.
};

void call_them(lp::Client<Server> server, int num_clients, lp::StopFn stop) {
  std::vector<lp::Future<int>> squares;
  for (int i = 0; i < num_clients; ++i) squares.push_back(server.async<&Server::square>(i));
  for (auto& square : squares) std::cout << "Square: " << square.get() << std::endl;
  std::cout << "Largest batch: " << server.call<&Server::largest_batch>() << std::endl;
  stop();
}

lp::Program make_program(int num_clients) {
  lp::Program program("batching");
  const auto server = program.add_node(lp::CourierNode<Server>(), "server");
  program.add_node(lp::FunctionNode(call_them, server, num_clients, lp::make_program_stopper()),
                   "client");
  return program;
}

int main(int argc, char** argv) {
  int num_clients = 7;
  for (int i = 1; i < argc; ++i) {
    constexpr std::string_view kFlag = "--num_clients=";
    const std::string_view argument = argv[i];
    if (argument.starts_with(kFlag)) num_clients = std::atoi(argv[i] + kFlag.size());
  }
  return lp::main(argc, argv, [&] { return make_program(num_clients); });
}
