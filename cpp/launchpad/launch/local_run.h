// LocalRun is the Run of all launch types on this host: it holds the supervising thread and speaks
// with it through RunState. Any thread.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "launchpad/launch/launcher.h"
#include "launchpad/launch/supervision.h"

namespace lp::launching {

class LocalRun : public Run {
 public:
  // Returns once all tasks are started; on an error nothing is left running.
  static Result<std::unique_ptr<Run>> start(Preparation preparation,
                                            std::shared_ptr<RunState> state,
                                            std::vector<std::string> labels);
  ~LocalRun() override;

  Status wait() override;
  Status wait_for(const std::vector<std::string>& labels) override;
  Status wait_for_first(const std::vector<std::string>& labels) override;
  Status failure() override;
  void stop() override;
  void kill() override;
  bool done() const override;
  std::shared_ptr<run::StopSignal> stop_signal() override;

 private:
  LocalRun(std::shared_ptr<RunState> state, std::vector<std::string> labels, std::thread thread)
      : state_(std::move(state)), labels_(std::move(labels)), thread_(std::move(thread)) {}

  // INVALID_ARGUMENT for a label that no node has.
  Status check_labels(const std::vector<std::string>& labels) const;
  // Until `ended(progress)` or a failure.
  template <class Ended>
  Status wait_for_nodes(const std::vector<std::string>& labels, Ended ended);
  // Waits until `ready`, while signals come to the run.
  template <class Ready, class Take>
  Status wait_until(Ready ready, Take take);
  void stop_listening();

  std::shared_ptr<RunState> state_;
  // Since the start, so that no signal finds the launcher between launch() and wait().
  std::atomic<bool> listens_{true};
  std::vector<std::string> labels_;  // By tasks.
  std::thread thread_;
};

}  // namespace lp::launching
