// A consumer that asks several producers for work, first without waiting for each, then one by one.
//
//   ./dev example consumer_producers --num_producers=3
#include <launchpad/launchpad.h>

#include <cstdlib>
#include <iostream>
#include <string_view>

class Producer {
 public:
  int work(int context) { return context; }
  using courier_methods = lp::Methods<&Producer::work>;
};

class Consumer {
 public:
  Consumer(std::vector<lp::Client<Producer>> producers, lp::StopFn stop)
      : producers_(std::move(producers)), stop_(std::move(stop)) {}

  void run() {
    std::vector<lp::Future<int>> futures;
    for (int i = 0; auto& producer : producers_)
      futures.push_back(producer.async<&Producer::work>(i++));
    for (auto& future : futures) std::cout << "Asynchronous result: " << future.get() << std::endl;
    for (int i = 0; auto& producer : producers_) {
      std::cout << "Synchronous result: " << producer.call<&Producer::work>(i++) << std::endl;
    }
    stop_();
  }

 private:
  std::vector<lp::Client<Producer>> producers_;
  lp::StopFn stop_;
};

lp::Program make_program(int num_producers) {
  lp::Program program("consumer_producers");
  std::vector<lp::Handle<Producer>> producers;
  {
    auto group = program.group("producer");
    for (int i = 0; i < num_producers; ++i)
      producers.push_back(program.add_node(lp::CourierNode<Producer>()));
  }
  program.add_node(lp::CourierNode<Consumer>(producers, lp::make_program_stopper()), "consumer");
  return program;
}

int main(int argc, char** argv) {
  int num_producers = 2;
  for (int i = 1; i < argc; ++i) {
    constexpr std::string_view kFlag = "--num_producers=";
    const std::string_view argument = argv[i];
    if (argument.starts_with(kFlag)) num_producers = std::atoi(argv[i] + kFlag.size());
  }
  return lp::main(argc, argv, [&] { return make_program(num_producers); });
}
