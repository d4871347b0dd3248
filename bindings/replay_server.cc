// A server of replay tables, with its checkpoints, for reverb.server.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <mutex>

#include "bindings/home_process.h"
#include "bindings/hooks.h"
#include "bindings/module.h"
#include "bindings/replay_table.h"
#include "bindings/replay_values.h"
#include "bindings/token.h"
#include "bindings/waiting.h"
#include "launchpad/base/guarded.h"
#include "launchpad/courier/server.h"
#include "launchpad/replay/checkpoint.h"
#include "launchpad/replay/store.h"
#include "launchpad/run/context.h"

namespace lp::bindings {
namespace {

// Handlers never wait, so few threads serve many clients.
constexpr int kThreads = 4;

using CheckpointTuple = std::tuple<std::string, std::string, int>;

// A port that is this process's, before it is known what is served there.
struct PyListener {
  explicit PyListener(const std::string& address)
      : listener(unwrap("local", net::listen(unwrap("local", net::Address::parse(address))))) {}

  std::unique_ptr<net::Listener> listener;  // Null: closed, or a server's.
};

class PyReplayServer {
 public:
  PyReplayServer(const std::vector<PyTable>& tables,
                 const std::optional<CheckpointTuple>& checkpoints)
      : context_(run::current_context()) {
    replay::StoreOptions options;
    if (checkpoints) {
      const auto& [folder, fallback, keep] = *checkpoints;
      checkpointer_ =
          std::make_unique<replay::Checkpointer>(replay::CheckpointOptions{folder, fallback, keep});
      options.checkpoint = [this] { return save(); };
    }
    std::vector<std::shared_ptr<replay::Table>> shares;
    for (const PyTable& each : tables) shares.push_back(each.table);
    store_ = take(replay::Store::make(std::move(shares), std::move(options)));
    if (checkpointer_ == nullptr) return;
    auto loaded = [&] {
      const GilReleased released;
      return checkpointer_->load(*store_);
    }();
    if (!loaded.ok()) store_->let_go();
    take(std::move(loaded));
  }
  ~PyReplayServer() {
    const GilReleased released;
    end();
    if (!home_.left()) return;
    leak(servers_);
    leak(store_);
    leak(checkpointer_);
  }

  // Serves there as well; returns the real address.
  // `of_run`: only this program's nodes call there.
  std::string listen(const std::string& address, bool of_run) {
    return serve(std::move(PyListener(address).listener), of_run ? run_token() : net::Token());
  }
  std::string serve_at(PyListener& place) {
    if (place.listener == nullptr) throw nb::value_error("the listener was closed");
    return serve(std::move(place.listener));
  }
  // At the current node's address; `number`: as that inner node.
  std::string listen_as_node(std::optional<int> number) {
    if (context_ == nullptr) throw nb::value_error("no program runs here");
    return serve(unwrap("local", number ? context_->listen_inner(*number) : context_->listen()));
  }

  void stop() {
    const GilReleased released;
    end();
  }
  bool wait(std::optional<double> timeout) {
    return wait_heeding_signals(to_deadline(timeout), [this](const base::Deadline& tick) {
      return stopped_.wait(
          tick.at(), [](bool stopped) { return stopped; }, [](bool, bool ready) { return ready; });
    });
  }
  std::string checkpoint() {
    auto saved = [&] {
      const GilReleased released;
      return save();
    }();
    return take_checkpoint(std::move(saved));
  }

 private:
  std::string serve(std::unique_ptr<net::Listener> listener, net::Token token = {}) {
    courier::ServerOptions options;
    options.token = std::move(token);
    options.name = "replay";
    options.threads = kThreads;
    auto server = std::make_unique<courier::Server>(std::move(options));
    store_->bind(server->router());
    take(server->start(std::move(listener)));
    servers_.push_back(std::move(server));
    return servers_.back()->address().str();
  }
  Result<std::string> save() {
    if (checkpointer_ == nullptr)
      return Error(Code::kInvalidArgument, "no Checkpointer configured for the replay service.");
    const std::lock_guard one_at_a_time(saving_);
    return checkpointer_->save(*store_);
  }
  // Without the GIL.
  void end() {
    if (home_.left()) return;
    // Before anybody could call, the tables are free for another.
    if (servers_.empty())
      store_->let_go();
    else
      store_->stop();
    // The first address last: who finds it free finds the others free.
    for (auto server = servers_.rbegin(); server != servers_.rend(); ++server)
      (*server)->stop(base::Deadline::after(kGrace));
    stopped_.with_notify([](bool& stopped) { stopped = true; });
  }

  static constexpr base::Nanos kGrace{1'000'000'000};

  const HomeProcess home_;
  std::shared_ptr<const run::Context> context_;
  std::unique_ptr<replay::Checkpointer> checkpointer_;
  std::mutex saving_;
  std::unique_ptr<replay::Store> store_;
  std::vector<std::unique_ptr<courier::Server>> servers_;
  base::Guarded<bool> stopped_{false};
};

}  // namespace

void bind_replay_server(nb::module_& m) {
  nb::class_<PyListener>(m, "ReplayListener", "A place to listen at, for a server to come.")
      .def(nb::init<const std::string&>(), nb::arg("address"))
      .def("close", [](PyListener& self) { self.listener.reset(); });
  nb::class_<PyReplayServer>(m, "ReplayServer", "Serves tables at one address or several.",
                             nb::is_weak_referenceable())
      .def(nb::init<const std::vector<PyTable>&, const std::optional<CheckpointTuple>&>(),
           nb::arg("tables"), nb::arg("checkpoints").none(),
           "`checkpoints`: (folder, fallback folder or \"\", how many to keep); the newest is "
           "loaded.")
      .def("listen", &PyReplayServer::listen, nb::arg("address"), nb::arg("of_run") = false,
           "Serves there, too; returns the real address.")
      .def("serve_at", &PyReplayServer::serve_at, nb::arg("listener"),
           "As `listen`; the listener is its from now on.")
      .def("listen_as_node", &PyReplayServer::listen_as_node, nb::arg("number").none())
      .def("stop", &PyReplayServer::stop, "Wakes everybody who waits for a table.")
      .def("wait", &PyReplayServer::wait, nb::arg("timeout") = nb::none(),
           "Until it is stopped; false: not within so many seconds.")
      .def("checkpoint", &PyReplayServer::checkpoint, "The path of what it wrote.");
}

}  // namespace lp::bindings
