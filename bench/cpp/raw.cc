// The machine's limit for C++: sockets, a futex and memcpy between two processes, and bare child
// processes. Nothing is framed, serialised or dispatched: what a library does on top of this is its
// own cost.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <atomic>
#include <cstdlib>
#include <functional>

#include "clients.h"
#include "driven_clients.h"
#include "futex_clients.h"
#include "measure.h"

extern char** environ;

namespace {

using bench::emit;
using bench::Options;

constexpr const char* kName = "raw-cpp";

void check(bool ok, const char* what) {
  if (ok) return;
  std::perror(what);
  std::exit(1);
}

bool read_exactly(int fd, char* data, size_t size) {
  while (size > 0) {
    const ssize_t count = read(fd, data, size);
    if (count <= 0) return false;
    data += count;
    size -= count;
  }
  return true;
}

bool write_exactly(int fd, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t count = write(fd, data, size);
    if (count <= 0) return false;
    data += count;
    size -= count;
  }
  return true;
}

void unix_pair(int fds[2]) {
  check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0, "socketpair");
}

void tcp_pair(int fds[2]) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  check(bind(listener, generic, size) == 0, "bind");
  check(listen(listener, 1) == 0, "listen");
  getsockname(listener, generic, &size);
  fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  check(connect(fds[0], generic, size) == 0, "connect");
  fds[1] = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  check(fds[1] >= 0, "accept");
  close(listener);
  const int one = 1;
  for (int i = 0; i < 2; ++i) setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

