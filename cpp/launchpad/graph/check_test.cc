#include "launchpad/graph/check.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "launchpad/graph/courier_node.h"
#include "launchpad/graph/program.h"

namespace lp {
namespace {

struct Peer {
  explicit Peer(Client<Peer>) {}
  int ping() { return 1; }
  using courier_methods = Methods<&Peer::ping>;
};

// Peers in a ring, of whose pools the first `bounded` have 2 threads.
Report ring(int size, int bounded) {
  Program program("ring");
  std::vector<CourierNode<Peer>> peers;
  std::vector<Handle<Peer>> handles;
  for (int i = 0; i < size; ++i) {
    CourierNode<Peer>& peer = peers.emplace_back();
    if (i < bounded) peer.threads(2);
    handles.push_back(program.add_node(peer, "peer"));
  }
  for (int i = 0; i < size; ++i) {
    peers[static_cast<size_t>(i)].configure(handles[static_cast<size_t>((i + 1) % size)]);
  }
  return check(program);
}

TEST(Check, WarnsOfACycleOfBoundedPoolsAndPrintsIt) {
  const Report report = ring(3, 3);
  EXPECT_TRUE(report.ok());
  ASSERT_EQ(report.findings.size(), 1u);
  EXPECT_EQ(report.findings[0].node, "peer/0");
  EXPECT_NE(report.text().find("peer/0 (2 threads) -> peer/1 (2 threads) -> peer/2 (2 threads) -> "
                               "peer/0"),
            std::string::npos)
      << report.text();
  EXPECT_NE(report.text().find("check_test.cc:"), std::string::npos) << report.text();
}

TEST(Check, ANodeThatHoldsItsOwnHandleIsACycle) { EXPECT_EQ(ring(1, 1).findings.size(), 1u); }

TEST(Check, SaysNothingOfACycleWithAPoolThatNobodyBounded) {
  EXPECT_EQ(ring(3, 2).text(), "");
  EXPECT_EQ(ring(3, 0).text(), "");
}

TEST(Check, WhatCannotBePlannedIsAnError) {
  Program program("p");
  const CourierNode<Peer> forgotten;
  program.add_node(CourierNode<Peer>(forgotten.create_handle()), "peer");
  const Report report = check(program);
  EXPECT_FALSE(report.ok());
  EXPECT_NE(report.text().find("error: node 'peer/0'"), std::string::npos) << report.text();
  EXPECT_NE(report.text().find("never added"), std::string::npos) << report.text();
}

TEST(Check, EveryRefusedEdgeIsTold) {
  Program other("other"), program("p");
  const auto stranger = other.add_node(CourierNode<Peer>(CourierNode<Peer>().create_handle()), "s");
  const CourierNode<Peer> forgotten;
  program.add_node(CourierNode<Peer>(forgotten.create_handle()), "peer");
  program.add_node(CourierNode<Peer>(stranger), "peer");
  program.add_node(CourierNode<Peer>(), "incomplete");
  const Report report = check(program);
  ASSERT_EQ(report.findings.size(), 3u) << report.text();
  EXPECT_EQ(report.findings[0].node, "peer/0");
  EXPECT_NE(report.findings[0].what.find("never added"), std::string::npos);
  EXPECT_EQ(report.findings[1].node, "peer/1");
  EXPECT_NE(report.findings[1].what.find("of another program"), std::string::npos);
  EXPECT_EQ(report.findings[2].node, "incomplete/0");
  const std::string message = program.plan().error().message;
  EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 2) << message;
}

TEST(Check, AHandleOfAProgramThatIsGoneIsAnError) {
  auto other = std::make_unique<Program>("other");
  const auto handle = other->add_node(CourierNode<Peer>(), "other");
  other.reset();
  Program program("p");
  program.add_node(CourierNode<Peer>(handle), "peer");
  EXPECT_NE(check(program).text().find("of another program"), std::string::npos);
}

TEST(Check, AProgramWithoutNodesIsSuspicious) {
  EXPECT_NE(check(Program("empty")).text().find("has no nodes"), std::string::npos);
}

}  // namespace
}  // namespace lp
