#include "launchpad/wire/frame_reader.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <functional>

#include "launchpad/base/rng.h"

namespace lp::wire {
namespace {

// How many of the next bytes a read gives, at most `room` and at least one.
using Piece = std::function<size_t(size_t room)>;

size_t all_of(size_t room) { return room; }

Buffer buffer_of(std::string_view text) {
  Buffer buffer = Buffer::allocate(text.size());
  if (!text.empty()) std::memcpy(buffer.mutable_data(), text.data(), text.size());
  return buffer;
}

std::string_view text_of(const Buffer& buffer) {
  return {reinterpret_cast<const char*>(buffer.data()), buffer.size()};
}

// The bytes of a frame on the connection.
std::string flat(const Frame& frame) {
  std::string out = frame_head(frame.type, frame.id, frame.argument, frame.method, frame.payload);
  for (const Buffer& buffer : frame.payload.buffers) out += text_of(buffer);
  return out;
}

std::string flat(const std::vector<Frame>& frames) {
  std::string out;
  for (const Frame& frame : frames) out += flat(frame);
  return out;
}

Frame frame_of(uint64_t id, std::string method, std::string body,
               const std::vector<std::string>& buffers = {}) {
  Frame frame;
  frame.id = id;
  frame.argument = id * 3;
  frame.type = static_cast<FrameType>(1 + id % 7);
  frame.method = std::move(method);
  frame.payload.encoding = id % 2 ? Encoding::kPickle : Encoding::kTyped;
  frame.payload.body = std::move(body);
  for (const std::string& buffer : buffers) frame.payload.buffers.push_back(buffer_of(buffer));
  return frame;
}

// Hands `bytes` over in pieces and collects the frames; the error, if the reader finds one.
Status feed(FrameReader& reader, std::string_view bytes, const Piece& piece,
            std::vector<Frame>& frames) {
  while (!bytes.empty()) {
    const auto space = reader.space();
    if (space.empty()) return Error(Code::kInternal, "there is no space");
    const size_t room = std::min(space.size(), bytes.size());
    const size_t size = std::clamp<size_t>(piece(room), 1, room);
    std::memcpy(space.data(), bytes.data(), size);
    reader.commit(size);
    reader.check_invariants();
    bytes.remove_prefix(size);
    while (true) {
      Frame frame;
      const auto next = reader.next(frame);
      if (next == FrameReader::Next::kBroken) return reader.why();
      reader.check_invariants();
      if (next == FrameReader::Next::kNone) break;
      frames.push_back(std::move(frame));
    }
  }
  return {};
}

void expect_same(const std::vector<Frame>& got, const std::vector<Frame>& wanted) {
  ASSERT_EQ(got.size(), wanted.size());
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].type, wanted[i].type);
    EXPECT_EQ(got[i].payload.encoding, wanted[i].payload.encoding);
    // As bytes, so that a failure does not print megabytes.
    EXPECT_TRUE(flat(got[i]) == flat(wanted[i])) << "frame " << i << " came out as another";
  }
}

void expect_unharmed(const std::vector<Frame>& frames, const Piece& piece) {
  FrameReader reader;
  std::vector<Frame> got;
  const Status status = feed(reader, flat(frames), piece, got);
  ASSERT_TRUE(status.ok()) << status.error().message;
  EXPECT_TRUE(reader.idle());
  expect_same(got, frames);
}

std::vector<Frame> small_frames() {
  return {frame_of(1, "method", "body", {"first", "", "third"}), frame_of(2, "", ""),
          frame_of(3, "m", "", {""}), frame_of(4, "", std::string(40, 'b'))};
}

TEST(FrameReader, GivesFramesThatAreCutAtAnyByte) {
  const std::vector<Frame> frames = small_frames();
  const size_t size = flat(frames).size();
  for (size_t cut = 0; cut <= size; ++cut) {
    SCOPED_TRACE(testing::Message() << "cut at " << cut);
    bool first = true;
    expect_unharmed(frames, [&](size_t room) { return std::exchange(first, false) ? cut : room; });
  }
}

TEST(FrameReader, GivesFramesThatComeByteByByte) {
  expect_unharmed(small_frames(), [](size_t) { return 1; });
}

