// The store, the client, writers and samplers, over each transport that they may meet.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <filesystem>
#include <set>
#include <thread>

#include "launchpad/replay/client.h"
#include "launchpad/replay/server.h"
#include "launchpad/replay/test_items.h"

namespace lp::replay {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

base::Deadline soon() { return base::Deadline::after(seconds(20)); }

class Serving : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    char folder[] = "/tmp/lp-replay-XXXXXX";
    ASSERT_NE(::mkdtemp(folder), nullptr);
    folder_ = folder;
    if (GetParam() == "unix") address_ = "unix:" + folder_ + "/replay.sock";
    if (GetParam() == "tcp") address_ = "localhost:0";
    if (GetParam() == "inproc") address_ = "inproc:replay-" + folder_;
  }
  void TearDown() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }

  void serve(std::vector<TableOptions> options) {
    std::vector<std::shared_ptr<Table>> tables;
    for (auto& each : options) tables.push_back(Table::make(each).value());
    serve(std::move(tables));
  }
  void serve(std::vector<std::shared_ptr<Table>> tables) {
    tables_ = tables;
    server_ = Server::start(std::move(tables), address_).value();
    address_ = server_->address().str();
  }
  Client client() { return Client::connect(address_).value(); }
  std::unique_ptr<TrajectoryWriter> writer(TrajectoryWriterOptions options) {
    return client().writer(std::move(options), soon()).value();
  }
  Table& table(size_t index = 0) { return *tables_[index]; }

  std::string folder_;
  std::string address_;
  std::vector<std::shared_ptr<Table>> tables_;
  std::unique_ptr<Server> server_;
};

INSTANTIATE_TEST_SUITE_P(All, Serving, testing::Values("unix", "tcp", "inproc"),
                         [](const auto& test) { return test.param; });

std::vector<int64_t> numbers_of(const ColumnData& data) {
  const Tensor tensor = data.tensor().value();
  const auto values = tensor.data<int64_t>();
  return {values.begin(), values.end()};
}

void append(TrajectoryWriter& writer, int64_t value) {
  const Cell cells[] = {Cell::of(0, value)};
  ASSERT_TRUE(writer.append(cells).ok());
}

// An item of the last `length` steps of column 0.
Result<uint64_t> create(TrajectoryWriter& writer, std::string_view table, int length,
                        double priority = 1.0) {
  TrajectoryColumn column;
  for (int back = length; back-- > 0;) {
    column.refs.push_back(writer.newest(0, static_cast<uint64_t>(back)).value());
  }
  return writer.create_item(table, priority, {&column, 1});
}

TEST_P(Serving, CheckpointsTakeNoThreadOfTheServerAndOneAnswersAllWhoAskedBeforeIt) {
  constexpr int kAskers = 12;
  std::atomic<int> written{0};
  std::atomic<bool> go{false};
  StoreOptions options;
  options.checkpoint = [&]() -> Result<std::string> {
    ++written;
    while (!go) std::this_thread::yield();
    return std::string("path");
  };
  const auto table = Table::make(table_options("t")).value();
  server_ = Server::start({table}, address_, std::move(options), {.threads = 2}).value();
  address_ = server_->address().str();
  const Client one = client();
  const Client::Priority priorities[] = {{"t", 1.0}};
  const int64_t value = 1;
  const Cell cells[] = {Cell::of(0, value)};
  std::vector<std::thread> askers;
  for (int i = 0; i < kAskers; ++i) {
    askers.emplace_back([&] { EXPECT_EQ(client().checkpoint(soon()).value(), "path"); });
  }
  while (written == 0) std::this_thread::yield();
  // More of them ask than the server has threads, and it serves all the same.
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(one.insert(cells, priorities, soon()).ok());
  go = true;
  for (std::thread& asker : askers) asker.join();
  EXPECT_LT(written, kAskers);
}

