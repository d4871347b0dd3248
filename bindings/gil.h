// Entering Python from threads that are not Python's, safely also while the interpreter ends. Any
// thread.
#pragma once

#include <Python.h>

#include <cxxabi.h>

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

// Ends the calling thread's work for good; the process ends without it.
[[noreturn]] void stay();

// An ending interpreter ends each thread that wants the GIL by unwinding its stack, which C++ would
// have to answer with std::terminate or with destructors that need the GIL. The thread stays here
// instead. `f` must have nothing to destroy: it calls one function of Python's.
template <class F>
auto staying(F&& f) -> decltype(f()) {
  try {
    return f();
  } catch (const abi::__forced_unwind&) {
    stay();
  }
}

// PyObject_Call; `args` and `kwargs` may be null.
PyObject* call_python(PyObject* function, PyObject* args = nullptr, PyObject* kwargs = nullptr);
PyObject* call_python_with(PyObject* function, PyObject* argument);

// Lets other threads run Python while it lives.
class GilReleased {
 public:
  GilReleased() : state_(PyEval_SaveThread()) {}
  ~GilReleased() {
    staying([this] { PyEval_RestoreThread(state_); });
  }
  GilReleased(const GilReleased&) = delete;
  GilReleased& operator=(const GilReleased&) = delete;

 private:
  PyThreadState* state_;
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
