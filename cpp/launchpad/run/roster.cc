#include "launchpad/run/roster.h"

#include <charconv>

#include "launchpad/wire/codec.h"

namespace lp::run {
namespace {

constexpr int kVersion = 2;

// Takes the number before `end`.
bool take_number(std::string_view& rest, int& number, char end = ':') {
  const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr == rest.data() + rest.size() || *parsed.ptr != end)
    return false;
  rest.remove_prefix(static_cast<size_t>(parsed.ptr - rest.data()) + 1);
  return true;
}

// "4,7=9:" or "4:".
bool take_listening(std::string_view& rest, Assignment& assignment) {
  if (take_number(rest, assignment.listening)) return true;
  if (!take_number(rest, assignment.listening, ',')) return false;
  while (true) {
    int number = 0;
    int fd = 0;
    if (!take_number(rest, number, '=')) return false;
    const bool last = take_number(rest, fd);
    if (!last && !take_number(rest, fd, ',')) return false;
    if (number < 0 || fd < 3) return false;
    assignment.inner.emplace(number, fd);
    if (last) return true;
  }
}

}  // namespace

std::string Roster::encode() const {
  wire::Payload payload;
  wire::Writer writer(payload);
  wire::write(writer, program);
  wire::write(writer, fingerprint);
  wire::write(writer, labels);
  wire::write(writer, indices);
  wire::write(writer, inner);
  return std::string(payload.body);
}

Result<Roster> Roster::decode(std::string_view content) {
  wire::Payload payload;
  payload.body = content;
  wire::Reader reader(payload);
  Roster roster;
  roster.program = wire::read<std::string>(reader);
  roster.fingerprint = wire::read<std::string>(reader);
  roster.labels = wire::read<std::vector<std::string>>(reader);
  roster.indices = wire::read<std::vector<int>>(reader);
  roster.inner = wire::read<std::vector<std::string>>(reader);
  if (reader.ok() && roster.labels.size() != roster.indices.size())
    reader.fail("labels and indices differ");
  if (!reader.ok()) return Error(Code::kDataLoss, "a bad roster: " + reader.error()->message);
  return roster;
}

std::vector<std::string> Roster::names() const {
  std::vector<std::string> names;
  for (size_t i = 0; i < labels.size(); ++i)
    names.push_back(labels[i] + "/" + std::to_string(indices[i]));
  names.insert(names.end(), inner.begin(), inner.end());
  return names;
}

std::string Assignment::encode() const {
  std::string listens = std::to_string(listening);
  for (const auto& [number, fd] : inner)
    listens += "," + std::to_string(number) + "=" + std::to_string(fd);
  return std::to_string(kVersion) + ":" + std::to_string(control) + ":" + listens + ":" +
         std::to_string(token) + ":" + std::to_string(task) + ":" + run_dir;
}

Result<Assignment> Assignment::decode(std::string_view value) {
  const auto bad = [&](const std::string& why) {
    return Error(Code::kInvalidArgument, "LAUNCHPAD_WORKER is '" + std::string(value) + "', " +
                                             why + "; launchers set it, nobody else should");
  };
  std::string_view rest = value;
  int version = 0;
  int task = -1;
  Assignment assignment;
  if (!take_number(rest, version)) return bad("which no launcher wrote");
  if (version != kVersion) {
    return bad("which a launcher of another version wrote (" + std::to_string(version) +
               ", this is " + std::to_string(kVersion) + ")");
  }
  if (!take_number(rest, assignment.control) || !take_listening(rest, assignment) ||
      !take_number(rest, assignment.token) || !take_number(rest, task) || rest.empty() ||
      rest.front() != '/') {
    return bad("which no launcher wrote");
  }
  if (assignment.control < 3 || (assignment.listening != -1 && assignment.listening < 3) ||
      assignment.token < 3 || task < 0) {
    return bad("whose numbers make no sense");
  }
  assignment.task = static_cast<size_t>(task);
  assignment.run_dir = rest;
  return assignment;
}

}  // namespace lp::run
