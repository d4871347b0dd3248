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

Inlet::Next Inlet::next(std::vector<wire::Frame>& frames) {
  if (frames.capacity() == 0) frames.reserve(kFewFrames);
  wire::Frame& frame = frames.emplace_back();
  Next next = broken_ ? Next::kBroken : reader_.next(frame);
  while (next == Next::kFrame && borrowings_ != nullptr && Borrowings::takes(frame))
    next = next_after(frame);
  if (next == Next::kFrame && frame.payload.packed) next = unpack(frame);
  if (next != Next::kFrame) frames.pop_back();
  return next;
}

Inlet::Next Inlet::next_after(wire::Frame& frame) {
  if (Status taken = borrowings_->take_frame(frame); !taken.ok())
    return broken(std::move(taken).error());
  return reader_.next(frame);
}

Inlet::Next Inlet::unpack(wire::Frame& frame) {
  if (!trusted_) return broken(Error(Code::kInvalidArgument, "a greeting is not packed"));
  if (Status unpacked = wire::unpack(frame.payload, limits_); !unpacked.ok())
    return broken(std::move(unpacked).error());
  return Next::kFrame;
}

Inlet::Next Inlet::broken(Error why) {
  broken_ = std::move(why);
  return Next::kBroken;
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
