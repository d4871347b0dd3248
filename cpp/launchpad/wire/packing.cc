#include "launchpad/wire/packing.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "launchpad/wire/compression.h"

namespace lp::wire {
namespace {

constexpr size_t kSampleBytes = 64 * 1024;
constexpr size_t kMaxPackedBytes = size_t{1} << 30;  // lz4 takes at most 2 GiB at once.
constexpr uint64_t kMaxRatio = 255;                  // lz4 cannot do better.

size_t worth_it(size_t size) { return size - size / 8; }

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

// The sizes of the body and of each buffer, then all bytes compressed.
struct Head {
  uint64_t body = 0;
  std::vector<uint64_t> buffers;
};

template <class T>
void put(Body& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

template <class T>
bool get(std::span<const std::byte>& in, T& value) {
  if (in.size() < sizeof(value)) return false;
  std::memcpy(&value, in.data(), sizeof(value));
  in = in.subspan(sizeof(value));
  return true;
}

bool read_head(std::span<const std::byte>& in, Head& head, const FrameLimits& limits) {
  uint32_t count = 0;
  if (!get(in, head.body) || !get(in, count)) return false;
  if (count > limits.buffers || in.size() / sizeof(uint64_t) < count) return false;
  head.buffers.resize(count);
  for (uint64_t& size : head.buffers) get(in, size);
  return true;
}

}  // namespace

const Payload& packed(const Payload& payload, Payload& storage) {
  const size_t total = payload.bytes();
  if (total < kPackFrom || total > kMaxPackedBytes) return payload;
  std::string all;
  all.reserve(total);
  all += payload.body;
  for (const Buffer& buffer : payload.buffers) {
    all.append(reinterpret_cast<const char*>(buffer.data()), buffer.size());
  }
  if (total > 2 * kSampleBytes) {
    // From the middle: arrays often begin with zeros.
    std::string sample;
    const auto middle = bytes_of(all).subspan(total / 2 - kSampleBytes / 2, kSampleBytes);
    if (!compress(Compression::kLz4, middle, worth_it(kSampleBytes), sample)) return payload;
  }
  storage = Payload();
  storage.encoding = payload.encoding;
  storage.packed = true;
  put<uint64_t>(storage.body, payload.body.size());
  put<uint32_t>(storage.body, static_cast<uint32_t>(payload.buffers.size()));
  for (const Buffer& buffer : payload.buffers) put<uint64_t>(storage.body, buffer.size());
  if (!compress(Compression::kLz4, bytes_of(all), worth_it(total), storage.body)) return payload;
  return storage;
}

Status unpack(Payload& payload, const FrameLimits& limits) {
  std::span<const std::byte> in = bytes_of(payload.body);
  Head head;
  if (!read_head(in, head, limits)) {
    return Error(Code::kDataLoss, "a packed message is damaged");
  }
  uint64_t total = head.body;
  bool within = head.body <= limits.body_bytes && total <= limits.total_bytes;
  for (const uint64_t size : head.buffers) {
    within = within && size <= limits.total_bytes - total;
    if (within) total += size;
  }
  if (!within || total > kMaxPackedBytes) {
    return Error(Code::kResourceExhausted, "a message is larger than the limit when unpacked");
  }
  if (total > in.size() * kMaxRatio) return Error(Code::kDataLoss, "a packed message is damaged");
  Payload plain;
  plain.encoding = payload.encoding;
  try {
    Buffer all = Buffer::allocate(total);
    LP_TRY(decompress(Compression::kLz4, in, {all.mutable_data(), total}));
    const std::byte* at = all.data();
    plain.body.assign(reinterpret_cast<const char*>(at), head.body);
    at += head.body;
    for (const uint64_t size : head.buffers) {
      // Each in memory of its own: aligned, and freed with its last user.
      plain.buffers.push_back(Buffer::allocate(size));
      if (size > 0) std::memcpy(plain.buffers.back().mutable_data(), at, size);
      at += size;
    }
  } catch (const std::bad_alloc&) {
    return Error(Code::kResourceExhausted, "no memory for a message when unpacked");
  }
  payload = std::move(plain);
  return {};
}

}  // namespace lp::wire