TEST(FrameReader, GivesLargeFramesThatAreCutAroundEveryBorder) {
  const std::vector<Frame> frames = {
      frame_of(1, "name", std::string(40'000, 'b'),
               {std::string(100'000, 'c'), std::string(20'000, 'd'), "e"}),
      frame_of(2, "", "end")};
  size_t border = 0;
  for (const size_t part : {size_t{0}, kHeaderBytes, size_t{4 + 24}, size_t{40'000},
                            size_t{100'000}, size_t{20'000}, size_t{1}, kHeaderBytes, size_t{3}}) {
    border += part;
    for (const size_t cut : {border - 1, border, border + 1, border + 16 * 1024}) {
      SCOPED_TRACE(testing::Message() << "cut at " << cut);
      size_t left = cut;
      expect_unharmed(frames, [&](size_t room) {
        const size_t size = left > 0 && left < SIZE_MAX / 2 ? std::min(left, room) : room;
        left -= std::min(left, size);
        return size;
      });
    }
  }
}

std::vector<Frame> random_frames(base::Rng& rng) {
  // Around the sizes where the reader changes its ways: short strings, direct reads, its own
  // buffer.
  static constexpr size_t kSizes[] = {0,     1,     15,    16,    17,    100,   1000,  16383,
                                      16384, 16385, 32768, 65503, 65504, 65535, 65536, 65537};
  const auto any_size = [&] { return kSizes[rng() % std::size(kSizes)]; };
  std::vector<Frame> frames;
  for (uint64_t n = 1 + rng() % 6; n > 0; --n) {
    std::vector<std::string> buffers;
    for (uint64_t k = rng() % 4; k > 0; --k) {
      buffers.emplace_back(rng() % 2 ? any_size() : rng() % 50, static_cast<char>(rng()));
    }
    const size_t body = rng() % 2 ? any_size() : rng() % 50;
    frames.push_back(frame_of(rng(), std::string(rng() % 1025, 'm'),
                              std::string(body, static_cast<char>(rng())), buffers));
  }
  return frames;
}

TEST(FrameReader, GivesRandomFramesThatComeInRandomPieces) {
  const uint64_t seed = base::fresh_seed();
  SCOPED_TRACE(testing::Message() << "LP_SEED=" << seed);
  base::Rng rng(seed);
  for (int round = 0; round < 300; ++round) {
    SCOPED_TRACE(testing::Message() << "round " << round);
    const size_t largest = size_t{1} << (rng() % 18);
    expect_unharmed(random_frames(rng), [&](size_t) { return 1 + rng() % largest; });
    if (testing::Test::HasFailure()) return;
  }
}

TEST(FrameReader, GivesManySmallFramesFromOnePiece) {
  std::vector<Frame> frames;
  for (uint64_t id = 0; id < 2000; ++id) frames.push_back(frame_of(id, "m", "b"));
  size_t reads = 0;
  expect_unharmed(frames, [&](size_t room) {
    ++reads;
    return room;
  });
  // 68,000 bytes through a buffer of 64 KiB.
  EXPECT_LE(reads, 3u);
}

TEST(FrameReader, SaysWhetherMoreIsLeftAfterAFrame) {
  const std::string one = flat(frame_of(1, "method", "body", {}));
  const std::string bytes = one + one + one.substr(0, one.size() - 1);
  FrameReader reader;
  std::memcpy(reader.space().data(), bytes.data(), bytes.size());
  reader.commit(bytes.size());
  Frame frame;
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(reader.next(frame), FrameReader::Next::kFrame);
    EXPECT_TRUE(reader.more());
  }
  EXPECT_EQ(reader.next(frame), FrameReader::Next::kNone);
  EXPECT_TRUE(reader.more());
  std::memcpy(reader.space().data(), &one.back(), 1);
  reader.commit(1);
  EXPECT_EQ(reader.next(frame), FrameReader::Next::kFrame);
  EXPECT_FALSE(reader.more());
  EXPECT_TRUE(reader.idle());
}

TEST(FrameReader, GivesAHeadThatIsLongerThanItsOwnBuffer) {
  Frame frame = frame_of(1, std::string(1000, 'm'), "body");
  frame.payload.buffers.resize(40'000);
  frame.payload.buffers[39'999] = buffer_of("last");
  expect_unharmed({frame, frame_of(2, "next", "")}, all_of);
}

// Where the last read of `bytes` went: the rest of a large part, straight to its place.
TEST(FrameReader, ReadsLargePartsStraightToWhereTheyStay) {
  const Frame frame = frame_of(1, "m", std::string(50'000, 'b'), {std::string(1'000'000, 'c')});
  const std::string bytes = flat(frame);
  FrameReader reader;
  std::vector<Frame> frames;
  const size_t head = kHeaderBytes + 1 + 8;
  ASSERT_TRUE(feed(reader, bytes.substr(0, head + 10), all_of, frames).ok());
  const auto body_space = reader.space();
  EXPECT_EQ(body_space.size(), 50'000u - 10);
  ASSERT_TRUE(feed(reader, bytes.substr(head + 10, 50'000 - 10), all_of, frames).ok());
  const auto buffer_space = reader.space();
  EXPECT_EQ(buffer_space.size(), 1'000'000u);
  ASSERT_TRUE(feed(reader, bytes.substr(head + 50'000), all_of, frames).ok());
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(static_cast<void*>(body_space.data()), frames[0].payload.body.data() + 10);
  EXPECT_EQ(buffer_space.data(), frames[0].payload.buffers[0].data());
  expect_same(frames, {frame});
}

TEST(FrameReader, IsIdleOnlyBetweenFrames) {
  const std::string bytes = flat(frame_of(1, "method", "body", {"buffer"}));
  FrameReader reader;
  std::vector<Frame> frames;
  for (size_t at = 0; at < bytes.size(); ++at) {
    EXPECT_EQ(reader.idle(), at == 0) << at;
    ASSERT_TRUE(feed(reader, bytes.substr(at, 1), all_of, frames).ok());
  }
  EXPECT_TRUE(reader.idle());
  EXPECT_EQ(frames.size(), 1u);
}

// Pages of `memory`, which begins with one, that something was written to.
size_t touched_pages(std::span<const std::byte> memory) {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> resident((memory.size() + page - 1) / page);
  // Also fails where the memory does not begin with a page.
  EXPECT_EQ(::mincore(const_cast<std::byte*>(memory.data()), memory.size(), resident.data()), 0);
  return std::count_if(resident.begin(), resident.end(), [](auto is) { return (is & 1) != 0; });
}

TEST(FrameReader, TouchesNoMoreMemoryThanItsBytesNeed) {
  FrameReader reader;
  const auto staging = reader.space();
  EXPECT_GE(staging.size(), size_t{32} * 1024);
  EXPECT_EQ(touched_pages(staging), 0u);
  std::vector<Frame> frames;
  const std::string small = flat(frame_of(1, "method", "body"));
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(feed(reader, small, all_of, frames).ok());
  EXPECT_EQ(frames.size(), 1000u);
  EXPECT_EQ(touched_pages(staging), 1u);
}

Error error_of(const std::string& bytes, const FrameLimits& limits, size_t frames_before = 0) {
  FrameReader reader(limits);
  std::vector<Frame> frames;
  const Status status = feed(reader, bytes, all_of, frames);
  EXPECT_EQ(frames.size(), frames_before);
  return status.ok() ? Error(Code::kOk, "no error") : status.error();
}

TEST(FrameReader, RefusesAFrameBeyondItsLimits) {
  const FrameLimits limits{.body_bytes = 100, .total_bytes = 150, .buffers = 2, .method_bytes = 10};
  const auto code = [&](const Frame& frame) { return error_of(flat(frame), limits).code; };
  EXPECT_EQ(code(frame_of(1, "elevenbytes", "")), Code::kResourceExhausted);
  EXPECT_EQ(code(frame_of(1, "", std::string(101, 'b'))), Code::kResourceExhausted);
  EXPECT_EQ(code(frame_of(1, "", "", {"", "", ""})), Code::kResourceExhausted);
  EXPECT_EQ(code(frame_of(1, "", "", {std::string(151, 'c')})), Code::kResourceExhausted);
  EXPECT_EQ(code(frame_of(1, "", std::string(90, 'b'), {std::string(61, 'c')})),
            Code::kResourceExhausted);
  EXPECT_EQ(code(frame_of(1, "", "", {std::string(75, 'c'), std::string(76, 'c')})),
            Code::kResourceExhausted);
}

TEST(FrameReader, TakesAFrameThatFillsItsLimits) {
  const FrameLimits limits{.body_bytes = 100, .total_bytes = 150, .buffers = 2, .method_bytes = 10};
  const Frame frame = frame_of(1, "tenletters", std::string(100, 'b'), {"", std::string(50, 'c')});
  EXPECT_EQ(error_of(flat(frame), limits, 1).code, Code::kOk);
}

TEST(FrameReader, HoldsTheTotalAgainstTheBodyAlone) {
  // The body's own limit is the larger one here, so only the total refuses it.
  const FrameLimits limits{.total_bytes = 1000};
  EXPECT_EQ(error_of(flat(frame_of(1, "", std::string(1001, 'b'))), limits).code,
            Code::kResourceExhausted);
  EXPECT_EQ(error_of(flat(frame_of(1, "", std::string(1001, 'b'), {""})), limits).code,
            Code::kResourceExhausted);
  EXPECT_EQ(error_of(flat(frame_of(1, "", std::string(1000, 'b'), {""})), limits, 1).code,
            Code::kOk);
}

TEST(FrameReader, RefusesSizesThatOnlyFitWhenTheyWrapAround) {
  for (const FrameLimits& limits : {FrameLimits(), FrameLimits{.total_bytes = UINT64_MAX}}) {
    std::string bytes = flat(frame_of(1, "", "body", {"", ""}));
    const uint64_t sizes[2] = {INT64_MAX, INT64_MAX};  // The highest bit has a meaning of its own.
    std::memcpy(bytes.data() + kHeaderBytes, sizes, sizeof(sizes));
    EXPECT_EQ(error_of(bytes, limits).code, Code::kResourceExhausted);
  }
}

TEST(FrameReader, RefusesSharedMemoryWhereNothingIsLent) {
  std::string bytes = flat(frame_of(1, "", "body", {""}));
  const uint64_t word = SharedWord{.slot = 3, .size = 100}.encode();
  std::memcpy(bytes.data() + kHeaderBytes, &word, sizeof(word));
  EXPECT_EQ(error_of(bytes, FrameLimits()).code, Code::kInvalidArgument);
  const uint64_t large = SharedWord{.slot = 3, .size = 2000}.encode();
  std::memcpy(bytes.data() + kHeaderBytes, &large, sizeof(large));
  EXPECT_EQ(error_of(bytes, FrameLimits{.total_bytes = 1000}).code, Code::kResourceExhausted);
}

TEST(Frame, ASharedWordKeepsItsParts) {
  for (const bool given : {false, true}) {
    for (const uint32_t slot : {0u, 77u, SharedWord::kMaxSlot}) {
      const auto back = SharedWord::decode(SharedWord{slot, uint64_t{1} << 36, given}.encode());
      EXPECT_EQ(back.slot, slot);
      EXPECT_EQ(back.size, uint64_t{1} << 36);
      EXPECT_EQ(back.given, given);
    }
  }
}

TEST(FrameReader, RefusesAMessageThatThereIsNoMemoryFor) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers end the process for an allocation of this size";
#endif
  std::string bytes = flat(frame_of(1, "", "", {""}));
  const uint64_t size = uint64_t{1} << 60;
  std::memcpy(bytes.data() + kHeaderBytes, &size, sizeof(size));
  const Error error = error_of(bytes, FrameLimits{.total_bytes = uint64_t{1} << 61});
  EXPECT_EQ(error.code, Code::kResourceExhausted);
  EXPECT_EQ(error.message, "no memory for a message of 1152921504606846976 bytes");
}

TEST(FrameReader, TakesLargerFramesOnceItsLimitsAreRaised) {
  FrameReader reader(FrameLimits{.body_bytes = 10});
  std::vector<Frame> frames;
  ASSERT_TRUE(feed(reader, flat(frame_of(1, "", "hello")), all_of, frames).ok());
  reader.set_limits({});
  ASSERT_TRUE(feed(reader, flat(frame_of(2, "", std::string(11, 'b'))), all_of, frames).ok());
  EXPECT_EQ(frames.size(), 2u);
}

TEST(FrameReader, RefusesWhatIsNoFrame) {
  const Error error = error_of("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", {});
  EXPECT_EQ(error.code, Code::kInvalidArgument);
  EXPECT_EQ(error.message, "these bytes are no courier frame");
  EXPECT_EQ(error_of(flat(small_frames()) + std::string(kHeaderBytes, '\0'), {}, 4).code,
            Code::kInvalidArgument);
}

TEST(FrameReader, StaysBrokenOnceItIs) {
  FrameReader reader;
  std::vector<Frame> frames;
  ASSERT_FALSE(feed(reader, std::string(kHeaderBytes, 'x'), all_of, frames).ok());
  for (int i = 0; i < 3; ++i) {
    const Status status = feed(reader, flat(small_frames()), all_of, frames);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().message, "these bytes are no courier frame");
  }
  EXPECT_TRUE(frames.empty());
}

TEST(FrameReaderFuzz, MutatedStreamsEndInFramesOrALastingError) {
  const uint64_t seed = base::fresh_seed();
  SCOPED_TRACE(testing::Message() << "LP_SEED=" << seed);
  base::Rng rng(seed);
  const std::string valid = flat(small_frames());
  // Without small limits a changed size would make this test allocate gigabytes.
  const FrameLimits limits{.body_bytes = 1 << 16, .total_bytes = 1 << 17, .buffers = 100};
  int broken = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = valid;
    for (uint64_t n = 1 + rng() % 3; n > 0; --n) {
      // Half of the changes hit a header of the first frame.
      const size_t at = rng() % (rng() % 2 ? kHeaderBytes : bytes.size());
      bytes[at] = static_cast<char>(rng() % 2 ? rng() : bytes[at] ^ (1 << rng() % 8));
    }
    FrameReader reader(limits);
    std::vector<Frame> frames;
    const Status status = feed(
        reader, bytes, [&](size_t) { return 1 + rng() % 64; }, frames);
    for (const Frame& frame : frames) ASSERT_LE(frame.payload.bytes(), limits.total_bytes);
    if (status.ok()) continue;
    ++broken;
    Frame ignored;
    ASSERT_EQ(reader.next(ignored), FrameReader::Next::kBroken);
    ASSERT_EQ(reader.why().message, status.error().message) << "in round " << round;
  }
  EXPECT_GT(broken, 1000);
}

}  // namespace
}  // namespace lp::wire
