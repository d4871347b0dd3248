#include "launchpad/courier/inlet.h"

#include "launchpad/wire/packing.h"

namespace lp::courier {

net::Io Inlet::read(net::Socket& socket, bool wait) {
  const std::span<std::byte> space = reader_.space();
  const net::Moved moved = borrowings_ == nullptr
                               ? socket.read(space, wait)
                               : socket.read(space, wait, borrowings_->descriptors());
  if (moved.io != net::Io::kMoved) return moved.io;
  filled_ = moved.size == space.size();
  reader_.commit(moved.size);
  return moved.io;
}

Result<std::optional<wire::Frame>> Inlet::next() {
  while (true) {
    auto next = reader_.next();
    if (!next.ok() || !next->has_value()) return next;
    wire::Frame& frame = **next;
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

void Inlet::trust(wire::FrameLimits limits) {
  limits_ = limits;
  trusted_ = true;
  reader_.set_limits(limits);
}

void Inlet::share(std::shared_ptr<Returns> returns) {
  borrowings_ = std::make_unique<Borrowings>(std::move(returns));
  reader_.set_lent(borrowings_.get());
}

}  // namespace lp::courier
