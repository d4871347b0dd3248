#include "launchpad/courier/outbox.h"

#include <algorithm>
#include <array>

namespace lp::courier {
namespace {

constexpr size_t kSegmentBytes = 256 * 1024;  // Heads are laid end to end up to this size.
constexpr size_t kMaxParts = 64;              // Segments in one system call.

}  // namespace

void Outbox::append(wire::FrameType type, uint64_t id, uint64_t argument, std::string_view method,
                    const wire::Payload& payload) {
  if (segments_.empty() || segments_.back().buffer.size() > 0 ||
      segments_.back().bytes.size() > kSegmentBytes) {
    segments_.emplace_back();
  }
  std::string& head = segments_.back().bytes;
  const size_t before = head.size();
  wire::append_frame_head(head, type, id, argument, method, payload);
  bytes_ += head.size() - before;
  for (const wire::Buffer& buffer : payload.buffers) {
    if (buffer.size() == 0) continue;
    segments_.push_back(Segment{{}, buffer});
    bytes_ += buffer.size();
  }
}

net::Io Outbox::flush(net::Socket& socket) {
  while (bytes_ > 0) {
    std::array<iovec, kMaxParts> parts;
    const size_t count = std::min(segments_.size(), kMaxParts);
    for (size_t i = 0; i < count; ++i) {
      const size_t skip = i == 0 ? sent_ : 0;
      parts[i].iov_base = const_cast<char*>(static_cast<const char*>(segments_[i].data())) + skip;
      parts[i].iov_len = segments_[i].size() - skip;
    }
    const net::Moved moved = socket.write(std::span(parts.data(), count));
    if (moved.io == net::Io::kInterrupted) continue;
    if (moved.io != net::Io::kMoved) return moved.io;
    drop(moved.size);
  }
  return net::Io::kMoved;
}

void Outbox::drop(size_t sent) {
  bytes_ -= sent;
  sent_ += sent;
  while (!segments_.empty() && sent_ >= segments_.front().size()) {
    sent_ -= segments_.front().size();
    Segment& first = segments_.front();
    // The last segment's memory serves the next frames.
    if (segments_.size() == 1 && first.buffer.size() == 0 &&
        first.bytes.capacity() <= kSegmentBytes) {
      first.bytes.clear();
      break;
    }
    segments_.pop_front();
  }
}

void Outbox::clear() {
  segments_.clear();
  sent_ = bytes_ = 0;
}

}  // namespace lp::courier
