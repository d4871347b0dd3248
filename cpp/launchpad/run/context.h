// Context is what a node knows of the run it is part of: its name, how to reach other nodes, and
// the stop. A node never learns which launcher started it. One per node; node threads and their
// servers' threads carry it as their current one. Any thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "launchpad/base/result.h"
#include "launchpad/net/token.h"
#include "launchpad/net/transport.h"
#include "launchpad/run/stop_signal.h"

namespace lp::run {

using InnerListeners = std::map<int, std::unique_ptr<net::Listener>>;

struct Context {
  std::string program;
  std::string label;
  int index = 0;
  int task = 0;  // The node's number in the plan.
  // Addresses of the plan's tasks are this prefix + number + this suffix, e.g. "unix:/run/x/" 3
  // ".sock".
  std::string address_prefix;
  std::string address_suffix;
  // The names ("label/index") of the plan's tasks by number: how errors name a server.
  std::shared_ptr<const std::vector<std::string>> task_names;
  // What proves to other nodes that this one is of the same run: see courier::ServerOptions.
  net::Token token;
  std::shared_ptr<StopSignal> stop = std::make_shared<StopSignal>();
  // Asks the launcher to stop the whole program. May be called from any thread, more than once.
  std::function<void()> request_stop;
  // Where the node listens, made before any node ran; taken by the first listen().
  std::shared_ptr<std::unique_ptr<net::Listener>> bound =
      std::make_shared<std::unique_ptr<net::Listener>>();
  // The same for nodes inside of this one, by their numbers; each is taken once.
  std::shared_ptr<InnerListeners> inner = std::make_shared<InnerListeners>();

  // "label/index".
  std::string name() const { return label + "/" + std::to_string(index); }
  std::string address_of(int number) const;
  std::string name_of(int number) const;
  // The listener at this node's own address; once.
  Result<std::unique_ptr<net::Listener>> listen() const;
  // The listener of a node inside of this one. FAILED_PRECONDITION: it was taken before.
  Result<std::unique_ptr<net::Listener>> listen_inner(int number) const;
};

// The calling thread's context; if it has none, that of the only program that runs in this process;
// else null.
std::shared_ptr<const Context> current_context();

// Makes `context` the calling thread's until its end, or until the next call. For threads whose
// start is not a scope.
void set_thread_context(std::shared_ptr<const Context> context);

// Makes `context` the calling thread's while it lives. Not in a thread_local: it must end before
// the thread's own variables do.
class ScopedContext {
 public:
  explicit ScopedContext(std::shared_ptr<const Context> context);
  ~ScopedContext();
  ScopedContext(const ScopedContext&) = delete;
  ScopedContext& operator=(const ScopedContext&) = delete;

 private:
  std::shared_ptr<const Context> outer_;
};

// Makes `context` one that threads without their own may fall back to, while this lives.
class PublishedContext {
 public:
  explicit PublishedContext(std::shared_ptr<const Context> context);
  ~PublishedContext();
  PublishedContext(const PublishedContext&) = delete;
  PublishedContext& operator=(const PublishedContext&) = delete;

 private:
  std::shared_ptr<const Context> context_;
};

}  // namespace lp::run
