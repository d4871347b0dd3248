"""WorkerManager by itself: threads and processes that a program starts are watched as one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import unittest

import pytest
from conftest import wait_until_gone

import launchpad as lp
from launchpad.launch import worker_manager
from launchpad.launch.worker_manager import WorkerManager

PYTHON = [sys.executable, "-c"]


def raises(error: BaseException):
    def function() -> None:
        raise error

    return function


def wait_for_stop() -> None:
    assert worker_manager.wait_for_stop(20)


def test_it_waits_for_threads_and_processes():
    manager = WorkerManager()
    done = []
    manager.thread_worker("thread", lambda: done.append(threading.current_thread().name))
    manager.process_worker("process", [*PYTHON, "pass"])
    manager.wait()
    assert done == ["thread"]
    assert manager.done


def test_a_threads_exception_is_raised_itself_once_and_stops_the_others():
    manager = WorkerManager()
    error = KeyError("lost")
    manager.thread_worker("waits", wait_for_stop)
    manager.thread_worker("fails", raises(error))
    with pytest.raises(KeyError) as raised:
        manager.wait()
    assert raised.value is error
    manager.wait()
    assert manager.done


def test_a_failure_can_be_left_for_the_next_wait():
    manager = WorkerManager()
    manager.thread_worker("fails", raises(ValueError("kept")))
    manager.wait(raise_error=False)
    with pytest.raises(ValueError, match="kept"):
        manager.wait()


@pytest.mark.parametrize(
    ("script", "how"),
    [("raise SystemExit(3)", "exited with code 3"), ("import os; os.kill(os.getpid(), 9)", "9")],
)
def test_a_process_that_fails_is_named(script, how):
    manager = WorkerManager()
    manager.process_worker("broken", [*PYTHON, script])
    with pytest.raises(RuntimeError, match=f'A "broken" worker .*{how}'):
        manager.wait()


def test_a_process_gets_its_environment_and_popens_arguments(tmp_path):
    manager = WorkerManager()
    script = "import os; open('out', 'w').write(os.environ['MINE'] + str('PATH' in os.environ))"
    manager.process_worker("p", [*PYTHON, script], env={"MINE": "yes "}, cwd=tmp_path)
    manager.wait()
    assert (tmp_path / "out").read_text() == "yes True"


def test_the_stop_terminates_processes_and_is_no_failure():
    manager = WorkerManager()
    manager.process_worker("p", ["sleep", "1000"])
    manager.thread_worker("t", wait_for_stop)
    assert not manager.wait_for_stop(0)
    assert not manager.stop_event().is_set()
    manager.stop_and_wait()
    assert manager.wait_for_stop()
    assert manager.stop_event().is_set()


def test_a_stop_calls_the_stop_handlers():
    called = []

    def handler() -> None:
        called.append(1)

    lp.register_stop_handler(handler)
    WorkerManager().stop_and_wait()
    assert called == [1]


def test_an_existing_process_is_watched():
    child = subprocess.Popen([*PYTHON, "raise SystemExit(4)"])
    manager = WorkerManager()
    manager.register_existing_process("mine", child.pid)
    with pytest.raises(RuntimeError, match='A "mine" worker exited with code 4'):
        manager.wait()
    assert child.wait() == 4  # It is still its parent's to reap.


def test_an_existing_process_of_another_parent_is_taken_to_have_ended_well(start):
    script = "import subprocess as s; c = s.Popen(['sleep', '1000']); print(c.pid, flush=True)\n"
    parent = start(script + "c.wait()")
    pid = int(parent.read_until(""))
    manager = WorkerManager()
    manager.register_existing_process("others", pid)
    manager.stop_and_wait()
    wait_until_gone(pid)


def test_wait_can_be_limited_to_names_and_to_the_first():
    manager = WorkerManager()
    release = threading.Event()
    manager.thread_worker("short", lambda: None)
    manager.thread_worker("long", release.wait)
    manager.wait(["short"])
    manager.wait(return_on_first_completed=True)
    assert not manager.done
    with pytest.raises(
        ValueError, match="no worker has the name 'lonk'; there is: 'long', 'short'"
    ):
        manager.wait(["lonk"])
    release.set()
    manager.join()


def test_a_failure_of_a_thread_can_be_asked_for():
    manager = WorkerManager()
    manager.check_for_thread_worker_exception()
    manager.thread_worker("fails", raises(IndexError("asked")))
    manager.wait(raise_error=False)
    with pytest.raises(IndexError, match="asked"):
        manager.check_for_thread_worker_exception()
    manager.check_for_thread_worker_exception()


def test_a_test_fails_with_its_workers():
    class Case(unittest.TestCase):
        def test(self):
            manager = WorkerManager(kill_main_thread=False)
            manager.cleanup_after_test(self)
            manager.thread_worker("waits", wait_for_stop)
            manager.thread_worker("fails", raises(ValueError("the reason")))

    result = unittest.TestResult()
    Case("test").run(result)
    ((_, text),) = result.errors
    assert "ValueError: the reason" in text


def test_its_threads_and_a_registered_one_find_it():
    told = []

    def register() -> None:
        manager = WorkerManager(register_in_thread=True)
        told.append(worker_manager.get_worker_manager() is manager)
        manager.thread_worker("t", lambda: told.append(worker_manager.get_worker_manager()))
        manager.wait()
        told.append(told.pop() is manager)

    thread = threading.Thread(target=register)
    thread.start()
    thread.join(20)
    assert told == [True, True]


def test_a_worker_that_leaves_ends_well():
    manager = WorkerManager()
    manager.thread_worker("leaves", raises(SystemExit(0)))
    manager.wait()
    manager.thread_worker("leaves badly", raises(SystemExit(3)))
    with pytest.raises(SystemExit):
        manager.wait()


SCRIPT = """
import sys, threading
from absl import app
from launchpad.launch import worker_manager

