#include "simulation/payloads.h"

#include <algorithm>
#include <cstring>

#include "launchpad/wire/buffer.h"

namespace lp::simulation {
namespace {

// What a body begins with.
struct Head {
  uint64_t number;
  uint64_t size;  // Of the body.
};

char filler(uint64_t number) { return static_cast<char>('a' + number % 26); }
static_assert(sizeof(Head) == kLeastBytes);

}  // namespace

wire::Payload make_payload(uint64_t number, uint64_t bytes, uint64_t buffer_bytes) {
  wire::Payload payload;
  const Head head{number, std::max<uint64_t>(bytes, sizeof(Head))};
  payload.body.assign(head.size, filler(number));
  std::memcpy(payload.body.data(), &head, sizeof(head));
  if (buffer_bytes > 0) {
    auto buffer = wire::Buffer::allocate(buffer_bytes);
    std::memset(buffer.mutable_data(), filler(number), buffer_bytes);
    payload.buffers.push_back(std::move(buffer));
  }
  return payload;
}

std::optional<uint64_t> number_in(const wire::Payload& payload) {
  Head head{};
  if (payload.body.size() < sizeof(head)) return std::nullopt;
  std::memcpy(&head, payload.body.data(), sizeof(head));
  const char expected = filler(head.number);
  const auto right = [&](char byte) { return byte == expected; };
  if (head.size != payload.body.size() ||
      !std::all_of(payload.body.begin() + sizeof(head), payload.body.end(), right))
    return std::nullopt;
  for (const wire::Buffer& buffer : payload.buffers) {
    const auto* bytes = reinterpret_cast<const char*>(buffer.data());
    if (!std::all_of(bytes, bytes + buffer.size(), right)) return std::nullopt;
  }
  return head.number;
}

}  // namespace lp::simulation