// A forked child that serves one end of a socket pair until the other end is closed.
class Peer {
 public:
  Peer(const Options& options, void (*pair)(int[2]), const std::function<void(int)>& serve) {
    int fds[2];
    pair(fds);
    pid_ = fork();
    check(pid_ >= 0, "fork");
    if (pid_ == 0) {
      close(fds[0]);
      bench::use_server_core(options);
      serve(fds[1]);
      _exit(0);
    }
    close(fds[1]);
    fd_ = fds[0];
  }
  ~Peer() {
    close(fd_);
    waitpid(pid_, nullptr, 0);
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_ = -1;
  pid_t pid_ = -1;
};

void serve_stream(int fd) {
  std::vector<char> buffer(bench::kMiB);
  while (true) {
    const ssize_t count = read(fd, buffer.data(), buffer.size());
    if (count <= 0 || !write_exactly(fd, buffer.data(), count)) return;
  }
}

void measure_socket_sync(const Options& options, const char* work, void (*pair)(int[2])) {
  Peer peer(options, pair, serve_stream);
  char payload[bench::kPayload] = {1};
  bench::measure_sync(kName, options, work, [&] {
    check(write_exactly(peer.fd(), payload, sizeof(payload)), "write");
    check(read_exactly(peer.fd(), payload, sizeof(payload)), "read");
  });
}

void measure_batches(const Options& options) {
  Peer peer(options, unix_pair, serve_stream);
  std::vector<char> batch(bench::kPayload * bench::kBatch);
  bench::measure_pipelined(kName, options, [&] {
    check(write_exactly(peer.fd(), batch.data(), batch.size()), "write");
    check(read_exactly(peer.fd(), batch.data(), batch.size()), "read");
  });
}

void measure_futex(const Options& options) {
  using bench::futex;
  struct Page {
    alignas(64) std::atomic<uint32_t> ping{0};
    alignas(64) std::atomic<uint32_t> pong{0};
    alignas(64) char payload[bench::kPayload];
  };
  const bench::Shared<Page> shared;
  constexpr uint32_t kEnd = 0xffffffff;
  const pid_t pid = fork();
  check(pid >= 0, "fork");
  if (pid == 0) {
    bench::use_server_core(options);
    for (uint32_t turn = 1;; ++turn) {
      uint32_t seen;
      while ((seen = shared->ping.load()) != turn && seen != kEnd) {
        futex(&shared->ping, FUTEX_WAIT, seen);
      }
      if (seen == kEnd) _exit(0);
      shared->pong.store(turn);
      futex(&shared->pong, FUTEX_WAKE, 1);
    }
  }
  uint32_t turn = 0;
  char payload[bench::kPayload] = {};
  bench::measure_sync(kName, options, "sync_futex", [&] {
    std::memcpy(shared->payload, payload, sizeof(payload));
    shared->ping.store(++turn);
    futex(&shared->ping, FUTEX_WAKE, 1);
    bench::await_futex(&shared->pong, turn);
    std::memcpy(payload, shared->payload, sizeof(payload));
  });
  shared->ping.store(kEnd);
  futex(&shared->ping, FUTEX_WAKE, 1);
  waitpid(pid, nullptr, 0);
}

void measure_memcpy(const Options& options) {
  for (const bench::Size& size : bench::kSizes) {
    if (size.bytes < 16 * bench::kMiB) continue;
    std::vector<char> source(size.bytes, 1), target(size.bytes);
    const auto times = bench::times_of(
        [&] {
          std::memcpy(target.data(), source.data(), size.bytes);
          asm volatile("" : : "r"(target.data()) : "memory");
        },
        options.seconds / 2, 1, 3);
    emit(kName, "memcpy", size.label, size.bytes / bench::quantile(times, 0.5) / 1e9, "GB/s");
  }
}

// The server holds a whole array before it answers, as a call does.
void measure_arrays(const Options& options, const std::string& work, void (*pair)(int[2])) {
  for (const bench::Size& size : options.sizes()) {
    const size_t answer = work.starts_with("echo") ? size.bytes : sizeof(float);
    Peer peer(options, pair, [&](int fd) {
      std::vector<char> array(size.bytes);
      while (read_exactly(fd, array.data(), array.size())) {
        if (!write_exactly(fd, array.data(), answer)) return;
      }
    });
    std::vector<char> array(size.bytes), back(answer);
    bench::measure_array(kName, options, work, size, [&](float stamp) {
      std::memcpy(array.data(), &stamp, sizeof(stamp));
      check(write_exactly(peer.fd(), array.data(), array.size()), "write");
      check(read_exactly(peer.fd(), back.data(), back.size()), "read");
      std::memcpy(&stamp, back.data(), sizeof(stamp));
      return stamp;
    });
  }
}

// This program started again, once per node, each answering one byte: the least that a launcher of
// C++ nodes does.
void measure_launch(const Options& options) {
  for (const int nodes : options.nodes()) {
    const double start = bench::now();
    std::vector<int> answers;
    std::vector<pid_t> pids;
    for (int i = 0; i < nodes; ++i) {
      int fds[2];
      unix_pair(fds);
      posix_spawn_file_actions_t actions;
      posix_spawn_file_actions_init(&actions);
      posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
      char name[] = "/proc/self/exe", flag[] = "--answer";
      char* argv[] = {name, flag, nullptr};
      pid_t pid;
      check(posix_spawn(&pid, name, &actions, nullptr, argv, environ) == 0, "posix_spawn");
      posix_spawn_file_actions_destroy(&actions);
      close(fds[1]);
      answers.push_back(fds[0]);
      pids.push_back(pid);
    }
    for (const int fd : answers) {
      char answer;
      check(read_exactly(fd, &answer, 1), "read");
      close(fd);
    }
    emit(kName, "launch", bench::nodes_text(nodes), bench::now() - start, "s");
    for (const pid_t pid : pids) waitpid(pid, nullptr, 0);
  }
}

// One thread that waits for all connections, and answers whoever has sent something.
void serve_all(int listener) {
  const int all = epoll_create1(EPOLL_CLOEXEC);
  const auto watch = [all](int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    check(epoll_ctl(all, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
  };
  watch(listener);
  std::vector<epoll_event> events(64);
  std::vector<char> bytes(64 * 1024);
  while (true) {
    const int count = epoll_wait(all, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      if (fd == listener) {
        watch(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
        continue;
      }
      const ssize_t size = read(fd, bytes.data(), bytes.size());
      if (size <= 0 || !write_exactly(fd, bytes.data(), size)) close(fd);
    }
  }
}

// A server in a process of its own, at an address that the kernel chooses.
void measure_growth(const Options& options) {
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof(address);
  check(bind(listener, generic, sizeof(address.sun_family)) == 0, "bind");
  check(listen(listener, bench::kMostClients) == 0, "listen");
  getsockname(listener, generic, &size);
  const pid_t server = bench::fork_client([listener] { serve_all(listener); });
  check(server >= 0, "fork");
  const auto connect_socket = [&] {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(::connect(fd, generic, size) == 0, "connect");
    return fd;
  };
  const auto connect = [&]() -> bench::ClientCall {
    return [fd = connect_socket()](const std::string& sent) {
      std::string answer(sent.size(), 0);
      check(write_exactly(fd, sent.data(), sent.size()), "write");
      check(read_exactly(fd, answer.data(), answer.size()), "read");
      return answer;
    };
  };
  const auto connect_split = [&]() -> bench::SplitCall {
    const int fd = connect_socket();
    return {[fd](const std::string& sent) {
              check(write_exactly(fd, sent.data(), sent.size()), "write");
            },
            [fd] {
              std::string answer(bench::kPayload, 0);
              check(read_exactly(fd, answer.data(), answer.size()), "read");
              return answer;
            }};
  };
  // All payloads in one message, which a server of calls has not: what the bytes alone cost.
  const auto connect_for_many = [&]() -> bench::ClientCalls {
    return [call = connect()](const bench::Payloads& payloads) {
      std::string sent;
      for (const std::string& payload : payloads) sent += payload;
      return call(sent) == sent;
    };
  };
  try {
    bench::measure_clients(kName, options, connect);
    bench::measure_pipelining_clients(kName, options, connect_for_many);
    bench::measure_driven_clients(kName, options, connect_split);
    bench::measure_futex_clients(kName, options);
    bench::measure_connections(kName, server, connect_for_many);
  } catch (const std::exception& error) {
    bench::emit_error(kName, "clients", error.what());
  }
  close(listener);
  kill(server, SIGKILL);
  waitpid(server, nullptr, 0);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "--answer") == 0) return write(1, "!", 1) == 1 ? 0 : 1;
  const Options options = bench::parse(argc, argv);
  if (options.has("clients")) measure_growth(options);
  if (options.has("sync")) {
    measure_socket_sync(options, "sync", unix_pair);
    measure_socket_sync(options, "sync_tcp", tcp_pair);
    measure_futex(options);
    if (options.cores.empty()) measure_memcpy(options);
  }
  if (options.has("pipelined")) measure_batches(options);
  if (options.has("echo")) {
    measure_arrays(options, "echo", unix_pair);
    measure_arrays(options, "echo_tcp", tcp_pair);
  }
  if (options.has("send")) {
    measure_arrays(options, "send", unix_pair);
    measure_arrays(options, "send_tcp", tcp_pair);
  }
  if (options.has("launch")) measure_launch(options);
  return 0;
}
