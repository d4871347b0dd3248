"""The modules below launchpad.launch that upstream's tests and some programs use by name."""

from __future__ import annotations

import signal
import threading
import unittest

import pytest

import launchpad as lp
from launchpad.launch import worker_manager
from launchpad.launch.local_multi_processing import launch as local_mp
from launchpad.launch.local_multi_threading import launch as local_mt
from launchpad.launch.test_multi_processing import launch as of_test_mp
from launchpad.launch.test_multi_threading import address_builder
from launchpad.launch.test_multi_threading import launch as of_test_mt


class Echo:
    def echo(self, text: str) -> str:
        return text


def ask(echo: lp.CourierClient) -> None:
    assert echo.echo("hello") == "hello"
    lp.stop()


def drawn() -> lp.Program:
    program = lp.Program("p")
    handle = program.add_node(lp.CourierNode(Echo), label="echo")
    program.add_node(lp.PyNode(ask, handle), label="ask")
    return program


def test_launch_is_a_function_whatever_is_imported():
    assert callable(lp.launch)


def test_each_launch_type_has_a_module_with_launch():
    local_mt.launch(drawn())
    local_mp.launch(drawn(), local_resources={"ask": lp.PythonProcess()})
    of_test_mt.launch(drawn()).wait()
    case = unittest.TestCase()
    of_test_mp.launch(drawn(), test_case=case).wait()
    case.doCleanups()


def test_bound_addresses_let_a_test_run_nodes_by_hand():
    node = lp.CourierNode(Echo)
    other = lp.PyNode(lambda: None)
    own = lp.Address("own")
    other.allocate_address(own)
    address_builder.bind_addresses([node, other])
    assert own.resolve().startswith("localhost:")
    assert own.resolve() == own.resolve()
    threading.Thread(target=node.run, daemon=True).start()
    assert node.create_handle().dereference().echo("by hand") == "by hand"


def _of_a_node(told: list[object]) -> None:
    manager = worker_manager.get_worker_manager()
    told.append(manager.wait_for_stop(0))
    event = manager.stop_event()
    told.append(event.is_set())
    worker_manager.register_stop_handler(lambda: told.append("handler"))
    manager.stop()
    assert event.wait(20)
    told.append(worker_manager.wait_for_stop())


def test_a_node_has_the_worker_manager_of_its_run():
    told: list[object] = []
    program = lp.Program("p")
    program.add_node(lp.PyNode(_of_a_node, told), label="n")
    lp.launch(program, "local_mt")
    assert sorted(map(str, told)) == ["False", "False", "True", "handler"]


def test_there_is_no_worker_manager_outside_of_a_node():
    with pytest.raises(RuntimeError, match="only in the nodes of a running program"):
        worker_manager.get_worker_manager()


def _wait() -> None:
    lp.wait_for_stop()


def test_a_launchers_manager_has_the_stop_as_an_event():
    program = lp.Program("p")
    program.add_node(lp.PyNode(_wait), label="n")
    manager = lp.launch(program, "test_mt")
    event = manager.stop_event()
    assert not event.is_set()
    manager.stop_and_wait()
    assert event.wait(20)


def test_a_program_can_be_launched_off_the_main_thread():
    done = []

    def run() -> None:
        lp.launch(drawn(), "local_mt")
        lp.launch(drawn(), "local_mp")
        done.append(True)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(25)
    assert done


HANDLERS = """
import sys
import launchpad as lp

def node():
    print("up", flush=True)
    lp.wait_for_stop()

def bad():
    raise TypeError("once")

if __name__ == "__main__":
    lp.register_stop_handler(bad)
    lp.register_stop_handler(lambda signal, frame: print("with signal", int(signal), flush=True))
    lp.register_stop_handler(lambda: print("without", flush=True))
    taken_back = lambda: print("taken back", flush=True)
    lp.register_stop_handler(taken_back)
    lp.unregister_stop_handler(taken_back)
    lp.unregister_stop_handler(print)
    program = lp.Program("p")
    program.add_node(lp.PyNode(node), label="n")
    lp.launch(program, launch_type=sys.argv[1])
"""


@pytest.mark.parametrize("launch_type", ["local_mt", "local_mp"])
def test_stop_handlers_of_the_launcher_run_once_whatever_one_of_them_raises(start, launch_type):
    program = start(HANDLERS, launch_type)
    program.read_until("up")
    program.send(signal.SIGTERM)
    assert program.end() == 0, program.err
    assert program.out.count("with signal 15") == 1
    assert program.out.count("without") == 1
    assert "taken back" not in program.out
    assert program.err.count("TypeError: once") == 1


GRACEFUL = """
import signal, sys
from launchpad.launch import signal_handling

def bad():
    raise ValueError("does not matter")

signal_handling.register_exit_handler(print, "first registered", flush=True)
signal_handling.register_exit_handler(bad)
signal_handling.register_exit_handler_and_exit_gracefully_on_sigint(print, "last", flush=True)
signal_handling.exit_gracefully_on_sigquit()
print("up", flush=True)
signal.pause()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_signal_handling_ends_a_process_gracefully(start, number):
    program = start(GRACEFUL)
    program.read_until("up")
    program.send(number)
    assert program.end() == 0, program.err
    assert program.out == "up\nlast\nfirst registered\n"
    assert f"Ending after {number.name}" in program.err


RELAUNCHED = """
import os
import launchpad as lp

def report(launcher):
    print("in the launcher:", os.getpid() == launcher, flush=True)

def fail():
    raise KeyError("lost")

program = lp.Program("p")
program.add_node(lp.PyNode(report, os.getpid()), label="node")
for launch_type in ("local_mp", "local_mt", "local_mp"):
    lp.launch(program, launch_type=launch_type)
failing = lp.Program("failing")
failing.add_node(lp.PyNode(fail), label="node")
lp.launch(failing, launch_type="local_mp")
"""


def test_a_program_can_be_launched_another_way_and_traces_name_the_script(run):
    ended = run(RELAUNCHED)
    where = [line.split(": ")[1] for line in ended.out.splitlines()]
    assert where == ["False", "True", "False"]
    assert '/script_0.py", line 9, in fail\n    raise KeyError("lost")\n' in ended.err
