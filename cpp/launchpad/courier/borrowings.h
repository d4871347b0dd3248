// Borrowings are the segments that the other end of a connection has lent to this one, and Returns
// what of it is not used any more and is to be told. Borrowings belong to the thread that reads the
// connection; Returns is shared with the borrowed blocks, that may end on any thread.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "launchpad/base/fd.h"
#include "launchpad/base/guarded.h"
#include "launchpad/wire/frame_reader.h"

namespace lp::courier {

class Returns {
 public:
  // `on_first`: called, on the thread that ends a block, when something comes into the empty list.
  explicit Returns(std::function<void()> on_first) : on_first_(std::move(on_first)) {}

  void add(uint32_t slot);
  std::vector<uint32_t> take();
  bool empty() const { return waiting_.load(std::memory_order_acquire) == 0; }

 private:
  const std::function<void()> on_first_;
  std::atomic<size_t> waiting_{0};
  base::Guarded<std::vector<uint32_t>> slots_;
};

class Borrowings : public wire::Lent {
 public:
  explicit Borrowings(std::shared_ptr<Returns> returns) : returns_(std::move(returns)) {}

  // Descriptors that came with the bytes read last, in order.
  std::vector<base::Fd>& descriptors() { return descriptors_; }

  // Whether it is one of the frames that tell of slots.
  static bool takes(const wire::Frame& frame) {
    return frame.type == wire::FrameType::kLend || frame.type == wire::FrameType::kForget;
  }
  // Deals with one.
  Status take_frame(const wire::Frame& frame);

  Result<wire::Buffer> borrow(const wire::SharedWord& word) override;

 private:
  Status add_slot(uint64_t number, uint64_t capacity);

  std::shared_ptr<Returns> returns_;
  std::vector<base::Fd> descriptors_;
  std::unordered_map<uint32_t, std::shared_ptr<shm::Segment>> slots_;
};

// The slots of a kReturn frame.
wire::Payload encode_slots(const std::vector<uint32_t>& slots);
std::vector<uint32_t> decode_slots(const wire::Payload& payload);

}  // namespace lp::courier
