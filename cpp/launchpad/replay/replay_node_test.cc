#include "launchpad/replay/replay_node.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace lp::replay
