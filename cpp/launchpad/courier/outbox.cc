#include "launchpad/courier/outbox.h"

#include <algorithm>
#include <array>

namespace lp::courier {
namespace {

constexpr size_t kSegmentBytes = 256 * 1024;  // Heads are laid end to end up to this size.
constexpr size_t kMaxParts = 64;              // Segments in one system call.

}  // namespace

HeadBytes& Outbox::head() {
  if (segments_.empty() || segments_.back().buffer.size() > 0 ||
      segments_.back().bytes.size() > kSegmentBytes) {
    segments_.emplace_back();
  }
  return segments_.back().bytes;
}

void Outbox::append_head(wire::FrameType type, uint64_t id, uint64_t argument,
                         std::string_view method, const wire::Payload& payload,
                         const uint64_t* entries) {
  const size_t size = wire::frame_head_bytes(method, payload);
  wire::write_frame_head(head().extend(size), type, id, argument, method, payload, entries);
  count(size);
}

void Outbox::append(wire::FrameType type, uint64_t id, uint64_t argument, std::string_view method,
                    const wire::Payload& payload) {
  if (loans_ != nullptr && !payload.buffers.empty()) {
    return append_shared(type, id, argument, method, payload);
  }
  append_head(type, id, argument, method, payload, nullptr);
  for (const wire::Buffer& buffer : payload.buffers) {
    if (buffer.size() == 0) continue;
    segments_.push_back(Segment{{}, buffer});
    count(buffer.size());
  }
}

void Outbox::append_shared(wire::FrameType type, uint64_t id, uint64_t argument,
                           std::string_view method, const wire::Payload& payload) {
  for (const uint32_t slot : loans_->take_forgotten()) {
    append_head(wire::FrameType::kForget, slot, 0, {}, {}, nullptr);
  }
  std::vector<uint64_t> entries;
  std::vector<const wire::Buffer*> as_bytes;
  entries.reserve(payload.buffers.size());
  for (const wire::Buffer& buffer : payload.buffers) {
    const auto loan = loans_->lend(buffer, payload.sole, announced_.size() < net::kMaxDescriptors);
    if (!loan) {
      entries.push_back(buffer.size());
      if (buffer.size() > 0) as_bytes.push_back(&buffer);
      continue;
    }
    entries.push_back(loan->word.encode());
    if (loan->announce == nullptr) continue;
    append_head(wire::FrameType::kLend, loan->word.slot, loan->announce->capacity(), {}, {},
                nullptr);
    announced_.push_back(loan->announce);
  }
  append_head(type, id, argument, method, payload, entries.data());
  for (const wire::Buffer* buffer : as_bytes) {
    segments_.push_back(Segment{{}, *buffer});
    count(buffer->size());
  }
}

void Outbox::share(std::shared_ptr<Returns> returns) {
  loans_ = std::make_unique<Loans>();
  returns_ = std::move(returns);
}

Status Outbox::give_back(const wire::Frame& frame) {
  if (loans_ == nullptr) return Error(Code::kInvalidArgument, "nothing was lent");
  return loans_->give_back(decode_slots(frame.payload));
}

void Outbox::append_returns() {
  if (returns_ == nullptr || returns_->empty()) return;
  append_head(wire::FrameType::kReturn, 0, 0, {}, encode_slots(returns_->take()), nullptr);
}

net::Io Outbox::flush(net::Socket& socket) {
  append_returns();
  while (bytes_ > 0) {
    std::array<iovec, kMaxParts> parts;
    size_t count = 0;
    for (const Segment& segment : segments_) {
      const size_t skip = count == 0 ? sent_ : 0;
      parts[count].iov_base = const_cast<char*>(static_cast<const char*>(segment.data())) + skip;
      parts[count].iov_len = segment.size() - skip;
      if (++count == kMaxParts) break;
    }
    // They may arrive before the frames that tell of them, never after.
    std::array<int, net::kMaxDescriptors> descriptors;
    const size_t along = announced_.size();
    for (size_t i = 0; i < along; ++i) descriptors[i] = announced_[i]->fd();
    const net::Moved moved =
        socket.write(std::span(parts.data(), count), std::span(descriptors.data(), along));
    if (moved.io == net::Io::kInterrupted) continue;
    if (moved.io != net::Io::kMoved) return moved.io;
    announced_.clear();
    drop(moved.size);
  }
  return net::Io::kMoved;
}

void Outbox::drop(size_t sent) {
  bytes_ -= sent;
  sent_ += sent;
  while (!segments_.empty()) {
    Segment& first = segments_.front();
    if (sent_ < first.size()) break;
    sent_ -= first.size();
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
  sent_ = bytes_ = appended_ = 0;
  announced_.clear();
  loans_.reset();
  returns_.reset();
}

}  // namespace lp::courier
