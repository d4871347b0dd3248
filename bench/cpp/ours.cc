// Ours: calls inside a launched program, where the launcher gives the addresses, and the launch of
// programs of 4 and 32 nodes. Each program is launched by a process of its own: this binary with
// --program, which its worker processes are started as again.
#include <spawn.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <iostream>

#include "calls.h"
#include "launchpad/launchpad.h"

extern char** environ;

namespace {

constexpr const char* kName = "ours-cpp";
using bench::Echo;
using Clients = std::vector<lp::Client<Echo>>;

void write_now(const std::string& path) {
  std::ofstream file(path);
  file.precision(17);
  file << bench::now();
}

double read_time(const std::string& path) {
  std::ifstream file(path);
  double time = 0;
  if (!(file >> time)) throw std::runtime_error("the program ended without an answer");
  return time;
}

// One server and a driver that measures it, with its lines going to `path`.
lp::Program calls_program(const bench::Options& options, const std::string& path) {
  lp::Program program("bench");
  auto server = program.add_node(lp::CourierNode<Echo>(), "server");
  const auto drive = [options, path](lp::Client<Echo> client, lp::ProgramStopper stop) {
    if (!std::freopen(path.c_str(), "w", stdout)) throw std::runtime_error("cannot write " + path);
    bench::measure_our_calls(kName, options, client);
    stop();
  };
  program.add_node(lp::FunctionNode(drive, server, lp::make_program_stopper()), "driver");
  return program;
}

// `count` servers and a driver that writes when the last of them had answered.
lp::Program launch_program(int count, const std::string& path) {
  lp::Program program("bench");
  std::vector<lp::Handle<Echo>> servers;
  {
    auto group = program.group("server");
    for (int i = 0; i < count; ++i) servers.push_back(program.add_node(lp::CourierNode<Echo>()));
  }
  const auto drive = [path](const Clients& clients, lp::ProgramStopper stop) {
    std::vector<lp::Future<std::string>> futures;
    for (const auto& client : clients) {
      futures.push_back(client.async<&Echo::echo>(std::string(bench::kPayload, 'x')));
    }
    for (auto& future : futures) future.get();
    write_now(path);
    stop();
  };
  program.add_node(lp::FunctionNode(drive, servers, lp::make_program_stopper()), "driver");
  return program;
}

// ours --program COUNT PATH ...: COUNT 0 is the program of the calls, others that of the launch.
int run_program(int argc, char** argv) {
  const bench::Options options = bench::parse(argc, argv);
  const int count = std::stoi(argv[2]);
  const std::string path = argv[3];
  if (!std::getenv("LAUNCHPAD_WORKER")) write_now(path + ".start");
  return lp::main(argc, argv, [&] {
    return count == 0 ? calls_program(options, path) : launch_program(count, path);
  });
}

// Launches a program in a process of its own, its nodes' output going to standard error.
void launch(int argc, char** argv, int count, const std::string& path) {
  std::vector<std::string> words = {"/proc/self/exe", "--program", std::to_string(count), path,
                                    "--lp_launch_type=local_mp"};
  words.insert(words.end(), argv + 1, argv + argc);
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, 2, 1);
  pid_t pid;
  int status = 0;
  const int error =
      posix_spawn(&pid, words[0].c_str(), &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0 || waitpid(pid, &status, 0) < 0 || status != 0) {
    throw std::runtime_error("the launcher failed, wait status " + std::to_string(status));
  }
}

void measure(int argc, char** argv, const bench::Options& options, const std::string& path) {
  try {
    launch(argc, argv, 0, path);
    std::cout << std::ifstream(path).rdbuf() << std::flush;
  } catch (const std::exception& error) {
    bench::emit_error(kName, "calls", error.what());
  }
  if (!options.has("launch")) return;
  for (const int nodes : options.nodes()) {
    try {
      std::remove(path.c_str());
      launch(argc, argv, nodes, path);
      const double seconds = read_time(path) - read_time(path + ".start");
      bench::emit(kName, "launch", bench::nodes_text(nodes), seconds, "s");
    } catch (const std::exception& error) {
      bench::emit_error(kName, "launch", error.what());
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 3 && std::strcmp(argv[1], "--program") == 0) return run_program(argc, argv);
  const bench::Options options = bench::parse(argc, argv);
  const char* temporary = std::getenv("TMPDIR");
  std::string folder = std::string(temporary ? temporary : "/tmp") + "/ours-XXXXXX";
  if (!mkdtemp(folder.data())) return 1;
  const std::string path = folder + "/lines";
  measure(argc, argv, options, path);
  std::remove(path.c_str());
  std::remove((path + ".start").c_str());
  rmdir(folder.c_str());
  return 0;
}
