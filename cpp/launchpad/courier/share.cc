#include "launchpad/courier/share.h"

#include <algorithm>
#include <cstring>

#include "launchpad/shm/pool.h"
#include "launchpad/wire/packing.h"

namespace lp::courier {
namespace {

bool should_move(const wire::Buffer& buffer) {
  return buffer.block() == nullptr && buffer.size() >= wire::kSharedBytes;
}

wire::Payload in_shared_memory(const wire::Payload& payload) {
  wire::Payload storage = payload;
  for (wire::Buffer& buffer : storage.buffers) {
    if (!should_move(buffer)) continue;
    auto block = shm::Pool::instance().allocate(buffer.size());
    if (block == nullptr) continue;
    block->set_transient();
    std::memcpy(block->segment()->data(), buffer.data(), buffer.size());
    buffer = wire::Buffer(std::move(block), buffer.size());
  }
  // The copies were made for this receiver; what lay in shared memory before is not transient, or
  // its maker says so himself.
  if (!payload.sole) {
    const auto foreign = [](const wire::Buffer& buffer) {
      return buffer.block() != nullptr && buffer.block()->transient();
    };
    storage.sole = std::none_of(payload.buffers.begin(), payload.buffers.end(), foreign);
  }
  return storage;
}

}  // namespace

const wire::Payload& moved_or_packed(const wire::Payload& payload,
                                     std::optional<wire::Payload>& storage, bool shares,
                                     bool packs) {
  if (!shares) return packs ? wire::packed(payload, storage.emplace()) : payload;
  if (std::none_of(payload.buffers.begin(), payload.buffers.end(), should_move)) return payload;
  return storage.emplace(in_shared_memory(payload));
}

}  // namespace lp::courier