TEST_P(Serving, ItemsThatAreInsertedOneByOneShareTheirLayouts) {
  serve({table_options("t")});
  const Client one = client();
  const Client::Priority priorities[] = {{"t", 1.0}};
  for (int64_t value = 0; value < 200; ++value) {
    const Cell cells[] = {Cell::of(0, value)};
    ASSERT_TRUE(one.insert(cells, priorities, soon()).ok());
  }
  std::set<const void*> layouts, columns;
  for (const Item& item : table().snapshot().items) {
    layouts.insert(item.trajectory->layout().get());
    columns.insert(item.trajectory->chunks().front()->layout().get());
  }
  // Each thread of the server has its own.
  const auto threads = static_cast<size_t>(courier::ServerOptions().threads);
  EXPECT_LE(layouts.size(), threads);
  EXPECT_LE(columns.size(), threads);
}

TEST_P(Serving, AnInsertedStepIsSampledFromEachOfItsTables) {
  serve({TableOptions::queue("a", 10), TableOptions::queue("b", 10)});
  const Tensor image = Tensor::of<float>({2, 2}, {1, 2, 3, 4});
  const int64_t number = 7;
  const Cell cells[] = {Cell::of(0, image), Cell::of(1, number)};
  const Client::Priority priorities[] = {{"a", 1.0}, {"b", 2.0}};
  const auto keys = client().insert(cells, priorities, soon()).value();
  ASSERT_EQ(keys.size(), 2U);
  for (size_t i = 0; i < 2; ++i) {
    const auto batches = client().sample(priorities[i].table, {}, soon()).value();
    const Sample sample = sample_of(batches[0], 0);
    EXPECT_EQ(sample.info.key, keys[i]);
    EXPECT_EQ(sample.info.priority, priorities[i].priority);
    EXPECT_EQ(sample.columns[0].shape, (Tensor::Shape{1, 2, 2}));
    EXPECT_EQ(sample.columns[0].tensor().value().data<float>()[3], 4.0F);
    EXPECT_EQ(numbers_of(sample.columns[1]), std::vector<int64_t>{7});
  }
}

TEST_P(Serving, ErrorsNameWhatIsWrongAndChangeNothing) {
  TableOptions options = table_options("t");
  options.sampler = prioritized(1.0);
  serve({options});
  const int64_t number = 7;
  const Cell cells[] = {Cell::of(0, number)};
  const Client::Priority unknown[] = {{"t", 1.0}, {"x", 1.0}}, bad[] = {{"t", std::nan("")}};
  EXPECT_EQ(client().insert(cells, unknown, soon()).error().code, Code::kNotFound);
  EXPECT_EQ(client().insert(cells, bad, soon()).error().code, Code::kInvalidArgument);
  EXPECT_EQ(client().insert(cells, {}, soon()).error().code, Code::kInvalidArgument);
  EXPECT_EQ(table().size(), 0);
  EXPECT_EQ(client().sample("x", {}, soon()).error().message, "Priority table x was not found");
  EXPECT_EQ(client().sample("t", {.count = 0}, soon()).error().code, Code::kInvalidArgument);
  EXPECT_EQ(client().reset("x", soon()).error().code, Code::kNotFound);
  EXPECT_EQ(client().checkpoint(soon()).error().code, Code::kInvalidArgument);
  const PriorityUpdate update[] = {{1, -1.0}};
  EXPECT_EQ(client().mutate_priorities("t", update, {}, soon()).error().code,
            Code::kInvalidArgument);
}

TEST_P(Serving, PrioritiesAreChangedAndTheStateIsTold) {
  serve({table_options("t")});
  const int64_t number = 7;
  const Cell cells[] = {Cell::of(0, number)};
  const Client::Priority priorities[] = {{"t", 1.0}};
  const uint64_t key = client().insert(cells, priorities, soon()).value()[0];
  const PriorityUpdate update[] = {{key, 3.5}};
  EXPECT_EQ(client().mutate_priorities("t", update, {}, soon()).value(), 1);
  EXPECT_EQ(table().find(key)->priority, 3.5);
  const TableInfo info = client().info(soon()).value()[0];
  EXPECT_EQ(info.name, "t");
  EXPECT_EQ(info.current_size, 1);
  EXPECT_GT(info.chunk_bytes, 0);
  const uint64_t deletes[] = {key};
  EXPECT_EQ(client().mutate_priorities("t", {}, deletes, soon()).value(), 1);
  ASSERT_TRUE(client().reset("t", soon()).ok());
  EXPECT_EQ(client().info(soon()).value()[0].counts.inserts, 0);
}

