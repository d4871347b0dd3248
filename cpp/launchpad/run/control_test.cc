#include "launchpad/run/control.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "launchpad/base/rng.h"

namespace lp::run {
namespace {

Error failure_of(size_t trace, size_t data) {
  Error error(Code::kOutOfRange, "bad luck");
  error.remote_type = "ValueError";
  error.remote_trace = "begin" + std::string(trace, 't') + "end";
  error.remote_data = std::string(data, '\0');
  return error;
}

class Control : public testing::Test {
 protected:
  void SetUp() override {
    auto pair = control_pair().value();
    worker = std::move(pair.first);
    launcher = std::move(pair.second);
  }
  Error sent_and_received(const Error& error) {
    EXPECT_TRUE(send_control(worker.get(), {ControlKind::kFailed, error}).ok());
    return receive_control(launcher.get()).value().value().error;
  }
  base::Fd worker, launcher;
};

TEST_F(Control, CarriesEachKindOfMessage) {
  EXPECT_FALSE(receive_control(launcher.get()).value().has_value());
  for (const ControlKind kind : {ControlKind::kStop, ControlKind::kStopRequested}) {
    ASSERT_TRUE(send_control(worker.get(), {kind}).ok());
    EXPECT_EQ(receive_control(launcher.get()).value()->kind, kind);
  }
  const Error error = sent_and_received(failure_of(100, 100));
  EXPECT_EQ(error.code, Code::kOutOfRange);
  EXPECT_EQ(error.message, "bad luck");
  EXPECT_EQ(error.remote_type, "ValueError");
  EXPECT_EQ(error.remote_trace, failure_of(100, 0).remote_trace);
  EXPECT_EQ(error.remote_data, std::string(100, '\0'));
}

TEST_F(Control, ALongTraceLosesItsMiddleAndLongDataIsDropped) {
  const Error error = sent_and_received(failure_of(10'000'000, kMaxData + 1));
  EXPECT_LE(error.remote_trace.size(), kMaxTrace);
  EXPECT_TRUE(error.remote_trace.starts_with("beginttt"));
  EXPECT_TRUE(error.remote_trace.ends_with("tttend"));
  EXPECT_NE(error.remote_trace.find(" bytes left out] ..."), std::string::npos);
  EXPECT_EQ(error.remote_data, "");
}

TEST_F(Control, TheLongestFailureFits) {
  Error error = failure_of(kMaxTrace, kMaxData);
  error.message = std::string(kMaxMessage * 2, 'm');
  error.remote_type = std::string(kMaxMessage * 2, 'y');
  EXPECT_EQ(sent_and_received(error).remote_data.size(), kMaxData);
}

TEST_F(Control, TextNeedNotBeValid) {
  Error error(Code::kUnknown, "\xff\xfe");
  EXPECT_EQ(sent_and_received(error).message, "\xff\xfe");
}

TEST_F(Control, TheEndOfTheOtherSideIsUnavailable) {
  ASSERT_TRUE(send_control(worker.get(), {ControlKind::kStop}).ok());
  worker.reset();
  EXPECT_TRUE(receive_control(launcher.get()).value().has_value());  // What was sent before, first.
  EXPECT_EQ(receive_control(launcher.get()).error().code, Code::kUnavailable);
  EXPECT_EQ(send_control(launcher.get(), {ControlKind::kStop}).error().code, Code::kUnavailable);
}

// As a worker does that fails while it is asked to stop.
TEST_F(Control, WhatAnEndSaidIsHeardThoughItClosedWithoutHearingTheOther) {
  ASSERT_TRUE(send_control(launcher.get(), {ControlKind::kStop}).ok());
  ASSERT_TRUE(send_control(worker.get(), {ControlKind::kStopRequested}).ok());
  ASSERT_TRUE(send_control(worker.get(), {ControlKind::kFailed, failure_of(1, 1)}).ok());
  worker.reset();
  EXPECT_EQ(receive_control(launcher.get()).value()->kind, ControlKind::kStopRequested);
  EXPECT_EQ(receive_control(launcher.get()).value()->error.message, "bad luck");
  EXPECT_EQ(receive_control(launcher.get()).error().code, Code::kUnavailable);
}

TEST_F(Control, StrangeBytesAreDataLossAndNothingWorse) {
  const uint64_t seed = base::fresh_seed();
  SCOPED_TRACE("LP_SEED=" + std::to_string(seed));
  base::Rng rng(seed);
  const std::string good = encode_control({ControlKind::kFailed, failure_of(50, 50)});
  for (int i = 0; i < 2000; ++i) {
    std::string packet = good.substr(0, rng() % (good.size() + 1));
    for (int flips = static_cast<int>(rng() % 3); flips > 0 && !packet.empty(); --flips) {
      packet[rng() % packet.size()] = static_cast<char>(rng());
    }
    const auto decoded = decode_control(packet);
    if (!decoded.ok()) {
      EXPECT_EQ(decoded.error().code, Code::kDataLoss);
    }
  }
  ASSERT_EQ(::send(worker.get(), "\xc1junk", 5, 0), 5);
  EXPECT_EQ(receive_control(launcher.get()).error().code, Code::kDataLoss);
}

}  // namespace
}  // namespace lp::run
