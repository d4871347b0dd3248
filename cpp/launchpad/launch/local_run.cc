#include "launchpad/launch/local_run.h"

#include <signal.h>

#include <algorithm>
#include <set>
#include <system_error>

namespace lp::launching {
namespace {

// While it lives, signals come to the run.
class Listening {
 public:
  explicit Listening(RunState& state) : state_(state) {
    if (state_.signals) state_.signals->begin();
  }
  ~Listening() {
    if (state_.signals) state_.signals->end();
  }
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;

 private:
  RunState& state_;
};

// Signals are for the threads of the user, and none must come between fork and exec.
Result<std::thread> start_supervision(Preparation preparation,
                                      const std::shared_ptr<RunState>& state) {
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  for (ThreadStart& start : preparation.threads) start.signals = before;
  std::thread thread;
  try {
    thread = std::thread([preparation = std::move(preparation), state]() mutable {
      Supervision(std::move(preparation), state).run();
    });
  } catch (const std::system_error&) {
    // Seen below.
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (!thread.joinable()) return Error(Code::kResourceExhausted, "cannot start a thread");
  return thread;
}

}  // namespace

Result<std::unique_ptr<Run>> LocalRun::start(Preparation preparation,
                                             std::shared_ptr<RunState> state,
                                             std::vector<std::string> labels) {
  const Listening starting(*state);
  LP_TRY_ASSIGN(std::thread thread, start_supervision(std::move(preparation), state));
  const Status started = state->progress.wait(
      std::nullopt, [](const auto& progress) { return progress.started.has_value(); },
      [](const auto& progress, bool) { return *progress.started; });
  if (!started.ok()) {
    thread.join();
    return started.error();
  }
  if (state->signals) state->signals->begin();  // Until stop_listening().
  return std::unique_ptr<Run>(new LocalRun(std::move(state), std::move(labels), std::move(thread)));
}

LocalRun::~LocalRun() {
  stop();
  thread_.join();
  stop_listening();
}

void LocalRun::stop_listening() {
  if (listens_.exchange(false) && state_->signals) state_->signals->end();
}

template <class Ready, class Take>
Status LocalRun::wait_until(Ready ready, Take take) {
  const Listening listening(*state_);
  const Status status = state_->progress.wait(std::nullopt, ready, take);
  stop_listening();
  return status;
}

Status LocalRun::wait() {
  return wait_until([](const auto& progress) { return progress.outcome.has_value(); },
                    [](const auto& progress, bool) { return *progress.outcome; });
}

Status LocalRun::check_labels(const std::vector<std::string>& labels) const {
  const std::set<std::string> known(labels_.begin(), labels_.end());
  std::string all;
  for (const std::string& label : known) all += (all.empty() ? "'" : ", '") + label + "'";
  for (const std::string& label : labels) {
    if (known.contains(label)) continue;
    return Error(Code::kInvalidArgument, "no node has the label '" + label + "'; there is: " + all);
  }
  return {};
}

template <class Ended>
Status LocalRun::wait_for_nodes(const std::vector<std::string>& labels, Ended ended) {
  LP_TRY(check_labels(labels));
  return wait_until(
      [&](const auto& progress) { return progress.outcome || progress.failure || ended(progress); },
      [](const auto& progress, bool) -> Status {
        if (progress.failure) return *progress.failure;
        return progress.outcome ? *progress.outcome : Status();
      });
}

Status LocalRun::wait_for(const std::vector<std::string>& labels) {
  const std::set<std::string> wanted(labels.begin(), labels.end());
  return wait_for_nodes(labels, [&](const RunState::Progress& progress) {
    for (size_t task = 0; task < labels_.size(); ++task) {
      if (wanted.contains(labels_[task]) && !progress.ended[task]) return false;
    }
    return true;
  });
}

Status LocalRun::wait_for_first(const std::vector<std::string>& labels) {
  const std::set<std::string> wanted(labels.begin(), labels.end());
  return wait_for_nodes(labels, [&](const RunState::Progress& progress) {
    for (size_t task = 0; task < labels_.size(); ++task) {
      const bool counts = wanted.empty() || wanted.contains(labels_[task]);
      if (counts && progress.ended[task]) return true;
    }
    return false;
  });
}

Status LocalRun::failure() {
  return state_->progress.with([](const auto& progress) -> Status {
    return progress.failure ? Status(*progress.failure) : Status();
  });
}

void LocalRun::stop() { state_->inbox->post_stop(); }

void LocalRun::kill() { state_->inbox->post_kill(); }

bool LocalRun::done() const {
  return state_->progress.with([](const auto& progress) { return progress.outcome.has_value(); });
}

std::shared_ptr<run::StopSignal> LocalRun::stop_signal() { return state_->stop; }

}  // namespace lp::launching
