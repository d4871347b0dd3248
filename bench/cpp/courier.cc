// Ours: a courier server that stands alone in a process of its own, at a Unix socket. The server is
// this program started again; it ends with its standard input.
#include "launchpad/courier/server.h"

#include <sys/wait.h>

#include <cstdlib>

#include "calls.h"
#include "clients.h"
#include "driven_clients.h"
#include "launchpad/net/transport.h"

namespace {

constexpr const char* kName = "courier-cpp";

int serve(const char* address) {
  bench::Echo echo;
  lp::courier::Server server;
  lp::courier::serve(server.router(), echo);
  auto listener = lp::net::listen(lp::net::Address::parse(address).value_or_throw());
  server.start(std::move(listener).value_or_throw()).value_or_throw();
  char ignored;
  while (read(0, &ignored, 1) > 0) {
  }
  _exit(0);
}

// Before the first thread of this process: it forks.
void measure_growth(const bench::Options& options, const std::string& address, pid_t server) {
  const auto connect = [&address]() -> bench::ClientCall {
    const auto client = lp::Client<bench::Echo>::connect(address);
    return [client](const std::string& sent) { return client.call<&bench::Echo::echo>(sent); };
  };
  const auto connect_for_many = [&address]() -> bench::ClientCalls {
    const auto client = lp::Client<bench::Echo>::connect(address);
    return [client](const bench::Payloads& payloads) {
      std::vector<lp::Future<std::string>> futures;
      futures.reserve(payloads.size());
      for (const std::string& payload : payloads)
        futures.push_back(client.async<&bench::Echo::echo>(payload));
      bool right = true;
      for (size_t i = 0; i < futures.size(); ++i) right &= futures[i].get() == payloads[i];
      return right;
    };
  };
  const auto connect_split = [&address]() -> bench::SplitCall {
    const auto client = lp::Client<bench::Echo>::connect(address);
    const auto future = std::make_shared<std::optional<lp::Future<std::string>>>();
    return {[client, future](const std::string& sent) {
              future->emplace(client.async<&bench::Echo::echo>(sent));
            },
            [future] { return (*future)->get(); }};
  };
  if (!options.has("clients")) return;
  bench::measure_clients(kName, options, connect);
  bench::measure_pipelining_clients(kName, options, connect_for_many);
  bench::measure_driven_clients(kName, options, connect_split);
  bench::measure_connections(kName, server, connect_for_many);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--serve") == 0) return serve(argv[2]);
  const bench::Options options = bench::parse(argc, argv);
  const char* temporary = std::getenv("TMPDIR");
  std::string folder = std::string(temporary ? temporary : "/tmp") + "/lp-XXXXXX";
  if (!mkdtemp(folder.data())) return 1;
  const std::string address = "unix:" + folder + "/s";
  int fds[2];
  if (pipe(fds) != 0) return 1;
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(fds[0], 0);
    close(fds[0]);
    close(fds[1]);
    execl("/proc/self/exe", argv[0], "--serve", address.c_str(), nullptr);
    _exit(127);
  }
  close(fds[0]);
  int status = 0;
  try {
    measure_growth(options, address, pid);
    bench::measure_our_calls(kName, options, lp::Client<bench::Echo>::connect(address));
  } catch (const std::exception& error) {
    bench::emit_error(kName, "calls", error.what());
    status = 1;
  }
  close(fds[1]);
  waitpid(pid, nullptr, 0);
  unlink((folder + "/s").c_str());
  rmdir(folder.c_str());
  return status;
}
