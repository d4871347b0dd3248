// Workers that fit a line to data of their own, sharing its parameters through a server; they read
// them from a cache, and send gradients without waiting.
//
//   ./dev example parameter_server --num_workers=3
#include <launchpad/launchpad.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <random>
#include <string_view>

using std::chrono::milliseconds;

constexpr std::array<double, 2> kTrue = {3, -1};  // What is to be found: slope and offset.
constexpr double kLearningRate = 0.05;
constexpr double kCloseEnough = 0.01;
constexpr int kPoints = 64;

using Vector = std::array<double, 2>;

// Holds the parameters, and stops the program when they no longer move.
class ParameterServer {
 public:
  Vector parameters() {
    const std::lock_guard lock(mutex_);
    return parameters_;
  }
  void apply(Vector gradient) {
    const std::lock_guard lock(mutex_);
    double off = 0;
    for (size_t i = 0; i < 2; ++i) {
      parameters_[i] -= kLearningRate * gradient[i];
      off = std::max(off, std::abs(parameters_[i] - kTrue[i]));
    }
    if (off < kCloseEnough) lp::stop();
  }
  void run() {
    lp::wait_for_stop();
    const auto [slope, offset] = parameters();
    std::printf("Found %.1f x + %.1f\n", slope, offset);
    std::fflush(stdout);
  }
  using courier_methods = lp::Methods<&ParameterServer::parameters, &ParameterServer::apply>;

 private:
  std::mutex mutex_;
  Vector parameters_{};
};

// Sends gradients of the error on random points.
class Worker {
 public:
  Worker(int seed, lp::Client<ParameterServer> server, lp::Client<ParameterServer> cache)
      : rng_(static_cast<unsigned>(seed)), server_(std::move(server)), cache_(std::move(cache)) {}

  void run() {
    while (!lp::wait_for_stop(milliseconds(0))) {
      const auto [slope, offset] = cache_.call<&ParameterServer::parameters>();
      Vector gradient{};
      for (int i = 0; i < kPoints; ++i) {
        const double x = std::uniform_real_distribution<double>(-1, 1)(rng_);
        const double error = (slope * x + offset) - (kTrue[0] * x + kTrue[1]);
        gradient[0] += 2 * error * x / kPoints;
        gradient[1] += 2 * error / kPoints;
      }
      auto sent = server_.async<&ParameterServer::apply>(gradient);
      lp::wait_for_stop(milliseconds(2));  // As long as real work would take.
      if (sent.ready() && !lp::wait_for_stop(milliseconds(0))) sent.get();  // Throws what failed.
    }
  }

 private:
  std::mt19937 rng_;
  lp::Client<ParameterServer> server_, cache_;
};

lp::Program make_program(int num_workers) {
  lp::Program program("parameter_server");
  const auto server = program.add_node(lp::CourierNode<ParameterServer>(), "server");
  const auto cache = program.add_node(lp::CacherNode(server, {.refresh_interval = milliseconds(2),
                                                              .stale_after = milliseconds(1000)}),
                                      "cache");
  auto group = program.group("worker");
  for (int seed = 0; seed < num_workers; ++seed) {
    program.add_node(lp::CourierNode<Worker>(seed, server, cache));
  }
  return program;
}

int main(int argc, char** argv) {
  int num_workers = 2;
  for (int i = 1; i < argc; ++i) {
    constexpr std::string_view kFlag = "--num_workers=";
    const std::string_view argument = argv[i];
    if (argument.starts_with(kFlag)) num_workers = std::atoi(argv[i] + kFlag.size());
  }
  return lp::main(argc, argv, [&] { return make_program(num_workers); });
}
