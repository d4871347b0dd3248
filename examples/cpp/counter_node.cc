// A node in C++ for programs drawn in Python: see examples/python/cpp_node.py, which adds it with
// lp.CppNode("build/dev/examples/counter_node", "Counter", 10, handle).
#include <launchpad/launchpad.h>

#include <map>
#include <string>

// What the Python node at the other end offers.
struct Namer {
  std::string name_of(int number);
  using courier_methods = lp::Methods<&Namer::name_of>;
};

class Counter {
 public:
  Counter(int start, lp::Client<Namer> namer) : count_(start), namer_(std::move(namer)) {}

  int add(int by) { return count_ += by; }

  // Calls back into Python.
  std::string named(int number) { return namer_.call<&Namer::name_of>(number); }

  // Numbers, strings, lists, dicts and arrays, there and back.
  std::map<std::string, double> mean_of(std::vector<std::string> names, lp::Tensor rows) {
    std::map<std::string, double> means;
    const auto values = rows.data<double>();
    const size_t columns = names.empty() ? 0 : values.size() / names.size();
    for (size_t row = 0; row < names.size(); ++row) {
      double sum = 0;
      for (size_t column = 0; column < columns; ++column) sum += values[row * columns + column];
      means[names[row]] = sum / static_cast<double>(columns);
    }
    return means;
  }

  lp::Tensor doubled(lp::Tensor tensor) {
    lp::Tensor result = tensor.clone();
    for (float& value : result.mutable_data<float>()) value *= 2;
    return result;
  }

  using courier_methods =
      lp::Methods<&Counter::add, &Counter::named, &Counter::mean_of, &Counter::doubled>;

 private:
  int count_;
  lp::Client<Namer> namer_;
};

LP_EXPORT_NODE(Counter, int, lp::Client<Namer>);

int main() { return lp::worker_main(); }
