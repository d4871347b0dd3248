#include "bindings/graph_node.h"

#include "bindings/hooks.h"
#include "bindings/steal.h"

namespace lp::bindings {
namespace {

SharedRef shared_or_null(const nb::object& function) {
  return function.is_none() ? nullptr : share(function.ptr());
}

}  // namespace

void PyNode::run(NodeContext&) {
  const PythonEntry python;
  if (!python.ok() || entry_ == nullptr)
    throw_error(Error(Code::kInternal, "the node has nothing to run"));
  const nb::object result = steal_or_raise(call_python(entry_.get()));
}

Result<std::string> PyNode::payload(const run::Context& context) const {
  if (payload_ == nullptr) return std::string();
  const run::ScopedContext scope(std::make_shared<const run::Context>(context));
  const PythonEntry python;
  if (!python.ok()) return Error(Code::kCancelled, "the interpreter is ending");
  try {
    const nb::object result = steal_or_raise(call_python(payload_.get()));
    const nb::bytes data = nb::cast<nb::bytes>(result);
    return std::string(data.c_str(), data.size());
  } catch (nb::python_error& error) {
    return describe(error.value());
  } catch (const std::exception& error) {
    return Error(Code::kInvalidArgument,
                 std::string("the node's payload is no bytes: ") + error.what());
  }
}

void PyNode::set_inputs(const std::vector<std::shared_ptr<PyNode>>& nodes) {
  forget_inputs();
  for (const auto& node : nodes) track_slot(node->slot());
}

void PyNode::set_inner(const std::vector<std::shared_ptr<PyNode>>& nodes) {
  inner_.clear();
  for (const auto& node : nodes) inner_.push_back(node->slot());
}

void PyNode::set_entry(nb::object function) {
  entry_ = shared_or_null(function);
  command_.reset();  // Of an earlier launch, as a process.
}

void PyNode::set_payload(nb::object function) { payload_ = shared_or_null(function); }

void PyNode::set_command(std::vector<std::string> argv, std::map<std::string, std::string> env,
                         std::string cwd) {
  command_ = graph::Command{std::move(argv), std::move(env), std::move(cwd)};
}

void PyNode::set_place(std::vector<int> cpus, std::string output) {
  command_->cpus = std::move(cpus);
  command_->output = std::move(output);
}

}  // namespace lp::bindings
