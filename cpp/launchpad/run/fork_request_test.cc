#include "launchpad/run/fork_request.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <iostream>
#include <random>

#include "launchpad/run/control.h"

namespace lp::run {
namespace {

const ForkRequest kRequest{{{"NAME", "value"}, {"EMPTY", ""}, {"GONE", std::nullopt}},
                           "/somewhere",
                           {1, 3},
                           {0, 1, 2, 17}};

TEST(ForkRequest, SurvivesItsEncoding) {
  const ForkRequest decoded = decode_fork_request(encode_fork_request(kRequest)).value();
  EXPECT_EQ(decoded.environment, kRequest.environment);
  EXPECT_EQ(decoded.cwd, kRequest.cwd);
  EXPECT_EQ(decoded.cpus, kRequest.cpus);
  EXPECT_EQ(decoded.numbers, kRequest.numbers);
}

TEST(ForkRequest, BytesOfNobodyAreRefused) {
  const std::string good = encode_fork_request(kRequest);
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(decode_fork_request(good.substr(0, size)).ok()) << size;
  EXPECT_FALSE(decode_fork_request(good + "x").ok());
  const unsigned seed = std::random_device()();
  std::cout << "seed " << seed << std::endl;
  std::mt19937 random(seed);
  for (int i = 0; i < 10'000; ++i) {
    std::string bad = good;
    bad[random() % bad.size()] = static_cast<char>(random());
    (void)decode_fork_request(bad);  // It ends.
  }
}

TEST(ForkRequest, ItsDescriptorsArriveInOrder) {
  auto [ours, theirs] = control_pair().value();
  int pipes[4][2];
  for (auto& ends : pipes) ASSERT_EQ(::pipe(ends), 0);
  ForkRequest request;
  request.numbers = {8, 9};
  ASSERT_TRUE(
      send_fork_request(ours.get(), request, {pipes[0][1], pipes[1][1], {pipes[2][1], pipes[3][1]}})
          .ok());
  const auto received = receive_fork_request(theirs.get()).value().value();
  EXPECT_EQ(received.request.numbers, request.numbers);
  const int fds[] = {received.report.get(), received.guardian.get(), received.given.at(0).get(),
                     received.given.at(1).get()};
  for (int i = 0; i < 4; ++i) {
    ASSERT_EQ(::write(fds[i], "x", 1), 1);
    char byte = 0;
    EXPECT_EQ(::read(pipes[i][0], &byte, 1), 1);
    ::close(pipes[i][0]);
    ::close(pipes[i][1]);
  }
}

TEST(ForkRequest, TheEndOfTheLauncherIsTheEndOfRequests) {
  auto [ours, theirs] = control_pair().value();
  ours.reset();
  EXPECT_FALSE(receive_fork_request(theirs.get()).value().has_value());
}

TEST(ForkRequest, ADeadForkServerIsUnavailable) {
  auto [ours, theirs] = control_pair().value();
  theirs.reset();
  const Status sent = send_fork_request(ours.get(), {}, {0, 0, {}});
  ASSERT_FALSE(sent.ok());
  EXPECT_EQ(sent.error().code, Code::kUnavailable);
}

TEST(ForkRequest, WhatDoesNotFitIsRefused) {
  auto [ours, theirs] = control_pair().value();
  ForkRequest request;
  request.cwd = std::string(kMaxForkRequest, 'x');
  const Status sent = send_fork_request(ours.get(), request, {0, 0, {}});
  ASSERT_FALSE(sent.ok());
  EXPECT_EQ(sent.error().code, Code::kResourceExhausted);
}

}  // namespace
}  // namespace lp::run
