#include "launchpad/courier/stream_batch.h"

#include <gtest/gtest.h>

#include "launchpad/wire/codec.h"

namespace lp::courier {
namespace {

wire::Payload payload_of(std::string body, size_t buffers) {
  wire::Payload payload;
  payload.body = std::move(body);
  for (size_t i = 0; i < buffers; ++i)
    payload.buffers.push_back(wire::Buffer::allocate(payload.body.size() + i));
  return payload;
}

TEST(StreamBatch, ReadsBackWhatWasWritten) {
  StreamBatch batch;
  batch.last = true;
  batch.results.push_back(payload_of("one", 2));
  batch.results.push_back(payload_of("", 0));
  batch.results.push_back(payload_of("three", 1));
  batch.results.back().encoding = wire::Encoding::kPickle;
  const auto back = decode_batch(encode_batch(batch)).value();
  ASSERT_EQ(back.results.size(), 3u);
  EXPECT_TRUE(back.last);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(back.results[i].body, batch.results[i].body);
    EXPECT_EQ(back.results[i].encoding, batch.results[i].encoding);
    ASSERT_EQ(back.results[i].buffers.size(), batch.results[i].buffers.size());
    for (size_t b = 0; b < back.results[i].buffers.size(); ++b)
      EXPECT_EQ(back.results[i].buffers[b].data(), batch.results[i].buffers[b].data());
  }
}

TEST(StreamBatch, IsForOneReceiverOnlyIfAllOfItIs) {
  StreamBatch batch;
  EXPECT_FALSE(encode_batch(batch).sole);
  batch.results.resize(2);
  batch.results[0].sole = true;
  EXPECT_FALSE(encode_batch(batch).sole);
  batch.results[1].sole = true;
  EXPECT_TRUE(encode_batch(batch).sole);
}

TEST(StreamBatch, RefusesWhatClaimsBuffersThatAreNotThere) {
  StreamBatch batch;
  batch.results.push_back(payload_of("one", 2));
  wire::Payload payload = encode_batch(batch);
  payload.buffers.pop_back();
  EXPECT_EQ(decode_batch(payload).error().code, Code::kInvalidArgument);
}

TEST(StreamBatch, RefusesEveryTruncation) {
  StreamBatch batch;
  batch.results.push_back(payload_of("one", 0));
  const wire::Payload whole = encode_batch(batch);
  for (size_t size = 0; size < whole.body.size(); ++size) {
    wire::Payload cut = whole;
    cut.body.resize(size);
    EXPECT_FALSE(decode_batch(cut).ok()) << size;
  }
}

}  // namespace
}  // namespace lp::courier
