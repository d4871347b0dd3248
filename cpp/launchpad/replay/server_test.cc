// What a server takes: tables, and steps that are inserted into several of them.
#include "launchpad/replay/server.h"

#include <gtest/gtest.h>

#include "launchpad/replay/client.h"
#include "launchpad/replay/test_items.h"

namespace lp::replay {
namespace {

base::Deadline soon() { return base::Deadline::after(std::chrono::seconds(30)); }

TEST(Servers, ATableIsOneServers) {
  const auto make = [](const char* name) { return Table::make(table_options(name)).value(); };
  const auto first = make("a"), second = make("b");
  const std::string address = "inproc:one-servers";
  {
    const auto server = Server::start({first}, address).value();
    const auto refused = Server::start({second, first}, address + "-2");
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().message, "table 'a' is another server's already: make one for each");
    // Neither that nor an address that is taken costs the other table anything.
    EXPECT_FALSE(Server::start({second}, address).ok());
    EXPECT_TRUE(Server::start({second}, address + "-2").ok());
  }
  EXPECT_TRUE(first->closed());
  EXPECT_EQ(Server::start({first}, address).error().message,
            "table 'a' was closed with its server: make a new one");
}

TEST(Servers, AnInsertIntoSeveralTablesIsIntoAllOrNone) {
  TableOptions first = table_options("t"), second = table_options("p"), third = table_options("s");
  second.sampler = prioritized(1.0);
  third.signature = Signature{{{"x", static_cast<uint8_t>(DType::kInt64), true, {-1}}}, {}};
  std::vector<std::shared_ptr<Table>> tables;
  for (const auto& options : {first, second, third}) tables.push_back(Table::make(options).value());
  const auto server = Server::start(tables, "inproc:all-or-none").value();
  const Client client = Client::connect("inproc:all-or-none").value();
  const int64_t number = 7;
  const Cell cells[] = {Cell::of(0, number)}, two[] = {Cell::of(0, number), Cell::of(1, number)};
  const Client::Priority bad[] = {{"t", 1.0}, {"p", -1.0}}, good[] = {{"t", 1.0}, {"s", 1.0}};
  EXPECT_EQ(client.insert(cells, bad, soon()).error().message, "Priority must not be negative.");
  const auto unfit = client.insert(two, good, soon());
  ASSERT_FALSE(unfit.ok());
  EXPECT_NE(unfit.error().message.find("inconsistent with the table signature"), std::string::npos);
  for (const auto& table : tables) EXPECT_EQ(table->size(), 0);
  EXPECT_TRUE(client.insert(cells, good, soon()).ok());
}

}  // namespace
}  // namespace lp::replay
