// Peer: gRPC C++ (Debian's) over a Unix socket, with a generic callback service, so no generated
// code and no protobuf. Both ends hold an array contiguous in memory, as their users need it. The
// server is this program started again.
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <grpcpp/support/sync_stream.h>
#include <sys/wait.h>

#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <mutex>

#include "measure.h"

namespace {

using grpc::ByteBuffer;
using grpc::Slice;

constexpr const char* kName = "grpc-cpp";
constexpr const char* kEcho = "/bench/echo";
constexpr const char* kSend = "/bench/send";
constexpr const char* kStreams = "/bench/stream";

Slice contiguous(const ByteBuffer& buffer) {
  Slice slice;
  if (!buffer.TrySingleSlice(&slice).ok()) buffer.DumpToSingleSlice(&slice);
  return slice;
}

class EchoReactor : public grpc::ServerGenericBidiReactor {
 public:
  explicit EchoReactor(bool send) : send_(send) { StartRead(&request_); }

  void OnReadDone(bool ok) override {
    if (!ok) {
      Finish(grpc::Status(grpc::StatusCode::INTERNAL, "no request"));
      return;
    }
    const Slice whole = contiguous(request_);
    answer_ = ByteBuffer(&whole, 1);
    if (send_) {
      const Slice stamp(whole.begin(), sizeof(float));
      answer_ = ByteBuffer(&stamp, 1);
    }
    StartWriteAndFinish(&answer_, grpc::WriteOptions(), grpc::Status::OK);
  }
  void OnDone() override { delete this; }

 private:
  const bool send_;
  ByteBuffer request_, answer_;
};

// Gives the request back kStream times.
class StreamReactor : public grpc::ServerGenericBidiReactor {
 public:
  StreamReactor() { StartRead(&result_); }

  void OnReadDone(bool) override { StartWrite(&result_); }
  void OnWriteDone(bool ok) override {
    if (ok && --left_ > 0)
      StartWrite(&result_);
    else
      Finish(grpc::Status::OK);
  }
  void OnDone() override { delete this; }

 private:
  int left_ = bench::kStream;
  ByteBuffer result_;
};

class EchoService : public grpc::CallbackGenericService {
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    if (context->method() == kStreams) return new StreamReactor;
    return new EchoReactor(context->method() == kSend);
  }
};

// Serves until standard input is closed.
int serve(const std::string& address) {
  EchoService service;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address, grpc::InsecureServerCredentials());
  builder.SetMaxReceiveMessageSize(-1);
  builder.SetMaxSendMessageSize(-1);
  builder.RegisterCallbackGenericService(&service);
  const auto server = builder.BuildAndStart();
  if (!server) return 1;
  char ignored;
  while (read(0, &ignored, 1) > 0) {
  }
  _exit(0);
}

class Client {
 public:
  explicit Client(const std::string& address) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    arguments.SetMaxSendMessageSize(-1);
    channel_ = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
    stub_ = std::make_unique<grpc::GenericStub>(channel_);
  }

  bool wait() {
    return channel_->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(20));
  }

  // What a generated stub's blocking method does.
  ByteBuffer call(const char* method, const ByteBuffer& request) {
    grpc::ClientContext context;
    ByteBuffer answer;
    const grpc::internal::RpcMethod rpc(method, grpc::internal::RpcMethod::NORMAL_RPC);
    const grpc::Status status =
        grpc::internal::BlockingUnaryCall(channel_.get(), rpc, &context, request, &answer);
    if (!status.ok()) {
      std::fprintf(stderr, "%s\n", status.error_message().c_str());
      std::exit(1);
    }
    return answer;
  }

  // What a generated stub's blocking method does: how many results of the request's size arrived.
  int stream(const ByteBuffer& request) {
    grpc::ClientContext context;
    const grpc::internal::RpcMethod rpc(kStreams, grpc::internal::RpcMethod::SERVER_STREAMING);
    const std::unique_ptr<grpc::ClientReader<ByteBuffer>> reader(
        grpc::internal::ClientReaderFactory<ByteBuffer>::Create(channel_.get(), rpc, &context,
                                                                request));
    int whole = 0;
    for (ByteBuffer result; reader->Read(&result);) whole += result.Length() == request.Length();
    return reader->Finish().ok() ? whole : 0;
  }

  // `count` calls issued by the callback API; back when all were answered.
  void batch(const ByteBuffer& request, int count) {
    struct Pending {
      grpc::ClientContext context;
      ByteBuffer answer;
    };
    std::vector<Pending> pending(count);
    std::mutex mutex;
    std::condition_variable done;
    int left = count;
    for (Pending& call : pending) {
      stub_->UnaryCall(&call.context, kEcho, grpc::StubOptions(), &request, &call.answer,
                       [&](grpc::Status status) {
                         if (!status.ok()) std::abort();
                         const std::lock_guard lock(mutex);
                         if (--left == 0) done.notify_one();
                       });
    }
    std::unique_lock lock(mutex);
    done.wait(lock, [&] { return left == 0; });
  }

 private:
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<grpc::GenericStub> stub_;
};

ByteBuffer view(const std::vector<char>& data) {
  const Slice slice(data.data(), data.size(), Slice::STATIC_SLICE);
  return ByteBuffer(&slice, 1);
}

void measure_arrays(Client& client, const bench::Options& options, const char* work,
                    const char* method) {
  for (const bench::Size& size : options.sizes()) {
    std::vector<char> array(size.bytes);
    bench::measure_array(kName, options, work, size, [&](float stamp) {
      std::memcpy(array.data(), &stamp, sizeof(stamp));
      const Slice answer = contiguous(client.call(method, view(array)));
      std::memcpy(&stamp, answer.begin(), sizeof(stamp));
      return stamp;
    });
  }
}

void measure(Client& client, const bench::Options& options) {
  const std::vector<char> payload(bench::kPayload);
  const ByteBuffer request = view(payload);
  if (options.has("sync")) {
    bench::measure_sync(kName, options, "sync", [&] { client.call(kEcho, request); });
  }
  if (options.has("pipelined")) {
    bench::measure_pipelined(kName, options, [&] { client.batch(request, bench::kBatch); });
  }
  if (options.has("stream"))
    bench::measure_stream(kName, options, [&] { return client.stream(request); });
  if (options.has("echo")) measure_arrays(client, options, "echo", kEcho);
  if (options.has("send")) measure_arrays(client, options, "send", kSend);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--serve") == 0) return serve(argv[2]);
  const bench::Options options = bench::parse(argc, argv);
  const char* temporary = std::getenv("TMPDIR");
  std::string folder = std::string(temporary ? temporary : "/tmp") + "/grpc-XXXXXX";
  if (!mkdtemp(folder.data())) return 1;
  const std::string address = "unix:" + folder + "/s";
  int fds[2];
  if (pipe(fds) != 0) return 1;
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(fds[0], 0);
    close(fds[0]);
    close(fds[1]);
    bench::use_server_core(options);
    execl("/proc/self/exe", argv[0], "--serve", address.c_str(), nullptr);
    _exit(127);
  }
  close(fds[0]);
  Client client(address);
  const bool connected = client.wait();
  if (connected) measure(client, options);
  close(fds[1]);
  waitpid(pid, nullptr, 0);
  unlink((folder + "/s").c_str());
  rmdir(folder.c_str());
  std::fflush(nullptr);
  _exit(connected ? 0 : 1);  // gRPC's own end sometimes waits 10 s for its leftovers.
}
