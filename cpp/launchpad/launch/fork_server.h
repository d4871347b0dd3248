// ForkServer is the launcher's end of its talk with a warmed process: a worker that has imported
// what all workers need, and forks for each node that is started with the same command. The forks
// are this process's own children. If the warmed process dies, nodes are started afresh instead.
// `start` and the end: any thread; the rest: a run's supervising thread.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "launchpad/base/guarded.h"
#include "launchpad/launch/child_process.h"
#include "launchpad/run/fork_request.h"

namespace lp::launching {

struct ForkServerOptions {
  // The command of the nodes that it may fork, and its own.
  graph::Command command{};
  // What only the warmed process has in its environment.
  std::map<std::string, std::string> env{};
  // Variables that are read when a process starts, so that a node with another value of one is no
  // fork: names, or beginnings of names that end in "*".
  std::vector<std::string> start_variables{};
  // It has counted its CPUs: a node that is to have others is no fork.
  bool counted_cpus = false;
};

class ForkServer {
 public:
  // NOT_FOUND and so on, as for a node.
  static Result<std::shared_ptr<ForkServer>> start(const ForkServerOptions& options);
  // Ends the process, and all of its forks that still run.
  ~ForkServer();
  ForkServer(const ForkServer&) = delete;
  ForkServer& operator=(const ForkServer&) = delete;

  // Whether what it forks would be as if it were started.
  bool suits(const Executable& executable, const Inheritance& inheritance) const;
  // Asks for a fork. UNAVAILABLE: the process is gone, also as ChildProcess::started says.
  Result<ChildProcess> fork(const Executable& executable, const Inheritance& inheritance) const;
  // It is needed no more. What it was asked for and has not forked yet will not come. Idempotent,
  // and not while `fork` runs.
  void close();

  // Of the warmed process.
  pid_t pid() const { return pid_; }

 private:
  struct State {
    std::optional<Result<pid_t>> started;
    bool closing = false;
    bool closed = false;
    bool over = false;
  };

  ForkServer(ForkServerOptions options, Executable executable, base::Fd socket)
      : options_(std::move(options)),
        executable_(std::move(executable)),
        socket_(std::move(socket)) {}

  // The thread whose children the forks are.
  void hold(const Inheritance& inheritance);
  bool works_at_start_only(const std::string& variable) const;
  // From the warmed process's environment to this one.
  std::vector<run::EnvironmentChange> changes_to(const std::vector<std::string>& env) const;

  ForkServerOptions options_;
  Executable executable_;
  base::Fd socket_;
  base::Guarded<State> state_;
  pid_t pid_ = -1;
  std::thread thread_;
};

}  // namespace lp::launching
