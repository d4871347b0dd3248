#include "launchpad/graph/plan.h"

#include <cstdint>

namespace lp::graph {
namespace {

// FNV-1a (Fowler, Noll, Vo), 64 bits.
class Fnv {
 public:
  void add(std::string_view text) {
    for (const char c : text) mix(static_cast<uint8_t>(c));
    mix(0);
  }
  void add(int number) { add(std::to_string(number)); }
  std::string hex() const {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text(16, '0');
    for (size_t i = 0; i < 16; ++i) text[15 - i] = kDigits[(hash_ >> (4 * i)) & 15];
    return text;
  }

 private:
  void mix(uint8_t byte) { hash_ = (hash_ ^ byte) * 0x100000001b3; }
  uint64_t hash_ = 0xcbf29ce484222325;
};

}  // namespace

std::string Plan::fingerprint() const {
  Fnv hash;
  hash.add(program);
  for (const Task& task : tasks) {
    hash.add(task.name());
    hash.add(task.kind);
    hash.add(task.serves ? 1 : 0);
    for (const int input : task.inputs) hash.add(input);
  }
  return hash.hex();
}

std::vector<std::string> Plan::task_names() const {
  std::vector<std::string> names;
  for (const Task& task : tasks) names.push_back(task.name());
  return names;
}

std::vector<std::string> Plan::all_names() const {
  std::vector<std::string> names = task_names();
  for (const Inner& node : inner) names.push_back(node.name);
  return names;
}

}  // namespace lp::graph
