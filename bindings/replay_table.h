// Tables and their state in Python's terms. With the GIL.
#pragma once

#include <nanobind/nanobind.h>

#include <memory>
#include <string>
#include <tuple>

#include "launchpad/replay/table.h"

namespace lp::bindings {

namespace nb = nanobind;

// A table as Python holds it: a share of it that is none of Python's. A server's threads may be the
// last to let go of a table, also while the interpreter ends; a share that nanobind made would have
// to enter Python then.
struct PyTable {
  std::shared_ptr<replay::Table> table;
};

// A selector's kind and exponent.
using SelectorTuple = std::tuple<std::string, double>;
replay::SelectorOptions selector_of(const SelectorTuple& given);

// A dict of plain values; reverb.reverb_types makes a TableInfo of it.
nb::dict info_to_python(const replay::TableInfo& info);

}  // namespace lp::bindings
