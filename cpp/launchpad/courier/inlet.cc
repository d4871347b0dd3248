#include "launchpad/courier/inlet.h"

#include "launchpad/wire/packing.h"

namespace lp::courier {

net::Io Inlet::read(net::Socket& socket, bool wait) {
  const std::span<std::byte> space = reader_.space();
  auto* const descriptors = borrowings_ != nullptr ? &borrowings_->descriptors() : &descriptors_;
  const net::Moved moved =
      takes_descriptors_ ? socket.read(space, wait, *descriptors) : socket.read(space, wait);
  if (moved.io != net::Io::kMoved) return moved.io;
  if (descriptors_.size() > 1) return net::Io::kClosed;
  filled_ = moved.size == space.size();
  reader_.commit(moved.size);
  return moved.io;
}

Result<bool> Inlet::next(std::vector<wire::Frame>& frames) {
  if (frames.capacity() == 0) frames.reserve(kFewFrames);
  auto next = fill(frames.emplace_back());
  if (!next.ok() || !*next) frames.pop_back();
  return next;
}

Result<bool> Inlet::fill(wire::Frame& frame) {
  while (true) {
    auto next = reader_.next(frame);
    if (!next.ok() || !*next) return next;
    if (borrowings_ != nullptr) {
      LP_TRY_ASSIGN(const bool taken, borrowings_->take_frame(frame));
      if (taken) continue;
    }
    if (frame.payload.packed) {
      if (!trusted_) return Error(Code::kInvalidArgument, "a greeting is not packed");
      LP_TRY(wire::unpack(frame.payload, limits_));
    }
    return next;
  }
}

base::Fd Inlet::greeting_descriptor() {
  if (descriptors_.size() != 1) return {};
  base::Fd fd = std::move(descriptors_.front());
  descriptors_.clear();
  return fd;
}

void Inlet::trust(wire::FrameLimits limits) {
  limits_ = limits;
  trusted_ = true;
  reader_.set_limits(limits);
}

void Inlet::share(std::shared_ptr<Returns> returns) {
  takes_descriptors_ = true;
  borrowings_ = std::make_unique<Borrowings>(std::move(returns));
  reader_.set_lent(borrowings_.get());
}

}  // namespace lp::courier
