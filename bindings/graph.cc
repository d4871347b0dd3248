// Program and Node: graphs that are drawn in Python.
#include <nanobind/stl/map.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bindings/graph_node.h"
#include "bindings/hooks.h"
#include "bindings/module.h"
#include "launchpad/graph/check.h"
#include "launchpad/graph/draw.h"

namespace lp::bindings {
namespace {

// Drawing throws Error: as a ValueError for Python.
template <class F>
decltype(auto) drawing(F&& draw) {
  try {
    return draw();
  } catch (const Error& error) {
    raise("local", error);
  }
}

class PyProgram {
 public:
  explicit PyProgram(std::string name) : program_(std::move(name)) {}

  void add(const std::shared_ptr<PyNode>& node, const std::string& label,
           const std::string& where) {
    drawing([&] { program_.add(node, label, where); });
  }
  void open_group(const std::string& label) {
    drawing([&] { group_.emplace(program_.group(label)); });
  }
  void close_group() { group_.reset(); }
  std::string current_group() const {
    return drawing([&] { return program_.current_group(); });
  }
  void check() const { unwrap("local", program_.plan()); }
  std::string fingerprint() const { return unwrap("local", program_.plan()).fingerprint(); }
  const std::string& name() const { return program_.name(); }
  const Program& program() const { return program_; }

 private:
  Program program_;
  std::optional<Group> group_;
};

}  // namespace

graph::Plan plan_of(nb::handle program) {
  return unwrap("local", nb::cast<const PyProgram&>(program).program().plan());
}

void bind_graph(nb::module_& m) {
  nb::class_<PyNode>(m, "Node", "A node whose work is Python's, or another process's.",
                     nb::is_weak_referenceable())
      .def(nb::new_([](std::string kind, bool serves) {
             return std::make_shared<PyNode>(std::move(kind), serves);
           }),
           nb::arg("kind"), nb::arg("serves"))
      .def_rw("kind", &PyNode::kind_name)
      .def_rw("serves", &PyNode::serves_calls)
      .def_rw("thread_pool_size", &PyNode::thread_pool_size)
      .def_prop_ro("number", [](const PyNode& self) { return self.slot()->number; })
      .def_prop_ro(
          "name",
          [](const PyNode& self) { return self.slot()->added() ? self.slot()->name() : ""; })
      .def("set_inner", &PyNode::set_inner, nb::arg("nodes"),
           "The nodes inside of it that answer calls.")
      .def("set_inputs", &PyNode::set_inputs, nb::arg("nodes"))
      .def("set_entry", &PyNode::set_entry, nb::arg("function").none())
      .def("set_command", &PyNode::set_command, nb::arg("argv"), nb::arg("env"), nb::arg("cwd"))
      .def("set_place", &PyNode::set_place, nb::arg("cpus"), nb::arg("output"))
      .def("set_payload", &PyNode::set_payload, nb::arg("function").none())
      .def("set_always_process", &PyNode::set_always_process, nb::arg("value"));
  nb::class_<PyProgram>(m, "Program", "A graph that is being drawn.")
      .def(nb::init<std::string>(), nb::arg("name"))
      .def_prop_ro("name", &PyProgram::name)
      .def("add", &PyProgram::add, nb::arg("node"), nb::arg("label"), nb::arg("where"))
      .def("open_group", &PyProgram::open_group, nb::arg("label"))
      .def("close_group", &PyProgram::close_group)
      .def_prop_ro("current_group", &PyProgram::current_group)
      .def("number_inner", [](const PyProgram& self) { self.program().number_inner(); })
      .def("check", &PyProgram::check, "Raises what is wrong with the graph.")
      .def(
          "draw",
          [](const PyProgram& self, const std::string& format) {
            return unwrap("local", draw(self.program(), format));
          },
          nb::arg("format"), "The graph as text, dot or svg.")
      .def(
          "findings",
          [](const PyProgram& self) {
            nb::list findings;
            for (const graph::Finding& finding : lp::check(self.program()).findings) {
              findings.append(
                  nb::make_tuple(finding.error, finding.node, finding.what, finding.mend));
            }
            return findings;
          },
          "What lp::check finds: (error, node, what, mend).")
      .def("fingerprint", &PyProgram::fingerprint);
}

}  // namespace lp::bindings
