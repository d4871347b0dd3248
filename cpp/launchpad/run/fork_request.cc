#include "launchpad/run/fork_request.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "launchpad/wire/reader.h"
#include "launchpad/wire/writer.h"

namespace lp::run {
namespace {

// The report and the guardian's pipe come first.
constexpr size_t kOwn = 2;

void write_numbers(wire::Writer& writer, const std::vector<int>& numbers) {
  writer.begin_list(numbers.size());
  for (const int number : numbers) writer.integer(number);
}

std::vector<int> read_numbers(wire::Reader& reader) {
  std::vector<int> numbers;
  const size_t count = reader.list();
  for (size_t i = 0; i < count && reader.ok(); ++i) {
    const int64_t number = reader.integer();
    if (number < 0 || number > 1'000'000) reader.fail("a bad number");
    numbers.push_back(static_cast<int>(number));
  }
  return numbers;
}

// One packet as the system's calls take it, with room for its descriptors. Where it is made it
// stays.
struct Message {
  explicit Message(std::string& packet) : part{packet.data(), packet.size()} {
    head.msg_iov = &part;
    head.msg_iovlen = 1;
    head.msg_control = control;
    head.msg_controllen = sizeof(control);
  }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * (kMaxForkDescriptors + kOwn))] = {};
  iovec part;
  msghdr head{};
};

std::vector<base::Fd> take_descriptors(msghdr& message) {
  std::vector<base::Fd> taken;
  for (cmsghdr* head = CMSG_FIRSTHDR(&message); head != nullptr;
       head = CMSG_NXTHDR(&message, head)) {
    if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
    for (size_t at = 0; at + sizeof(int) <= head->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(head) + at, sizeof(fd));
      taken.emplace_back(fd);
    }
  }
  return taken;
}

}  // namespace

std::string encode_fork_request(const ForkRequest& request) {
  wire::Payload payload;
  wire::Writer writer(payload);
  writer.begin_list(request.environment.size());
  for (const EnvironmentChange& change : request.environment) {
    // Bytes: a variable need not be valid text.
    writer.bytes(change.name);
    writer.boolean(change.value.has_value());
    writer.bytes(change.value.value_or(""));
  }
  writer.bytes(request.cwd);
  write_numbers(writer, request.cpus);
  write_numbers(writer, request.numbers);
  return std::string(payload.body);
}

Result<ForkRequest> decode_fork_request(std::string_view packet) {
  wire::Payload payload;
  payload.body = packet;
  wire::Reader reader(payload);
  ForkRequest request;
  const size_t count = reader.list();
  for (size_t i = 0; i < count && reader.ok(); ++i) {
    EnvironmentChange change;
    change.name = reader.bytes();
    const bool set = reader.boolean();
    const std::string value(reader.bytes());
    if (set) change.value = value;
    request.environment.push_back(std::move(change));
  }
  request.cwd = reader.bytes();
  request.cpus = read_numbers(reader);
  request.numbers = read_numbers(reader);
  if (reader.ok() && !reader.at_end()) reader.fail("more follows");
  if (!reader.ok())
    return Error(Code::kDataLoss, "a bad request for a fork: " + reader.error()->message);
  return request;
}

Status send_fork_request(int socket, const ForkRequest& request, const ForkDescriptors& theirs) {
  std::string packet = encode_fork_request(request);
  std::vector<int> fds = {theirs.report, theirs.guardian};
  fds.insert(fds.end(), theirs.given.begin(), theirs.given.end());
  if (packet.size() > kMaxForkRequest || fds.size() > kMaxForkDescriptors + kOwn)
    return Error(Code::kResourceExhausted, "the request for a fork is too large");
  Message message(packet);
  message.head.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
  cmsghdr* head = CMSG_FIRSTHDR(&message.head);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
  std::memcpy(CMSG_DATA(head), fds.data(), sizeof(int) * fds.size());
  while (::sendmsg(socket, &message.head, MSG_NOSIGNAL) < 0) {
    if (errno == EINTR) continue;
    return Error(Code::kUnavailable,
                 std::string("cannot ask the fork server: ") + std::strerror(errno));
  }
  return {};
}

Result<std::optional<ReceivedForkRequest>> receive_fork_request(int socket) {
  ssize_t size;
  do {
    size = ::recv(socket, nullptr, 0, MSG_PEEK | MSG_TRUNC);
  } while (size < 0 && errno == EINTR);
  if (size <= 0) return std::optional<ReceivedForkRequest>();
  std::string packet(static_cast<size_t>(size), '\0');
  Message message(packet);
  if (::recvmsg(socket, &message.head, MSG_CMSG_CLOEXEC) != size)
    return Error(Code::kDataLoss, "a request for a fork was cut off");
  std::vector<base::Fd> fds = take_descriptors(message.head);
  ReceivedForkRequest received;
  LP_TRY_ASSIGN(received.request, decode_fork_request(packet));
  if (fds.size() != received.request.numbers.size() + kOwn)
    return Error(Code::kDataLoss, "a request for a fork came without its descriptors");
  received.report = std::move(fds[0]);
  received.guardian = std::move(fds[1]);
  received.given.assign(std::make_move_iterator(fds.begin() + kOwn),
                        std::make_move_iterator(fds.end()));
  return std::optional<ReceivedForkRequest>(std::move(received));
}

}  // namespace lp::run
