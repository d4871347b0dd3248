// Actors write experience, a replay node keeps it, a learner samples it by priority and says anew
// how much each transition matters.
//
//   ./dev example replay --num_actors=2
#include <launchpad/launchpad.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string_view>
#include <thread>

namespace replay = lp::replay;

constexpr int kSteps = 200;  // Of each actor.
constexpr int kBatches = 50;
constexpr int64_t kBatchSize = 16;

// A step of an episode: each field is a column.
struct Step {
  std::array<float, 2> observation{};
  int32_t action = 0;
  float reward = 0;
  LP_FIELDS(observation, action, reward);
};

// Walks on a line, and writes each two steps that follow each other as a transition.
void act(replay::Client client, unsigned seed) {
  std::mt19937 random(seed);
  replay::Writer<Step> writer(client, {.num_keep_alive_refs = 2});
  float position = 0;
  for (int i = 0; i < kSteps; ++i) {
    const int32_t action = random() % 2 == 0 ? -1 : 1;
    writer.append({{position, 1}, action, -std::abs(position)});
    position += static_cast<float>(action);
    if (i > 0) writer.create_item("transitions", 1.0, 2);
  }
  writer.flush();
}

void learn(replay::Client client, int num_actors, lp::StopFn stop) {
  const auto sampler = client
                           .sampler({.table = "transitions",
                                     .max_in_flight = 2 * kBatchSize,
                                     .batch = kBatchSize,
                                     .min_batch = kBatchSize,
                                     .max_samples = kBatches * kBatchSize})
                           .value_or_throw();
  int wrong = 0, batches = 0;
  while (const auto batch = sampler->next_batch().value_or_throw()) {
    std::vector<replay::PriorityUpdate> updates;
    for (size_t i = 0; i < batch->size(); ++i) {
      const auto item = replay::Sampled<Step>::of(replay::sample_of(*batch, i)).value_or_throw();
      const Step &before = item.steps[0], &after = item.steps[1];
      wrong += before.observation[0] + static_cast<float>(before.action) != after.observation[0];
      updates.push_back({item.info.key, std::abs(after.reward) + 0.1});
    }
    client.mutate_priorities("transitions", updates).value_or_throw();
    ++batches;
  }
  std::cout << "Learned from " << batches << " batches of " << kBatchSize << ", " << wrong
            << " wrong transitions" << std::endl;
  // The stop ends the replay node: not before the actors have written all.
  const int64_t all = num_actors * (kSteps - 1);
  while (client.info().value_or_throw()[0].counts.inserts < all) std::this_thread::yield();
  std::cout << "The table got " << all << " transitions" << std::endl;
  stop();
}

lp::Program make_program(int num_actors) {
  lp::Program program("replay");
  replay::TableOptions transitions;
  transitions.name = "transitions";
  transitions.sampler = replay::prioritized(0.6);
  transitions.max_size = 10'000;
  transitions.rate_limiter = replay::RateLimiterOptions::min_size(100).value_or_throw();
  const auto client = program.add_node(lp::ReplayNode({transitions}), "replay");
  {
    const auto group = program.group("actor");
    for (int i = 0; i < num_actors; ++i) {
      program.add_node(lp::FunctionNode(act, client, static_cast<unsigned>(i)));
    }
  }
  program.add_node(lp::FunctionNode(learn, client, num_actors, lp::make_program_stopper()),
                   "learner");
  return program;
}

int main(int argc, char** argv) {
  int num_actors = 2;
  for (int i = 1; i < argc; ++i) {
    constexpr std::string_view kFlag = "--num_actors=";
    const std::string_view argument = argv[i];
    if (argument.starts_with(kFlag)) num_actors = std::atoi(argv[i] + kFlag.size());
  }
  return lp::main(argc, argv, [&] { return make_program(num_actors); });
}
