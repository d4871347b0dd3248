// Entering Python from threads that are not Python's, safely also while the interpreter ends. Any
// thread.
#pragma once

#include <Python.h>

#include <atomic>
#include <memory>

namespace lp::bindings {

// Holds the GIL while it lives, if Python can still be entered; check ok() first.
class PythonEntry {
 public:
  PythonEntry();
  ~PythonEntry();
  PythonEntry(const PythonEntry&) = delete;
  PythonEntry& operator=(const PythonEntry&) = delete;
  bool ok() const { return ok_; }

 private:
  bool ok_;
  PyGILState_STATE state_{};
};

// No thread enters Python any more from now on; waits (without the GIL) up to `seconds` for those
// inside.
void close_python_entries(double seconds);

// Give the calling thread a Python thread state of its own that lives until it ends: without, each
// entry would make and destroy one, and with it threading.local data.
void keep_thread_state();
void drop_thread_state();

// A strong reference that any thread may drop.
using SharedRef = std::shared_ptr<PyObject>;
// Takes a new reference to `object`; with the GIL.
SharedRef share(PyObject* object);

}  // namespace lp::bindings
