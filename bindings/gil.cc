#include "bindings/gil.h"

#include <unistd.h>

#include <chrono>
#include <thread>
#include <utility>

namespace lp::bindings {
namespace {

// The number of threads inside, or negative once closed.
constexpr int kClosed = -(1 << 30);
std::atomic<int> inside{0};

bool enter() {
  if (inside.fetch_add(1, std::memory_order_acq_rel) >= 0) return true;
  inside.fetch_sub(1, std::memory_order_acq_rel);
  return false;
}

void leave() { inside.fetch_sub(1, std::memory_order_acq_rel); }

thread_local PyThreadState* kept_state = nullptr;
thread_local PyGILState_STATE kept_gil{};

}  // namespace

PythonEntry::PythonEntry() : ok_(enter()) {
  if (ok_) state_ = staying(PyGILState_Ensure);
}

PythonEntry::~PythonEntry() {
  if (!ok_) return;
  PyGILState_Release(state_);
  leave();
}

void stay() {
  while (true) ::pause();
}

PyObject* call_python(PyObject* function, PyObject* args, PyObject* kwargs) {
  return staying([=] {
    return args == nullptr ? PyObject_CallNoArgs(function) : PyObject_Call(function, args, kwargs);
  });
}

PyObject* call_python_with(PyObject* function, PyObject* argument) {
  return staying([=] { return PyObject_CallOneArg(function, argument); });
}

void close_python_entries(double seconds) {
  if (inside.fetch_add(kClosed, std::memory_order_acq_rel) < 0) return;
  Py_BEGIN_ALLOW_THREADS;
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (inside.load(std::memory_order_acquire) != kClosed &&
         std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  Py_END_ALLOW_THREADS;
}

void keep_thread_state() {
  if (!enter()) return;
  kept_gil = staying(PyGILState_Ensure);
  kept_state = PyEval_SaveThread();
  leave();
}

void drop_thread_state() {
  if (kept_state == nullptr || !enter()) return;
  PyThreadState* const state = std::exchange(kept_state, nullptr);
  staying([state] { PyEval_RestoreThread(state); });
  PyGILState_Release(kept_gil);
  leave();
}

SharedRef share(PyObject* object) {
  Py_INCREF(object);
  return SharedRef(object, [](PyObject* held) {
    const PythonEntry python;
    // Once the interpreter ends, what it still holds goes with the process.
    if (python.ok()) Py_DECREF(held);
  });
}

}  // namespace lp::bindings