def polite():
    print("up", flush=True)
    worker_manager.wait_for_stop()
    print("stopped", flush=True)

def stubborn():
    print("up", flush=True)
    threading.Event().wait()

def main(argv):
    manager = worker_manager.WorkerManager()
    manager.process_worker("sleep", ["sleep", "1000"])
    manager.thread_worker(argv[1], globals()[argv[1]])
    manager.wait()
    print("ended", flush=True)

if __name__ == "__main__":
    app.run(main)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_them(start, number):
    program = start(SCRIPT, "polite")
    program.read_until("up")
    wait_until_caught(program.pid, number)
    program.send(number)
    assert program.end() == 0, program.err
    assert program.out == "up\nstopped\nended\n"


def test_what_does_not_stop_in_time_is_left_behind(start):
    program = start(SCRIPT, "stubborn", "--lp_termination_notice_secs=0.1")
    program.read_until("up")
    wait_until_caught(program.pid, signal.SIGTERM)
    program.send(signal.SIGTERM)
    assert program.end() == 0, program.err
    assert "did not stop in time and were killed or left behind: stubborn" in program.err


def wait_until_caught(pid: int, number: int) -> None:
    """Until the script waits: a manager hears signals from then on."""
    caught = 0
    while not caught & 1 << (signal.SIGTERM - 1):
        with open(f"/proc/{pid}/status") as status:
            (line,) = (x for x in status if x.startswith("SigCgt:"))
        caught = int(line.split()[1], 16)
        os.sched_yield()


def beside(told: list[object]) -> None:
    """A node that starts workers of its own."""
    manager = WorkerManager(register_in_thread=True)
    manager.thread_worker("of the node", lambda: told.append(lp.wait_for_stop(20)))
    lp.stop()
    manager.wait()


def test_workers_inside_of_a_node_stop_with_the_program():
    told: list[object] = []
    program = lp.Program("p")
    program.add_node(lp.PyNode(beside, told), label="n")
    lp.launch(program, "local_mt")
    assert told == [True]


def test_workers_beside_a_programs_nodes_stop_with_them_and_they_with_it():
    def launch():
        program = lp.Program("p")
        program.add_node(lp.PyNode(wait_for_stop), label="node")
        return lp.launch(program, "test_mt")

    manager = launch()
    manager.thread_worker("worker", wait_for_stop)
    manager.stop_and_wait()
    assert manager.done

    manager = launch()
    manager.thread_worker("worker", raises(ValueError("of the worker")))
    with pytest.raises(ValueError, match="of the worker"):
        manager.wait()
    manager.wait()
    assert manager.done

    manager = launch()
    manager.thread_worker("short", lambda: None)
    manager.wait(return_on_first_completed=True)
    assert not manager.done
    manager.stop_and_wait()


def test_a_programs_manager_tells_a_failure_without_waiting():
    program = lp.Program("p")
    program.add_node(lp.PyNode(raises(KeyError("early"))), label="fails")
    manager = lp.launch(program, "test_mt", serialize_py_nodes=False)
    manager.wait(return_on_first_completed=True, raise_error=False)
    with pytest.raises(KeyError, match="early"):
        manager.check_for_thread_worker_exception()
    manager.check_for_thread_worker_exception()
    manager.wait()
