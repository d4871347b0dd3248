// Tables and their state in Python's terms. With the GIL.
#pragma once

#include <nanobind/nanobind.h>

#include "launchpad/replay/table.h"

namespace lp::bindings {

namespace nb = nanobind;

// A dict of plain values; reverb.reverb_types makes a TableInfo of it.
nb::dict info_to_python(const replay::TableInfo& info);

}  // namespace lp::bindings
