// Writers and samplers through breaks: each item is put in exactly once, in order.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "launchpad/courier/client.h"
#include "launchpad/courier/server.h"
#include "launchpad/replay/client.h"
#include "launchpad/replay/messages.h"
#include "launchpad/replay/store.h"
#include "launchpad/replay/test_items.h"

namespace lp::replay {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

base::Deadline soon() { return base::Deadline::after(seconds(30)); }

class Reconnect : public testing::Test {
 protected:
  void SetUp() override {
    char folder[] = "/tmp/lp-replay-XXXXXX";
    ASSERT_NE(::mkdtemp(folder), nullptr);
    folder_ = folder;
  }
  void TearDown() override {
    stop();
    std::filesystem::remove_all(folder_);
  }

  void make_store(int64_t max_size) {
    table_ = Table::make(TableOptions::queue("q", max_size)).value();
    store_ = Store::make({table_}).value();
  }
  void start() {
    server_ = std::make_unique<courier::Server>();
    store_->bind(server_->router());
    auto listener = net::listen(net::Address::parse(address()).value()).value();
    ASSERT_TRUE(server_->start(std::move(listener)).ok());
  }
  // The connections break; the store lives on.
  void stop() {
    if (server_) server_->stop(base::Deadline::after(milliseconds(1)));
    server_.reset();
  }
  std::string address() const { return "unix:" + folder_ + "/replay.sock"; }
  Client client() { return Client::connect(address()).value(); }

  void write(TrajectoryWriter& writer, int64_t value) {
    const Cell cells[] = {Cell::of(0, value)};
    ASSERT_TRUE(writer.append(cells).ok());
    TrajectoryColumn column;
    const uint64_t backs = std::min<uint64_t>(writer.length(0), 3);
    for (uint64_t back = backs; back-- > 0;) {
      column.refs.push_back(writer.newest(0, back).value());
    }
    ASSERT_TRUE(writer.create_item("q", 1.0, {&column, 1}).ok());
  }
  // The last step of each item, in the table's order.
  std::vector<int64_t> contents() {
    std::vector<int64_t> last;
    for (const Item& item : table_->snapshot().items) {
      last.push_back(values(*item.trajectory).back());
    }
    return last;
  }
  static std::vector<int64_t> up_to(int64_t count) {
    std::vector<int64_t> all;
    for (int64_t i = 0; i < count; ++i) all.push_back(i);
    return all;
  }

