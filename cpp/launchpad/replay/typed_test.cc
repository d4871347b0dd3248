#include "launchpad/replay/typed.h"

#include <gtest/gtest.h>

#include "launchpad/replay/server.h"
#include "launchpad/replay/test_items.h"

namespace lp::replay {
namespace {

struct Step {
  std::array<float, 2> observation{};
  int32_t action = 0;
  std::vector<double> logits{};
  Tensor image{};
  bool last = false;
  LP_FIELDS(observation, action, logits, image, last);
};
struct Other {
  double observation = 0;
  LP_FIELDS(observation);
};

base::Deadline soon() { return base::Deadline::after(std::chrono::seconds(20)); }

TEST(Typed, StepsComeBackAsTheyWereWritten) {
  const auto table = Table::make(TableOptions::queue("q", 10)).value();
  const auto server = Server::start({table}, "inproc:replay-typed").value();
  const Client client = Client::connect(server->address().str()).value();
  Writer<Step> writer(client, {.num_keep_alive_refs = 3}, soon());
  const Tensor wide = Tensor::of<uint8_t>({2, 4}, {1, 2, 3, 4, 5, 6, 7, 8});
  for (int32_t i = 0; i < 3; ++i) {
    // Every other column of a wider array: not row-major.
    const Tensor image(DType::kUint8, {2, 2}, {4, 2}, wide.buffer());
    writer.append({{float(i), 0.5F}, i, {1.0 * i, 2.0}, image, i == 2});
  }
  writer.create_item("q", 1.5, 3);
  writer.flush(0, soon());
  const auto batches = client.sample("q", {}, soon()).value();
  const auto sampled = Sampled<Step>::of(sample_of(batches[0], 0)).value();
  EXPECT_EQ(sampled.info.priority, 1.5);
  ASSERT_EQ(sampled.steps.size(), 3U);
  EXPECT_EQ(sampled.steps[2].observation, (std::array<float, 2>{2.0F, 0.5F}));
  EXPECT_EQ(sampled.steps[1].action, 1);
  EXPECT_EQ(sampled.steps[1].logits, (std::vector<double>{1.0, 2.0}));
  const auto pixels = sampled.steps[0].image.data<uint8_t>();
  EXPECT_EQ(std::vector<uint8_t>(pixels.begin(), pixels.end()), (std::vector<uint8_t>{1, 3, 5, 7}));
  EXPECT_TRUE(sampled.steps[2].last);
  EXPECT_FALSE(sampled.steps[1].last);
  EXPECT_EQ(Sampled<Other>::of(sample_of(batches[0], 0)).error().code, Code::kInvalidArgument);
  EXPECT_THROW(writer.create_item("nowhere", 1.0, 1), Error);
  EXPECT_THROW(writer.create_item("q", 1.0, 4), Error);
}

TEST(Typed, AFieldThatChangesItsShapeIsNamed) {
  const auto table = Table::make(TableOptions::queue("q", 10)).value();
  const auto server = Server::start({table}, "inproc:replay-typed-2").value();
  Writer<Step> writer(Client::connect(server->address().str()).value(), {}, soon());
  writer.append({{}, 0, {1.0}, Tensor(), false});
  try {
    writer.append({{}, 0, {1.0, 2.0}, Tensor(), false});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.message,
              "Tensor of incompatible shape provided for column 'logits'. Got [2] which is "
              "incompatible with [1].");
  }
}

}  // namespace
}  // namespace lp::replay
