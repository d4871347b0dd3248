// What arrays in shared memory promise to who calls and who serves. Both ends are in this process;
// python/tests/test_shared_memory.py has them in two.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <mutex>
#include <thread>
#include <vector>

#include "launchpad/courier/test_objects.h"
#include "launchpad/shm/pool.h"

namespace lp::courier {
namespace {

constexpr int64_t kMany = 1 << 18;

// Keeps what it is sent.
class Shelf {
 public:
  bool keep(Tensor tensor) {
    std::lock_guard lock(mutex_);
    kept_.push_back(std::move(tensor));
    return kept_.back().buffer().block() != nullptr && kept_.back().buffer().read_only();
  }
  float add_one(Tensor tensor) {
    for (float& value : tensor.mutable_data<float>()) value += 1;
    return tensor.data<float>()[0];
  }
  Tensor last() {
    std::lock_guard lock(mutex_);
    return kept_.back();
  }
  void drop() {
    std::lock_guard lock(mutex_);
    kept_.clear();
  }
  using courier_methods = Methods<&Shelf::keep, &Shelf::add_one, &Shelf::last, &Shelf::drop>;

 private:
  std::mutex mutex_;
  std::vector<Tensor> kept_;
};

class SharedMemoryTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    serve_at(server_, shelf_, GetParam());
    client_.emplace(Client<Shelf>::connect(server_.address().str()));
  }
  Tensor filled(float value) {
    Tensor tensor = empty(DType::kFloat32, {kMany});
    for (float& element : tensor.mutable_data<float>()) element = value;
    return tensor;
  }

  Shelf shelf_;
  Server server_;
  std::optional<Client<Shelf>> client_;
};

TEST_P(SharedMemoryTest, ATensorFromEmptyIsLentNotCopied) {
  const Tensor tensor = filled(3);
  EXPECT_TRUE(client_->call<&Shelf::keep>(tensor));
  EXPECT_EQ(shelf_.last().buffer().block()->segment(), tensor.buffer().block()->segment());
}

TEST_P(SharedMemoryTest, WhatWasSentDoesNotChangeUnderItsReceiver) {
  Tensor tensor = filled(3);
  client_->call<&Shelf::keep>(tensor);
  tensor.mutable_data<float>()[0] = 4;  // A copy, from here on.
  EXPECT_EQ(tensor.data<float>()[0], 4);
  EXPECT_EQ(shelf_.last().data<float>()[0], 3);
}

TEST_P(SharedMemoryTest, AReceivedCopyIsTheReceiversToWriteTo) {
  const Tensor tensor = Tensor::of(std::vector<float>(kMany, 1.0f));  // Not in shared memory.
  EXPECT_EQ(client_->call<&Shelf::add_one>(tensor), 2);
  EXPECT_EQ(tensor.data<float>()[0], 1);
  EXPECT_FALSE(client_->call<&Shelf::keep>(tensor)) << "it is read-only";
}

TEST_P(SharedMemoryTest, OneTensorForManyReceiversIsOneCopy) {
  const Tensor tensor = filled(1);
  for (int i = 0; i < 8; ++i) {
    auto client = Client<Shelf>::connect(server_.address().str());
    EXPECT_TRUE(client.call<&Shelf::keep>(tensor));
    EXPECT_EQ(shelf_.last().buffer().block()->segment(), tensor.buffer().block()->segment());
  }
  EXPECT_EQ(client_->call<&Shelf::add_one>(tensor), 2) << "who writes gets a copy";
  EXPECT_EQ(shelf_.last().data<float>()[0], 1);
}

TEST_P(SharedMemoryTest, MemoryIsUsedAgainWhenItsReceiverIsDone) {
  const Tensor tensor = Tensor::of(std::vector<float>(kMany, 1.0f));
  for (int i = 0; i < 20; ++i) client_->call<&Shelf::add_one>(tensor);
  const size_t before = shm::Pool::instance().info().segments_in_use;
  for (int i = 0; i < 200; ++i) client_->call<&Shelf::add_one>(tensor);
  EXPECT_LE(shm::Pool::instance().info().segments_in_use, before + 4);
}

TEST_P(SharedMemoryTest, WhatAReceiverKeepsOutlivesTheConnection) {
  for (int i = 0; i < 4; ++i) {
    auto client = Client<Shelf>::connect(server_.address().str());
    client.call<&Shelf::keep>(Tensor::of(std::vector<float>(kMany, static_cast<float>(i))));
    const Tensor kept = shelf_.last();
    client = Client<Shelf>::connect(server_.address().str());  // The first connection ends.
    for (int other = 0; other < 8; ++other) {
      client.call<&Shelf::add_one>(Tensor::of(std::vector<float>(kMany, 100.0f)));
    }
    EXPECT_EQ(kept.data<float>()[0], static_cast<float>(i));
    EXPECT_EQ(kept.data<float>()[kMany - 1], static_cast<float>(i));
  }
}

TEST_P(SharedMemoryTest, BeyondTheLimitOfLoansArraysStillArrive) {
  constexpr int kCount = static_cast<int>(kMaxLoans) + 20;
  const int64_t size = wire::kSharedBytes / sizeof(float);
  for (int i = 0; i < kCount; ++i) {
    client_->call<&Shelf::keep>(
        Tensor::of(std::vector<float>(static_cast<size_t>(size), static_cast<float>(i))));
    ASSERT_EQ(shelf_.last().data<float>()[0], static_cast<float>(i));
  }
  client_->call<&Shelf::drop>();
  client_->call<&Shelf::drop>();
  EXPECT_FALSE(client_->call<&Shelf::keep>(Tensor::of(std::vector<float>(kMany, 1.0f))));
}

TEST_P(SharedMemoryTest, ManyThreadsLendAndGiveBack) {
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int number = 0; number < 4; ++number) {
    threads.emplace_back([&, number] {
      for (int i = 0; i < 50; ++i) {
        const auto value = static_cast<float>(number * 1000 + i);
        const Tensor tensor =
            i % 2 == 0 ? filled(value) : Tensor::of(std::vector<float>(kMany, value));
        if (client_->call<&Shelf::add_one>(tensor) != value + 1) wrong.fetch_add(1);
        if (tensor.data<float>()[kMany - 1] != value) wrong.fetch_add(1);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong.load(), 0);
}

INSTANTIATE_TEST_SUITE_P(Transports, SharedMemoryTest, testing::Values("unix", "inproc"),
                         [](const auto& info) { return info.param; });

TEST(SharedMemoryOverTcp, ArraysAreCopied) {
  Shelf shelf;
  Server server;
  serve_at(server, shelf, "tcp");
  const auto client = Client<Shelf>::connect(server.address().str());
  Tensor tensor = empty(DType::kFloat32, {kMany});
  tensor.mutable_data<float>()[0] = 5;
  EXPECT_FALSE(client.call<&Shelf::keep>(tensor));
  EXPECT_EQ(shelf.last().data<float>()[0], 5);
  EXPECT_EQ(shelf.last().buffer().block(), nullptr);
}

}  // namespace
}  // namespace lp::courier
