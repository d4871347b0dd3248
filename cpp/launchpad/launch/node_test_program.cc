// A node for the launchers' tests: does what its arguments say, e.g. `node_test_program exit 3`; as
// `node_test_program env` what the variable LP_TEST_NODE says. It may be a fork server too.
#include <dirent.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "launchpad/run/fork_point.h"
#include "launchpad/run/worker.h"

namespace {

using Arguments = std::vector<std::string>;
using lp::run::Context;

[[noreturn]] void sleep_for_ever() {
  for (;;) ::pause();
}

// Open descriptors but the one that lists them, e.g. "0 1 2 3".
void print_fds() {
  std::vector<int> numbers;
  DIR* folder = ::opendir("/proc/self/fd");
  while (const dirent* entry = ::readdir(folder)) {
    if (entry->d_name[0] != '.' && std::atoi(entry->d_name) != ::dirfd(folder)) {
      numbers.push_back(std::atoi(entry->d_name));
    }
  }
  ::closedir(folder);
  std::sort(numbers.begin(), numbers.end());
  std::string line = "fds";
  for (const int number : numbers) line += " " + std::to_string(number);
  std::cout << line << std::endl;
}

// A process of the same group; with a session of its own it is none.
pid_t start_grandchild(bool own_session) {
  int ready[2];
  if (::pipe(ready) != 0) std::abort();
  const pid_t pid = ::fork();
  if (pid != 0) {
    char byte;
    ::close(ready[1]);
    if (::read(ready[0], &byte, 1) != 1) std::abort();
    return pid;
  }
  if (own_session) ::setsid();
  if (::write(ready[1], "x", 1) != 1) std::abort();
  sleep_for_ever();
}

// Waits until the server of task 0 is gone.
void watch_peer(const Context& context) {
  auto socket = lp::net::connect(lp::net::Address::parse(context.address_of(0)).value());
  if (!socket.ok()) lp::throw_error(socket.error());
  std::byte byte;
  while (socket->read({&byte, 1}, true).io == lp::net::Io::kInterrupted) {
  }
  lp::throw_error(lp::Error(lp::Code::kUnavailable, context.name_of(0) + " is gone"));
}

// Dies once somebody is connected.
void accept_and_crash(const Context& context) {
  auto listener = context.listen();
  if (!listener.ok()) lp::throw_error(listener.error());
  for (;;) {
    pollfd waiting{(*listener)->fd(), POLLIN, 0};
    ::poll(&waiting, 1, -1);
    auto socket = (*listener)->accept();
    if (!socket.ok()) lp::throw_error(socket.error());
    if (socket->has_value()) std::raise(SIGKILL);
  }
}

// As if nobody handled the signal: sanitizers do.
void die_by(int signal) {
  ::signal(signal, SIG_DFL);
  std::raise(signal);
}

// A mac that only who has the run's token can make; then all that others of this user can read of
// this process without a debugger.
void write_token_and_surroundings(const Context& context, const std::string& path) {
  std::ofstream file(path, std::ios::binary);
  const auto mac = context.token.mac(std::as_bytes(std::span("proof", 5)));
  file.write(reinterpret_cast<const char*>(mac.data()), static_cast<std::streamsize>(mac.size()));
  for (const char* name : {"/proc/self/cmdline", "/proc/self/environ"})
    file << std::ifstream(name, std::ios::binary).rdbuf();
}

bool is_fork = false;

// Returns in each fork, and where the process is no fork server.
void serve_forks() {
  if (!lp::run::is_fork_server_process()) return;
  if (std::getenv("LP_TEST_HANG") != nullptr) sleep_for_ever();
  if (std::getenv("LP_TEST_THREADS") != nullptr) std::thread(sleep_for_ever).detach();
  const auto nothing = [] {};
  const auto changes = lp::run::serve_forks({nothing, nothing, nothing});
  if (!changes.ok() || !changes.value()) ::_exit(0);
  is_fork = true;
}

Arguments parse(const std::string& text) {
  std::istringstream words(text);
  return {std::istream_iterator<std::string>(words), {}};
}

void act(const Context& context, const Arguments& arguments) {
  const std::string& what = arguments.at(0);
  const auto argument = [&](size_t i) { return arguments.at(i); };
  if (what == "return") return;
  if (what == "exit") std::exit(std::stoi(argument(1)));
  if (what == "signal") die_by(std::stoi(argument(1)));
  if (what == "throw") throw std::runtime_error(argument(1));
  if (what == "unavailable") lp::throw_error(lp::Error(lp::Code::kUnavailable, "a peer is gone"));
  if (what == "stop") context.request_stop();
  if (what == "stop" || what == "wait") {
    context.stop->wait();
  } else if (what == "wait_and_throw") {
    context.stop->wait();
    throw std::runtime_error(argument(1));
  } else if (what == "wait_unavailable") {
    context.stop->wait();
    lp::throw_error(lp::Error(lp::Code::kUnavailable, "a peer is gone"));
  } else if (what == "ignore") {
    std::cout << "pid " << ::getpid() << std::endl;
    sleep_for_ever();
  } else if (what == "stop_and_ignore") {
    context.request_stop();
    sleep_for_ever();
  } else if (what == "print") {
    for (size_t i = 1; i < arguments.size(); ++i) std::cout << argument(i) << "\n";
  } else if (what == "print_unended") {
    std::cerr << "no end";
  } else if (what == "print_long") {
    std::cout << std::string(static_cast<size_t>(std::stoi(argument(1))), 'x') << "\n";
  } else if (what == "fds") {
    print_fds();
  } else if (what == "grandchild") {
    std::cout << "pid " << start_grandchild(false) << std::endl;
    std::cout << "pid " << ::getpid() << std::endl;
    if (argument(1) == "ignore") sleep_for_ever();
  } else if (what == "daemon") {
    std::cout << "pid " << start_grandchild(true) << std::endl;
  } else if (what == "watch_peer") {
    watch_peer(context);
  } else if (what == "crash_when_called") {
    accept_and_crash(context);
  } else if (what == "environment") {
    const char* value = std::getenv(argument(1).c_str());
    std::cout << (value == nullptr ? "unset" : value) << std::endl;
  } else if (what == "token") {
    write_token_and_surroundings(context, argument(1));
  } else if (what == "fork") {
    std::cout << (is_fork ? "fork" : "afresh") << std::endl;
  } else if (what == "group") {
    std::cout << (::getpgrp() == ::getpid() && ::getppid() == std::stoi(argument(1)) ? "own" : "no")
              << std::endl;
  } else if (what == "where") {
    std::cout << context.name() << " of " << context.program << " in "
              << std::filesystem::current_path().string() << std::endl;
  }
}

}  // namespace

int main(int argc, char** argv) {
  serve_forks();
  Arguments arguments(argv + 1, argv + argc);
  if (arguments.at(0) == "env") arguments = parse(std::getenv("LP_TEST_NODE"));
  auto worker = lp::run::Worker::from_environment();
  if (!worker.ok()) {
    std::cerr << worker.error().message << std::endl;
    return 2;
  }
  if (arguments.at(0) == "payload") {
    std::cout << (*worker)->payload().value() << std::endl;
    return 0;
  }
  return lp::run::run_worker(
      **worker, [&](const auto& context) { act(*context, arguments); }, nullptr);
}
