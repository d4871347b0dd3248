// Any bytes, cut anywhere, through FrameReader: frames or one error, and no more memory than was
// sent.
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "launchpad/base/check.h"
#include "launchpad/wire/frame_bytes.h"
#include "launchpad/wire/frame_reader.h"

namespace {

// Lends every slot, so that words that refer to one go through.
class EverySlot : public lp::wire::Lent {
 public:
  lp::Result<lp::wire::Buffer> borrow(const lp::wire::SharedWord& word) override {
    if (word.size > sizeof(bytes_)) return lp::Error(lp::Code::kInvalidArgument, "too large");
    return lp::wire::Buffer(nullptr, bytes_, word.size);
  }

 private:
  char bytes_[4096] = {};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  // The first byte says how the rest is cut, and whether memory is lent.
  const size_t step = 1 + (data[0] & 0x7f);
  EverySlot lent;
  lp::wire::FrameReader reader(
      {.body_bytes = 1 << 16, .total_bytes = 1 << 18, .buffers = 64, .method_bytes = 256});
  if ((data[0] & 0x80) != 0) reader.set_lent(&lent);
  size_t frames = 0;
  for (size_t at = 1; at < size;) {
    const auto space = reader.space();
    LP_CHECK(!space.empty());
    const size_t part = std::min({step, size - at, space.size()});
    std::memcpy(space.data(), data + at, part);
    reader.commit(part);
    at += part;
    while (true) {
      lp::wire::Frame frame;
      const auto next = reader.next(frame);
      if (next == lp::wire::FrameReader::Next::kBroken) {
        LP_CHECK(reader.next(frame) == next) << "an error is for ever";
        return 0;
      }
      if (next == lp::wire::FrameReader::Next::kNone) break;
      LP_CHECK(frame.payload.bytes() <= (1 << 18));
      ++frames;
    }
  }
  LP_CHECK(frames <= size / lp::wire::kHeaderBytes);
  return 0;
}
