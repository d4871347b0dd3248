// TableExtension sees every change of a table's items as it happens, under the table's lock: it
// must be quick and must not call the table. Shared by its owner and the tables it was given to.
#pragma once

#include <cstdint>

#include "launchpad/replay/trajectory.h"

namespace lp::replay {

// An item in a table, during the call.
struct ItemView {
  uint64_t key;
  double priority;
  int32_t times_sampled;
  const TrajectoryRef& trajectory;
};

class TableExtension {
 public:
  virtual ~TableExtension() = default;
  virtual void on_insert(const ItemView&) {}
  // Before it leaves, for whatever reason but a reset.
  virtual void on_delete(const ItemView&) {}
  // With its new priority.
  virtual void on_update(const ItemView&) {}
  // With its new count.
  virtual void on_sample(const ItemView&) {}
  // All items are about to leave.
  virtual void on_reset() {}
};

}  // namespace lp::replay