TEST_P(Serving, AWaitingSampleEndsAtTheRateLimitersTimeoutAndAtTheCallsDeadline) {
  serve({TableOptions::queue("q", 10)});
  SampleOptions options;
  options.rate_limiter_timeout = milliseconds(20);
  EXPECT_EQ(client().sample("q", options, soon()).error().code, Code::kDeadlineExceeded);
  EXPECT_EQ(client().sample("q", {}, base::Deadline::after(milliseconds(20))).error().code,
            Code::kDeadlineExceeded);
}

TEST_P(Serving, StoppingTheServerWakesEverybodyWhoWaits) {
  serve({TableOptions::queue("q", 1)});
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back(
        [&] { EXPECT_EQ(client().sample("q", {}, soon()).error().code, Code::kUnavailable); });
  }
  while (table().info().waiting_samples < 3) std::this_thread::yield();
  server_->stop();
  for (auto& thread : threads) thread.join();
}

TEST_P(Serving, ASampleThatItsCallerGaveUpTakesNoItem) {
  serve({TableOptions::queue("q", 10)});
  {
    const auto sampler = client().sampler({.table = "q"}).value();
    EXPECT_EQ(sampler->next(base::Deadline::after(milliseconds(1))).error().code,
              Code::kDeadlineExceeded);
    while (table().info().waiting_samples < 1) std::this_thread::yield();
  }
  // The server may hear of it a little later: it does before this client's next call is answered
  // or else at the item's insert.
  const auto writing = writer({});
  append(*writing, 1);
  ASSERT_TRUE(create(*writing, "q", 1).ok());
  ASSERT_TRUE(writing->flush(0, soon()).ok());
  if (GetParam() != "tcp") {
    EXPECT_TRUE(client().sample("q", {}, soon()).ok());
  }
}

// ---- Writers.

TEST_P(Serving, OverlappingItemsShareTheirChunksAndComeBackWhole) {
  serve({TableOptions::queue("q", 1000)});
  const auto writing = writer({.num_keep_alive_refs = 10});
  for (int64_t value = 0; value < 100; ++value) {
    append(*writing, value);
    if (value >= 9) {
      ASSERT_TRUE(create(*writing, "q", 10).ok());
    }
  }
  ASSERT_TRUE(writing->flush(0, soon()).ok());
  EXPECT_EQ(writing->pending_items(), 0);
  EXPECT_LT(table().info().chunks, 40);
  for (int64_t first = 0; first < 91; ++first) {
    const auto batches = client().sample("q", {}, soon()).value();
    const auto steps = numbers_of(sample_of(batches[0], 0).columns[0]);
    ASSERT_EQ(steps.size(), 10U);
    for (int64_t i = 0; i < 10; ++i) ASSERT_EQ(steps[static_cast<size_t>(i)], first + i);
  }
}

TEST_P(Serving, SparseReversedAndRepeatedStepsComeBackInTheirOrder) {
  serve({TableOptions::queue("q", 1000)});
  for (const int64_t chunk_length : {1, 3, 20}) {
    const auto writing = writer({.num_keep_alive_refs = 20, .max_chunk_length = chunk_length});
    for (int64_t value = 0; value < 20; ++value) append(*writing, value);
    for (const std::vector<uint64_t>& backs : std::vector<std::vector<uint64_t>>{
             {19, 17, 15}, {0, 1, 2}, {5, 5, 5}, {3, 19, 0, 7}, {10, 8, 6, 5, 4, 3}}) {
      TrajectoryColumn column;
      std::vector<int64_t> expected;
      for (const uint64_t back : backs) {
        column.refs.push_back(writing->newest(0, back).value());
        expected.push_back(19 - static_cast<int64_t>(back));
      }
      EXPECT_EQ(numbers_of(writing->read(column.refs).value()), expected);
      ASSERT_TRUE(writing->create_item("q", 1.0, {&column, 1}).ok());
      ASSERT_TRUE(writing->flush(0, soon()).ok());
      const auto batches = client().sample("q", {}, soon()).value();
      EXPECT_EQ(numbers_of(sample_of(batches[0], 0).columns[0]), expected);
    }
  }
}

