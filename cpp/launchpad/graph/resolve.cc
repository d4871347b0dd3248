#include "launchpad/graph/resolve.h"

#include "launchpad/graph/handle.h"

namespace lp {

namespace graph {

Result<std::shared_ptr<courier::Channel>> open_channel(const Slot& slot) {
  const auto context = run::current_context();
  if (context == nullptr) {
    return Error(Code::kFailedPrecondition,
                 "a handle can be dereferenced only inside a running node: give it to the node's "
                 "constructor "
                 "arguments, where it becomes a client");
  }
  if (!slot.added()) {
    return Error(Code::kFailedPrecondition,
                 "this handle's node was never added to a program: call program.add_node first");
  }
  LP_TRY_ASSIGN(net::Address address, net::Address::parse(context->address_of(slot.number)));
  courier::ChannelOptions options;
  options.prebound = true;
  options.server_name = "node '" + context->name_of(slot.number) + "'";
  return courier::make_shared_channel(std::move(address), std::move(options));
}

}  // namespace graph

void ProgramStopper::operator()() const {
  const auto context = context_ != nullptr ? context_ : run::current_context();
  if (context == nullptr) {
    throw_error(Error(Code::kFailedPrecondition,
                      "a program can be stopped only from one of its nodes, while it runs"));
  }
  context->request_stop();
}

ProgramStopper ProgramStopper::bound() const {
  ProgramStopper stopper;
  stopper.context_ = context_ != nullptr ? context_ : run::current_context();
  return stopper;
}

}  // namespace lp
