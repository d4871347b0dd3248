#include "launchpad/wire/frame_reader.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "launchpad/base/check.h"

namespace lp::wire {
namespace {

// Below this, copying out of the staging buffer is cheaper than another system call.
constexpr size_t kDirectBytes = 16 * 1024;
constexpr size_t kEagerBodyBytes = 256 * 1024;

Error no_memory(uint64_t bytes) {
  return Error(Code::kResourceExhausted,
               "no memory for a message of " + std::to_string(bytes) + " bytes");
}

// All of a frame but its body and buffers.
void describe(const FrameHeader& header, const char* method, Frame& frame) {
  frame.type = header.type;
  frame.id = header.id;
  frame.argument = header.argument;
  if (header.method_size > 0 || !frame.method.empty())
    frame.method.assign(method, header.method_size);
  Payload& payload = frame.payload;
  payload.encoding = header.encoding;
  payload.packed = header.packed;
  payload.buffers.clear();
  payload.sole = false;
  payload.stream = nullptr;
}

}  // namespace

void FrameReader::check_invariants() const {
  staging_.check_invariants();
  LP_CHECK(part_ <= parts_.size());
  LP_CHECK(part_ == parts_.size() || filled_ <= parts_[part_].size());
}

std::span<std::byte> FrameReader::space() {
  if (frame_ && part_ < parts_.size() && staging_.size() == 0 &&
      parts_[part_].size() - filled_ >= kDirectBytes) {
    return parts_[part_].subspan(filled_);
  }
  return staging_.space(most_staged_);
}

void FrameReader::commit(size_t size) {
  if (frame_ && part_ < parts_.size() && staging_.size() == 0 &&
      parts_[part_].size() - filled_ >= kDirectBytes) {
    filled_ += size;
    if (filled_ == parts_[part_].size()) {
      ++part_;
      filled_ = 0;
    }
  } else {
    staging_.add(size);
  }
  check_invariants();
}

FrameReader::Next FrameReader::broken(Error why) {
  broken_ = std::move(why);
  return Next::kBroken;
}

FrameReader::Next FrameReader::next(Frame& frame) {
  if (broken_) return Next::kBroken;
  if (!frame_) {
    if (staging_.size() < kHeaderBytes) {
      if (staging_.size() == 0) staging_.leave();
      return Next::kNone;
    }
    if (Status read = read_frame_header(staging_.data(), limits_, header_); !read.ok())
      return broken(std::move(read).error());
    if (staging_.size() < head_bytes()) return Next::kNone;
    if (whole()) return take_whole(frame);
    if (Status begun = begin_frame(); !begun.ok()) return broken(std::move(begun).error());
  }
  if (!fill_parts()) return Next::kNone;
  if (Status settled = settle_body(); !settled.ok()) return broken(std::move(settled).error());
  frame = std::move(*frame_);
  frame_.reset();
  parts_.clear();
  part_ = filled_ = 0;
  return Next::kFrame;
}

bool FrameReader::whole() const {
  return header_.buffer_count == 0 && header_.body_size <= kEagerBodyBytes &&
         header_.body_size <= staging_.size() - head_bytes();
}

FrameReader::Next FrameReader::take_whole(Frame& frame) {
  const char* at = reinterpret_cast<const char*>(staging_.data()) + kHeaderBytes;
  try {
    describe(header_, at, frame);
    frame.payload.body = Body(at + header_.method_size, header_.body_size);
  } catch (const std::bad_alloc&) {
    return broken(no_memory(header_.body_size));
  }
  staging_.drop(head_bytes() + header_.body_size);
  return Next::kFrame;
}

Status FrameReader::begin_frame() {
  const char* at = reinterpret_cast<const char*>(staging_.data()) + kHeaderBytes;
  describe(header_, at, frame_.emplace());
  std::vector<uint64_t> entries(header_.buffer_count);
  if (!entries.empty()) std::memcpy(entries.data(), at + header_.method_size, 8 * entries.size());
  staging_.drop(head_bytes());
  return make_buffers(entries);
}

Status FrameReader::make_buffers(const std::vector<uint64_t>& entries) {
  uint64_t total = header_.body_size;
  for (const uint64_t entry : entries) {
    const bool shared = (entry & SharedWord::kShared) != 0;
    const uint64_t size = shared ? SharedWord::decode(entry).size : entry;
    if (size > limits_.total_bytes - total) {  // `total` is never larger.
      return Error(Code::kResourceExhausted, "a message is larger than the limit of " +
                                                 std::to_string(limits_.total_bytes) + " bytes");
    }
    total += size;
  }
  try {
    // A claim costs nothing until its bytes come: large bodies lie in untouched memory first.
    if (header_.body_size > kEagerBodyBytes)
      large_body_ = Buffer::allocate(header_.body_size);
    else
      frame_->payload.body.resize(header_.body_size);
    for (const uint64_t entry : entries) {
      if ((entry & SharedWord::kShared) == 0) {
        frame_->payload.buffers.push_back(Buffer::allocate(entry));
      } else if (lent_ != nullptr) {
        LP_TRY_ASSIGN(Buffer borrowed, lent_->borrow(SharedWord::decode(entry)));
        frame_->payload.buffers.push_back(std::move(borrowed));
      } else {
        return Error(Code::kInvalidArgument, "a frame refers to memory that was not lent");
      }
    }
  } catch (const std::bad_alloc&) {
    return no_memory(total);
  }
  if (header_.body_size > kEagerBodyBytes) {
    parts_.emplace_back(large_body_.mutable_data(), large_body_.size());
  } else {
    parts_.push_back(std::as_writable_bytes(std::span(frame_->payload.body)));
  }
  for (size_t i = 0; i < entries.size(); ++i) {
    if ((entries[i] & SharedWord::kShared) != 0) continue;  // Its bytes are there.
    Buffer& buffer = frame_->payload.buffers[i];
    parts_.emplace_back(buffer.mutable_data(), buffer.size());
  }
  return {};
}

Status FrameReader::settle_body() {
  if (large_body_.size() == 0) return {};
  try {
    frame_->payload.body.assign(reinterpret_cast<const char*>(large_body_.data()),
                                large_body_.size());
  } catch (const std::bad_alloc&) {
    return Error(Code::kResourceExhausted, "no memory for a message's body");
  }
  large_body_ = Buffer();
  return {};
}

bool FrameReader::fill_parts() {
  while (part_ < parts_.size()) {
    const std::span<std::byte> rest = parts_[part_].subspan(filled_);
    const size_t size = std::min(rest.size(), staging_.size());
    if (size > 0) std::memcpy(rest.data(), staging_.data(), size);
    staging_.drop(size);
    filled_ += size;
    if (filled_ < parts_[part_].size()) return false;
    ++part_;
    filled_ = 0;
  }
  return true;
}

}  // namespace lp::wire
