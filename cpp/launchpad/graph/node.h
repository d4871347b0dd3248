// Node is a node of the graph: what a program is drawn of. Kinds of one's own derive from it. It is
// made and added by one thread; `run` is called once per run, on the node's own thread or in its
// own process.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "launchpad/courier/serve.h"
#include "launchpad/courier/server.h"
#include "launchpad/graph/plan.h"
#include "launchpad/graph/resolve.h"
#include "launchpad/graph/slot.h"

namespace lp {

// What a running node may do with the run that it is part of. Any thread of the node.
class NodeContext {
 public:
  explicit NodeContext(std::shared_ptr<const run::Context> context)
      : context_(std::move(context)) {}

  // "label/index".
  std::string name() const { return context_->name(); }
  // Whether the program has been asked to stop.
  bool stopping() const { return context_->stop->requested(); }
  // False: the timeout passed first.
  bool wait_for_stop(base::Deadline deadline = {}) const { return context_->stop->wait(deadline); }
  // Asks every node of the program to end. Returns at once.
  void stop_program() const { context_->request_stop(); }

  // Answers calls of the methods that T lists, at this node's address. Throws lp::Error.
  template <class T>
  std::unique_ptr<courier::Server> serve(T& object, int threads = 16) const {
    auto server = make_server(threads);
    courier::serve(server->router(), object, batch_threads());
    server->start(context_->listen().value_or_throw()).value_or_throw();
    return server;
  }
  // A server that is not started yet, whose threads know this node.
  std::unique_ptr<courier::Server> make_server(int threads = 16) const;
  // Threads that run batches know this node, too.
  courier::BatchThreads batch_threads() const;

  // What the library keeps of this node's run.
  const std::shared_ptr<const run::Context>& run_context() const { return context_; }

 private:
  std::shared_ptr<const run::Context> context_;
};

class Node {
 public:
  Node() = default;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  virtual ~Node() = default;

  // What it is, e.g. "CourierNode<Producer>": the same in every process that draws the program.
  virtual std::string kind() const = 0;
  // The node's work. What it throws ends the program and is shown. Not called if there is a
  // command.
  virtual void run(NodeContext& context) = 0;
  // True: the node answers calls at an address of its own (NodeContext::serve).
  virtual bool serves() const { return false; }
  // Calls that it runs at the same time, where the program chose a bound; 0: it did not.
  virtual int pool() const { return 0; }
  // Nodes inside of it that answer calls at addresses of their own.
  virtual graph::Inputs inner() const { return {}; }
  // How to start it as a process; none: the launcher's binary again, which calls run. The process
  // finds `payload` in its run directory.
  virtual std::optional<graph::Command> command() const { return std::nullopt; }
  // False: always as a process by `command`, never by `run` on a thread of the launcher's.
  virtual bool runs_in_process() const { return !command(); }
  // What the command's process finds in its run directory; made just before it starts.
  virtual Result<std::string> payload(const run::Context&) const { return std::string(); }
  // Asked when the drawing is done: whether the node is complete.
  virtual Status check() const { return {}; }

  // Its place in the graph, for handles.
  const graph::SlotPtr& slot() const { return slot_; }
  // The nodes whose handles it holds.
  virtual graph::Inputs inputs() const { return inputs_; }

 protected:
  // The handles inside become edges of the graph. Call it where arguments are set.
  template <class... Args>
  void track(const Args&... arguments) {
    (graph::Resolver<Args>::collect(arguments, inputs_), ...);
  }
  void track_slot(graph::SlotPtr slot) { inputs_.push_back(std::move(slot)); }
  void forget_inputs() { inputs_.clear(); }

 private:
  graph::SlotPtr slot_ = std::make_shared<graph::Slot>();
  graph::Inputs inputs_;

  friend class Program;
};

}  // namespace lp
