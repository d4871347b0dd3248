// Batcher for Python: parks calls, remote ones and local ones together, and gives each batch to one
// Python function. Owned by the wrapped function and by servers that offer it. Any thread.
#pragma once

#include <nanobind/nanobind.h>

#include "bindings/gil.h"
#include "launchpad/courier/batcher.h"

namespace lp::bindings {

namespace nb = nanobind;

class PyBatcher {
 public:
  // `function([(args, kwargs), ...])` returns a list with one result for each.
  PyBatcher(int size, int max_parallelism, double timeout_secs, const nb::object& function);
  ~PyBatcher();

  // Parks a call that came to a server.
  void add(courier::Call&& call);
  // Parks the calling thread's call; raises what the function raised.
  nb::object call(nb::tuple args, nb::dict kwargs);

  // For Python's garbage collector: the function mostly refers back to its batcher.
  PyObject* function() const { return function_->load(); }
  void clear();

 private:
  // Of one reference; null once the garbage collector took it.
  std::shared_ptr<std::atomic<PyObject*>> function_;
  std::unique_ptr<courier::Batcher> batcher_;
};

}  // namespace lp::bindings
