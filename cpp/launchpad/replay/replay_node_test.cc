#include "launchpad/replay/replay_node.h"

#include <gtest/gtest.h>

#include <stdlib.h>

#include <filesystem>
#include <thread>

#include "launchpad/graph/colocation.h"
#include "launchpad/graph/program.h"

namespace lp::replay {
namespace {

Status check(std::vector<TableOptions> tables, ReplayNodeOptions options = {}) {
  return ReplayNode(std::move(tables), std::move(options)).nodes().front()->check();
}

TEST(ReplayNode, TablesAndIntervalsThatCannotBeAreRefusedWhenTheProgramIsPlanned) {
  const TableOptions table = TableOptions::queue("q", 10);
  EXPECT_TRUE(check({table}).ok());
  EXPECT_FALSE(check({}).ok());
  EXPECT_EQ(check({table, table}).error().message,
            "Multiple items in tables have the same name: q");
  EXPECT_FALSE(check({table}, {.num_shards = 0}).ok());
  // It would write one after the other without a pause.
  EXPECT_FALSE(check({table}, {"/nowhere", base::Nanos(0)}).ok());
  EXPECT_TRUE(check({table}, {"", base::Nanos(0)}).ok());
}

// A context in which each node has an inproc address, the colocation's at number 0.
std::shared_ptr<run::Context> context_of(const Program& program) {
  const auto context = std::make_shared<run::Context>();
  context->label = "pool";
  context->address_prefix =
      "inproc:shards-" + std::to_string(reinterpret_cast<uintptr_t>(&program)) + "/";
  const auto names = program.plan().value_or_throw().all_names();
  context->task_names = std::make_shared<const std::vector<std::string>>(names);
  for (int number = 1; number < static_cast<int>(names.size()); ++number) {
    const auto address = net::Address::parse(context->address_of(number)).value();
    (*context->inner)[number] = net::listen(address).value();
  }
  return context;
}

// A colocation that runs on a thread of its own until the end of this.
class Running {
 public:
  explicit Running(const ReplayNode& node) {
    Colocation pool;
    handle_.emplace(pool.add_node(node));
    program_.add_node(pool, "pool");
    context_ = context_of(program_);
    nodes_ = context_->inner->size();  // Each takes its listener when it begins.
    thread_ = std::thread([this, pool] {
      NodeContext context(context_);
      pool.node()->run(context);
    });
  }
  ~Running() {
    context_->stop->request();
    thread_.join();
  }
  size_t nodes() const { return nodes_; }
  Client client() const {
    const run::ScopedContext scope(context_);
    return handle_->dereference();
  }

 private:
  Program program_{"p"};
  std::optional<ReplayHandle> handle_;
  std::shared_ptr<run::Context> context_;
  size_t nodes_ = 0;
  std::thread thread_;
};

void insert(const Client& client, int64_t number) {
  const Cell cells[] = {Cell::of(0, number)};
  const Client::Priority priorities[] = {{"q", 1.0}};
  ASSERT_TRUE(client.insert(cells, priorities).ok());
}

int64_t size_of(const Client& client) { return client.info().value()[0].current_size; }

TEST(ReplayNode, ItsShardsMayLiveInAColocation) {
  const Running pool(ReplayNode({TableOptions::queue("q", 10)}, {.num_shards = 3}));
  const Client client = pool.client();
  for (int i = 0; i < 3; ++i) insert(client, i);
  EXPECT_EQ(size_of(client), 3);
  EXPECT_EQ(pool.nodes(), 3U);
}

class Folder : public testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(mkdtemp(path_.data()), nullptr); }
  void TearDown() override { std::filesystem::remove_all(path_); }
  std::string path_ = testing::TempDir() + "/lp-XXXXXX";
};
using ReplayNodeCheckpoints = Folder;

TEST_F(ReplayNodeCheckpoints, AreWrittenAtEachIntervalAndAtTheStopAndLoadedAtTheStart) {
  const std::vector<TableOptions> tables = {TableOptions::queue("q", 10)};
  {
    const Running pool(ReplayNode(tables, {path_, base::Nanos(1'000'000)}));
    while (std::filesystem::is_empty(path_)) std::this_thread::yield();
    insert(pool.client(), 1);
  }
  const ReplayNode again(tables, {path_, std::chrono::hours(1)});
  {
    const Running pool(again);
    const Client client = pool.client();
    EXPECT_EQ(size_of(client), 1);
    insert(client, 2);
  }
  // Written at the stop: the interval was not over.
  EXPECT_EQ(size_of(Running(ReplayNode(tables, {path_, std::chrono::hours(1)})).client()), 2);
}

}  // namespace
}  // namespace lp::replay