TEST_P(Serving, AnItemArrivesThoughItsChunkIsNotFull) {
  serve({TableOptions::queue("q", 10)});
  const auto writing = writer({.num_keep_alive_refs = 100, .linger = milliseconds(1)});
  append(*writing, 5);
  ASSERT_TRUE(create(*writing, "q", 1).ok());
  EXPECT_TRUE(client().sample("q", {}, soon()).ok());
}

TEST_P(Serving, ItemsArePutInInTheOrderOfTheirCreation) {
  serve({TableOptions::queue("q", 100'000)});
  const auto writing = writer({});
  for (int64_t value = 0; value < 5000; ++value) {
    append(*writing, value);
    ASSERT_TRUE(create(*writing, "q", 1).ok());
  }
  ASSERT_TRUE(writing->flush(0, soon()).ok());
  const auto sampler = client().sampler({.table = "q", .max_samples = 5000}).value();
  for (int64_t value = 0; value < 5000; ++value) {
    const auto sample = sampler->next(soon()).value();
    ASSERT_EQ(numbers_of(sample->columns[0])[0], value);
  }
  EXPECT_EQ(sampler->next(soon()).value().has_value(), false);
}

TEST_P(Serving, AFlushWaitsForAFullTableUntilItsDeadlineAndTheItemArrivesLater) {
  serve({TableOptions::queue("q", 1)});
  const auto writing = writer({});
  for (int64_t value = 0; value < 2; ++value) {
    append(*writing, value);
    ASSERT_TRUE(create(*writing, "q", 1).ok());
  }
  EXPECT_TRUE(writing->flush(1, soon()).ok());
  EXPECT_EQ(writing->flush(0, base::Deadline::after(milliseconds(20))).error().code,
            Code::kDeadlineExceeded);
  EXPECT_EQ(writing->pending_items(), 1);
  ASSERT_TRUE(client().sample("q", {}, soon()).ok());
  EXPECT_TRUE(writing->flush(0, soon()).ok());
}

TEST_P(Serving, AFullTableDoesNotHoldBackAWritersOtherTables) {
  serve({TableOptions::queue("full", 1), TableOptions::queue("free", 100)});
  const auto writing = writer({});
  for (int64_t value = 0; value < 20; ++value) {
    append(*writing, value);
    ASSERT_TRUE(create(*writing, "full", 1).ok());
    ASSERT_TRUE(create(*writing, "free", 1).ok());
    if (value % 5 == 0) (void)writing->flush(0, base::Deadline::after(milliseconds(1)));
  }
  EXPECT_TRUE(client().sample("free", {.count = 20, .min_count = 20}, soon()).ok());
}

TEST_P(Serving, AnItemThatIsRefusedFailsTheWriterAndOnlyIt) {
  TableOptions options = table_options("t");
  options.sampler = prioritized(1.0);
  serve({options});
  const auto bad = writer({.validate_items = false}), good = writer({});
  for (const auto* each : {&bad, &good}) append(**each, 1);
  ASSERT_TRUE(create(*bad, "t", 1, -1.0).ok());
  EXPECT_EQ(bad->flush(0, soon()).error().message, "Priority must not be negative.");
  EXPECT_EQ(create(*bad, "t", 1).error().code, Code::kInvalidArgument);
  ASSERT_TRUE(create(*good, "t", 1).ok());
  EXPECT_TRUE(good->flush(0, soon()).ok());
  EXPECT_EQ(table().size(), 1);
}

TEST_P(Serving, BadItemsAreErrorsWhenTheyAreMade) {
  TableOptions options = table_options("t");
  options.sampler = prioritized(1.0);
  options.signature = Signature{{{"x", static_cast<uint8_t>(DType::kInt64), true, {-1}}}, {}};
  serve({options});
  const auto writing = writer({.num_keep_alive_refs = 2});
  append(*writing, 1);
  const StepRef old = writing->newest(0).value();
  append(*writing, 2);
  append(*writing, 3);
  const auto why = [&](TrajectoryColumn column, double priority = 1.0,
                       std::string_view name = "t") {
    return writing->create_item(name, priority, {&column, 1}).error().message;
  };
  const StepRef fresh = writing->newest(0).value();
  EXPECT_EQ(why({{old}, false}), "Error in column 0: Column contains expired CellRef.");
  EXPECT_EQ(why({{fresh}, false}, std::nan("")), "`priority` must not be nan.");
  EXPECT_EQ(why({{fresh}, false}, -1.0), "Priority must not be negative.");
  EXPECT_EQ(why({{fresh}, false}, 1.0, "x"),
            "Unable to create item in table 'x' since the table could not be found.");
  EXPECT_NE(why({{fresh}, true}).find("to be a int64 [?] tensor but got a int64 [] tensor"),
            std::string::npos);
  EXPECT_NE(why({{fresh, fresh}, true}).find("exactly one row"), std::string::npos);
  EXPECT_EQ(writing->create_item("t", 1.0, {}).error().message, "trajectory must not be empty.");
  EXPECT_EQ(writing->pending_items(), 0);
  ASSERT_TRUE(create(*writing, "t", 2).ok());
  EXPECT_TRUE(writing->flush(0, soon()).ok());
}

TEST_P(Serving, StepsMustKeepTheirColumnsTypesAndShapes) {
  serve({table_options("t")});
  const auto writing = writer({.num_keep_alive_refs = 5});
  append(*writing, 1);
  const double real = 1;
  const int64_t pair[] = {1, 2}, two = 2, number = 3;
  const Cell wrong_type[] = {Cell::of(0, real)};
  const Cell wrong_shape[] = {Cell::of(0, std::span<const int64_t>(pair), two)};
  const Cell twice[] = {Cell::of(0, number), Cell::of(0, number)};
  const Cell right[] = {Cell::of(0, number)};
  EXPECT_EQ(writing->append(wrong_type).error().message,
            "Tensor of wrong dtype provided for column 0. Got double but expected int64.");
  EXPECT_EQ(writing->append(wrong_shape).error().message,
            "Tensor of incompatible shape provided for column 0. Got [2] which is incompatible "
            "with [].");
  EXPECT_FALSE(writing->append(twice).ok());
  EXPECT_EQ(writing->length(0), 1U);
  ASSERT_TRUE(writing->append(right, true).ok());
  EXPECT_TRUE(writing->step_is_open());
  EXPECT_NE(writing->append(right).error().message.find("already been set in the active step"),
            std::string::npos);
  ASSERT_TRUE(writing->append({}).ok());
  EXPECT_EQ(writing->episode_steps(), 2);
}

TEST_P(Serving, AnEpisodesEndBeginsAnotherOneWithFreshChunks) {
  serve({TableOptions::queue("q", 100)});
  const auto writing = writer({.num_keep_alive_refs = 10});
  append(*writing, 1);
  ASSERT_TRUE(create(*writing, "q", 1).ok());
  const StepRef ref = writing->newest(0).value();
  const uint64_t episode = writing->episode();
  ASSERT_TRUE(writing->end_episode(false, soon()).ok());
  EXPECT_NE(writing->episode(), episode);
  EXPECT_EQ(writing->episode_steps(), 0);
  EXPECT_FALSE(writing->expired(ref));
  append(*writing, 2);
  ASSERT_TRUE(create(*writing, "q", 2).ok());
  ASSERT_TRUE(writing->end_episode(true, soon()).ok());
  EXPECT_TRUE(writing->expired(ref));
  EXPECT_EQ(table().info().num_episodes, 2);
}

TEST_P(Serving, ClosingAWriterWakesItsFlush) {
  serve({TableOptions::queue("q", 1)});
  const auto writing = writer({});
  for (int64_t value = 0; value < 2; ++value) {
    append(*writing, value);
    ASSERT_TRUE(create(*writing, "q", 1).ok());
  }
  ASSERT_TRUE(writing->flush(1, soon()).ok());
  std::thread closer([&] {
    while (table().info().waiting_inserts < 1) std::this_thread::yield();
    EXPECT_EQ(writing->close(), 1);
  });
  EXPECT_EQ(writing->flush(0, soon()).error().code, Code::kCancelled);
  closer.join();
  EXPECT_EQ(create(*writing, "q", 1).error().message, "TrajectoryWriter::Close has been called.");
}

TEST_P(Serving, AWriterThatEndsIsForgotten) {
  serve({TableOptions::queue("q", 100)});
  const Client connected = client();
  {
    const auto writing = connected.writer({}, soon()).value();
    append(*writing, 1);
    ASSERT_TRUE(create(*writing, "q", 1).ok());
    ASSERT_TRUE(writing->flush(0, soon()).ok());
    EXPECT_EQ(server_->store().writers().size(), 1U);
  }
  const auto deadline = soon();
  while (!server_->store().writers().empty() && !deadline.passed()) {
    ASSERT_TRUE(connected.info(soon()).ok());
  }
  EXPECT_TRUE(server_->store().writers().empty());
}

// ---- Samplers.

TEST_P(Serving, ASamplerEndsWhenTheRateLimiterHoldsItBackForTooLong) {
  serve({TableOptions::queue("q", 100)});
  const auto writing = writer({});
  for (int64_t value = 0; value < 7; ++value) {
    append(*writing, value);
    ASSERT_TRUE(create(*writing, "q", 1).ok());
  }
  ASSERT_TRUE(writing->flush(0, soon()).ok());
  const auto sampler =
      client()
          .sampler({.table = "q", .max_in_flight = 4, .rate_limiter_timeout = milliseconds(20)})
          .value();
  int count = 0;
  while (sampler->next(soon()).value()) ++count;
  EXPECT_EQ(count, 7);
}

TEST_P(Serving, ASamplersBatchesHaveTheSizeThatWasAskedFor) {
  serve({table_options("t")});
  for (uint64_t key = 0; key < 10; ++key) ASSERT_TRUE(table().insert(item(key)).ok());
  const auto sampler =
      client()
          .sampler(
              {.table = "t", .max_in_flight = 64, .batch = 32, .min_batch = 32, .max_samples = 80})
          .value();
  for (const size_t expected : {32, 32, 16}) {
    const auto batch = sampler->next_batch(soon()).value();
    ASSERT_TRUE(batch);
    EXPECT_EQ(batch->size(), expected);
    EXPECT_EQ(batch->stacked(0).value().shape[0], static_cast<int64_t>(expected));
  }
  EXPECT_FALSE(sampler->next_batch(soon()).value());
  EXPECT_EQ(table().info().counts.samples, 80);
}

TEST_P(Serving, ClosingASamplerWakesItsNext) {
  serve({TableOptions::queue("q", 100)});
  const auto sampler = client().sampler({.table = "q"}).value();
  std::thread closer([&] {
    while (table().info().waiting_samples < 1) std::this_thread::yield();
    sampler->close();
  });
  EXPECT_EQ(sampler->next(soon()).error().code, Code::kCancelled);
  closer.join();
}

TEST(Samplers, BadOptionsAreNamed) {
  EXPECT_FALSE(check_sampler({}).ok());
  EXPECT_FALSE(check_sampler({.table = "t", .max_in_flight = 0}).ok());
  EXPECT_FALSE(check_sampler({.table = "t", .max_samples = 0}).ok());
  EXPECT_TRUE(check_sampler({.table = "t"}).ok());
}

}  // namespace
}  // namespace lp::replay