  std::string folder_;
  std::shared_ptr<Table> table_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<courier::Server> server_;
};

TEST_F(Reconnect, EachItemIsPutInOnceAndInOrderHoweverOftenTheConnectionBreaks) {
  make_store(100'000);
  start();
  constexpr int64_t kItems = 4000;
  std::atomic<bool> done{false};
  std::thread breaking([&] {
    while (!done) {
      const int64_t before = table_->size();
      while (!done && table_->size() < before + 300) std::this_thread::yield();
      stop();
      start();
    }
  });
  const auto writer = client().writer({.num_keep_alive_refs = 3}, soon()).value();
  for (int64_t value = 0; value < kItems; ++value) {
    write(*writer, value);
    if (value % 50 != 0) continue;
    ASSERT_TRUE(writer->flush(100, soon()).ok());
  }
  const Status flushed = writer->flush(0, soon());
  done = true;
  breaking.join();
  EXPECT_TRUE(flushed.ok()) << flushed.error().message;
  EXPECT_EQ(contents(), up_to(kItems));
}

TEST_F(Reconnect, ItemsThatWaitForAFullTableArePutInOnceAfterABreak) {
  make_store(1);
  start();
  const auto writer = client().writer({.num_keep_alive_refs = 3}, soon()).value();
  for (int64_t value = 0; value < 20; ++value) write(*writer, value);
  ASSERT_TRUE(writer->flush(19, soon()).ok());
  std::vector<int64_t> got;
  for (int64_t value = 0; value < 20; ++value) {
    if (value % 5 == 2) {
      stop();
      start();
    }
    const auto sampled = table_->sample(1, soon()).value();
    got.push_back(values(*sampled[0].trajectory).back());
  }
  EXPECT_TRUE(writer->flush(0, soon()).ok());
  EXPECT_EQ(got, up_to(20));
  EXPECT_EQ(table_->size(), 0);
}

TEST_F(Reconnect, AServerThatIsRestoredGetsWhatItMissedAndNothingTwice) {
  make_store(100'000);
  start();
  const auto writer = client().writer({.num_keep_alive_refs = 3}, soon()).value();
  for (int64_t round = 0; round < 5; ++round) {
    for (int64_t value = round * 200; value < round * 200 + 200; ++value) write(*writer, value);
    ASSERT_TRUE(writer->flush(round % 2 == 0 ? 150 : 1000, soon()).ok());
    // As a checkpoint does, then a crash.
    const auto writers = store_->writers();
    auto snapshot = table_->snapshot();
    stop();
    store_.reset();
    make_store(100'000);
    ASSERT_TRUE(table_->restore(std::move(snapshot)).ok());
    store_->restore_writers(writers);
    start();
    ASSERT_TRUE(writer->flush(0, soon()).ok());
  }
  // What the old server put in and confirmed after the checkpoint is lost; nothing is there twice.
  const auto got = contents();
  EXPECT_TRUE(std::is_sorted(got.begin(), got.end()));
  EXPECT_EQ(std::adjacent_find(got.begin(), got.end()), got.end());
  EXPECT_EQ(got.back(), 999);
}

TEST_F(Reconnect, AnEmptyServerInItsPlaceGetsAllThatWasNotConfirmed) {
  make_store(1);
  start();
  const auto writer = client().writer({.num_keep_alive_refs = 3}, soon()).value();
  for (int64_t value = 0; value < 10; ++value) write(*writer, value);
  ASSERT_TRUE(writer->flush(9, soon()).ok());
  stop();
  store_.reset();
  make_store(100);
  start();
  ASSERT_TRUE(writer->flush(0, soon()).ok());
  EXPECT_EQ(contents(), (std::vector<int64_t>{1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST_F(Reconnect, ChunksThatTheServerForgotAreSentAgain) {
  table_ = Table::make(TableOptions::queue("q", 100)).value();
  StoreOptions options;
  options.forget_chunks_after = base::Nanos(1);
  store_ = Store::make({table_}, options).value();
  start();
  const auto writer = client().writer({.num_keep_alive_refs = 3}, soon()).value();
  for (int64_t value = 0; value < 30; ++value) {
    write(*writer, value);
    ASSERT_TRUE(writer->flush(0, soon()).ok());
  }
  EXPECT_EQ(contents(), up_to(30));
}

TEST_F(Reconnect, AnItemThatWasLostWithItsTableIsNotSaidToBeIn) {
  make_store(1);
  start();
  const auto writer = client().writer({.num_keep_alive_refs = 3}, soon()).value();
  for (int64_t value = 0; value < 3; ++value) write(*writer, value);
  ASSERT_TRUE(writer->flush(2, soon()).ok());
  while (table_->info().waiting_inserts < 2) std::this_thread::yield();
  table_->close();
  // Its server stops: who waits is told so, for the writer tries again.
  EXPECT_EQ(writer->flush(0, soon()).error().code, Code::kUnavailable);
  EXPECT_EQ(writer->pending_items(), 2);
  EXPECT_EQ(store_->writers().at(0).last, 1U);
}

TEST_F(Reconnect, WritesThatCameTooEarlyAreNotKeptWithoutBound) {
  make_store(10);
  start();
  const auto channel = courier::make_shared_channel(net::Address::parse(address()).value(), {});
  // Taken, sent back. Shared: who counted the last one may still be notifying.
  const auto counts = std::make_shared<base::Guarded<std::pair<int, int>>>(0, 0);
  const auto send = [&](uint64_t first) {
    WriteRequest request;
    request.session = 1;
    request.first = first;
    request.items = {{"q", first, 1.0, whole(numbers(1, 0, 1))->layout(), {}}};
    auto call =
        channel->start(kWriteCall, encode(request), {}, [counts](const courier::Answer& answer) {
          EXPECT_TRUE(answer.ok() || answer.error().code == Code::kFailedPrecondition);
          counts->with_notify([&](auto& state) { ++(answer.ok() ? state.first : state.second); });
        });
    ASSERT_TRUE(call.ok());
  };
  const auto wait_for = [&](std::pair<int, int> wanted) {
    counts->wait(
        soon().at(), [&](auto& state) { return state == wanted; },
        [&](auto& state, bool) { EXPECT_EQ(state, wanted); });
  };
  for (uint64_t first = 2; first <= 200; ++first) send(first);
  wait_for({0, 135});
  send(1);
  wait_for({65, 135});
}

TEST_F(Reconnect, ASamplerGoesOnAfterABreak) {
  make_store(100);
  start();
  const auto sampler = client().sampler({.table = "q", .max_in_flight = 1}).value();
  for (uint64_t key = 0; key < 10; ++key) {
    EXPECT_EQ(sampler->next(base::Deadline::after(milliseconds(1))).error().code,
              Code::kDeadlineExceeded);
    stop();
    start();
    ASSERT_TRUE(table_->insert(item(key)).ok());
    const auto sample = sampler->next(soon());
    ASSERT_TRUE(sample.ok()) << sample.error().message;
    EXPECT_EQ(sample.value()->info.key, key);
  }
}

TEST_F(Reconnect, AWriterGivesUpWhenItsTimeToRetryIsOver) {
  make_store(100);
  start();
  auto channel = courier::ChannelOptions{.wait_for_ready = false};
  const Client impatient = Client::connect(address(), channel).value();
  const auto writer = impatient.writer({.retry_for = base::Nanos(20'000'000)}, soon()).value();
  stop();
  write(*writer, 1);
  EXPECT_EQ(writer->flush(0, soon()).error().code, Code::kUnavailable);
}

}  // namespace
}  // namespace lp::replay
