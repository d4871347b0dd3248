#include <gtest/gtest.h>

#include "launchpad/base/rng.h"
#include "launchpad/replay/messages.h"
#include "launchpad/replay/test_items.h"

namespace lp::replay {
namespace {

WriteRequest request() {
  WriteRequest request;
  request.session = 77;
  request.base = 3;
  request.first = 4;
  request.released = {9, 10};
  request.chunks = {numbers(1, 0, 10), numbers(2, 100, 100'000)};
  const auto layout = make_ref<const Layout>(
      std::vector<ColumnSlices>{{{Slice{0, 0, 1, 2, 3}}, false}, {{Slice{1, 0, 5, 1, 1}}, true}});
  for (uint64_t key : {5, 6}) request.items.push_back({"t", key, 0.5, layout, {1, 2}});
  request.items.push_back({"u", 7, 0.25, whole(numbers(1, 0, 10))->layout(), {1}});
  return request;
}

TEST(Messages, AWriteArrivesAsItWasSent) {
  LayoutCache cache;
  const WriteRequest sent = request();
  const WriteRequest got = decode_write(encode(sent), cache).value();
  EXPECT_EQ(got.session, 77U);
  EXPECT_EQ(got.base, 3U);
  EXPECT_EQ(got.first, 4U);
  EXPECT_EQ(got.released, sent.released);
  ASSERT_EQ(got.chunks.size(), 2U);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(got.chunks[i]->key(), sent.chunks[i]->key());
    EXPECT_EQ(values(*whole(got.chunks[i])), values(*whole(sent.chunks[i])));
  }
  ASSERT_EQ(got.items.size(), 3U);
  EXPECT_EQ(got.items[1].layout.get(), got.items[0].layout.get());
  EXPECT_EQ(got.items[0].layout->columns, sent.items[0].layout->columns);
  EXPECT_EQ(got.items[2].table, "u");
  EXPECT_EQ(got.items[2].chunks, std::vector<uint64_t>{1});
  // A layout that is sent again is the same object.
  EXPECT_EQ(decode_write(encode(sent), cache).value().items[0].layout.get(),
            got.items[0].layout.get());
}

TEST(Messages, AWriteThatWouldBeAnsweredTwiceIsRefused) {
  LayoutCache cache;
  WriteRequest both = request();
  both.awaited = {1, 2};
  EXPECT_EQ(decode_write(encode(both), cache).error().code, Code::kInvalidArgument);
  both.items.clear();
  EXPECT_EQ(decode_write(encode(both), cache).value().awaited, both.awaited);
}

// A chunk of 8,000 bytes whose data is made to lie in the message's body, as no writer does it: it
// would be a view of memory that ends with the call.
TEST(Messages, LargeDataInAMessagesBodyIsRefused) {
  LayoutCache cache;
  WriteRequest write;
  ChunkBuilder builder(1, 1, {.compress = false});
  for (int64_t i = 0; i < 1000; ++i) {
    builder.append(0, Spec{DType::kInt64, {}}, std::as_bytes(std::span(&i, 1)));
  }
  write.chunks = {std::move(builder).build().value()};
  write.items = {{"t", 5, 0.5, whole(write.chunks[0])->layout(), {1}}};
  wire::Payload payload = encode(write);
  ASSERT_EQ(payload.buffers.size(), 1U);
  const std::string_view data(reinterpret_cast<const char*>(payload.buffers[0].data()), 8000);
  // The flag is after the chunk's size and rows; what follows is aligned.
  wire::Body marker;
  ByteWriter out(marker);
  out.number(uint64_t{8000});
  out.number(uint8_t{1});
  out.number(uint32_t{1000});
  const size_t flag = payload.body.find(marker) + marker.size();
  ASSERT_EQ(payload.body.at(flag), 0);
  const wire::Body rest = payload.body.substr(flag + 1);
  payload.body.resize(flag);
  payload.body.push_back(1);
  ByteWriter(payload.body).align(16);
  payload.body.append(data).append(rest);
  payload.buffers.clear();
  const size_t size = payload.body.size() - 6;
  for (size_t i = 0; i < 4; ++i) payload.body[2 + i] = static_cast<char>(size >> (8 * (3 - i)));
  EXPECT_EQ(decode_write(payload, cache).error().code, Code::kInvalidArgument);
}

std::vector<SampledItem> sampled(const std::vector<int>& lengths) {
  std::vector<SampledItem> items;
  uint64_t key = 1;
  for (const int length : lengths) {
    items.push_back({key, 0.5, 2.0, 9, 3, whole(numbers(key, 100 * int64_t(key), length))});
    ++key;
  }
  return items;
}

TEST(Messages, ItemsOfOneLengthArriveAsOneArray) {
  const auto batches = decode_batches(encode(gather(sampled({2, 2, 2})).value())).value();
  ASSERT_EQ(batches.size(), 1U);
  const ColumnData data = batches[0].stacked(0).value();
  EXPECT_EQ(data.shape, (Tensor::Shape{3, 2}));
  const Tensor tensor = data.tensor().value();
  EXPECT_EQ(tensor.data<int64_t>()[5], 301);
  EXPECT_EQ(batches[0].infos[1], (SampleInfo{2, 0.5, 9, 2.0, 3}));
}

TEST(Messages, ItemsOfDifferentLengthsArriveEachWithItsOwn) {
  const auto batches = decode_batches(encode(gather(sampled({1, 1000, 2})).value())).value();
  ASSERT_EQ(batches.size(), 1U);
  EXPECT_FALSE(batches[0].stackable());
  EXPECT_FALSE(batches[0].stacked(0).ok());
  const Sample last = sample_of(batches[0], 2);
  const Tensor steps = last.columns[0].tensor().value();
  EXPECT_EQ(steps.shape(), Tensor::Shape{2});
  EXPECT_EQ(steps.data<int64_t>()[1], 301);
}

// Written to, an array in borrowed memory would be a crash: it must be known to be read-only.
TEST(Messages, AnItemOfABatchInSharedMemoryIsReadOnlyAsItsBatchIs) {
  auto batches = gather(sampled({20'000, 20'000})).value();
  const wire::Buffer& bytes = batches[0].columns[0].bytes;
  ASSERT_NE(bytes.block(), nullptr);
  bytes.block()->freeze();
  for (size_t i = 0; i < 2; ++i) {
    const ColumnData data = batches[0].column_of(i, 0);
    EXPECT_TRUE(data.bytes.read_only());
    EXPECT_EQ(data.tensor().value().data<int64_t>()[0], 100 * (int64_t(i) + 1));
  }
}

TEST(Messages, StringsArriveItemByItem) {
  std::vector<SampledItem> items;
  for (const std::string text : {"one", "", "three"}) {
    ChunkBuilder builder(1, 1);
    const std::string row = encode_strings(std::span(&text, 1));
    builder.append(0, Spec{std::nullopt, {}}, std::as_bytes(std::span(row)));
    items.push_back({1, 1, 1, 1, 1, whole(std::move(builder).build().value())});
  }
  const auto batches = decode_batches(encode(gather(items).value())).value();
  EXPECT_EQ(batches[0].column_of(2, 0).strings().value(), std::vector<std::string>{"three"});
  EXPECT_EQ(batches[0].column_of(1, 0).strings().value(), std::vector<std::string>{""});
}

TEST(Messages, OtherColumnsBeginAnotherBatch) {
  auto items = sampled({1, 1, 1});
  ChunkBuilder builder(1, 1);
  const float one = 1;
  builder.append(0, Spec{DType::kFloat32, {}}, std::as_bytes(std::span(&one, 1)));
  items[1].trajectory = whole(std::move(builder).build().value());
  EXPECT_EQ(gather(items).value().size(), 3U);
}

// Damaged messages are refused or give something of the right form; a sanitizer sees the rest.
TEST(Messages, SurviveAnyDamage) {
  const uint64_t seed = base::fresh_seed();
  SCOPED_TRACE("LP_SEED=" + std::to_string(seed));
  base::Rng rng(seed);
  const wire::Payload write = encode(request());
  const wire::Payload batches = encode(gather(sampled({1, 3, 700})).value());
  const auto damage = [&](wire::Payload payload) {
    if (rng() % 4 == 0) payload.body.resize(rng() % payload.body.size());
    for (size_t i = rng() % 4; i > 0 && !payload.body.empty(); --i) {
      payload.body[rng() % std::min<size_t>(payload.body.size(), 300)] = static_cast<char>(rng());
    }
    if (rng() % 8 == 0) payload.buffers.clear();
    return payload;
  };
  for (int round = 0; round < 3000; ++round) {
    LayoutCache cache;
    (void)decode_write(damage(write), cache);
    auto read = decode_batches(damage(batches));
    if (!read.ok()) continue;
    for (const SampleBatch& batch : read.value()) {
      for (size_t i = 0; i < batch.size(); ++i) (void)sample_of(batch, i);
    }
  }
}

}  // namespace
}  // namespace lp::replay
