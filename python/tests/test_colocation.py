"""Colocations: nodes inside are reached as any other, in every launch type, and end as one."""

from __future__ import annotations

import os
import socket

import pytest
from absl.testing import absltest

import launchpad as lp
from launchpad.nodes.multi_processing_colocation import node as processes
from launchpad.nodes.multi_threading_colocation import node as threads

LAUNCH_TYPES = ["local_mt", "local_mp", "test_mt", "test_mp"]

PROGRAM = """
import os
import sys
import threading
import launchpad as lp
from absl import app, flags
from absl.testing import absltest

class Service:
    def __init__(self, name):
        self._name = name
    def whoami(self):
        return self._name
    def pid(self):
        return os.getpid()
    def tmp(self):
        return os.environ.get("TMPDIR", "")

class Relay:
    def __init__(self, source):
        self._source = source
    def whoami(self):
        return "relay of " + self._source.whoami()
    def pid(self):
        return os.getpid()

def main_node(first, relay, deep, outside):
    print("says", first.whoami(), "|", relay.whoami(), "|", deep.whoami())
    print("pids", len({first.pid(), relay.pid(), deep.pid()}))
    print("outside", outside.whoami())
    lp.stop()

def main(argv):
    kind = getattr(lp, argv[1])
    program = lp.Program("colocated")
    outside = lp.CourierNode(Relay, None)
    first = lp.CourierNode(Service, "first")
    first_handle = first.create_handle()
    relay = lp.CourierNode(Relay, first_handle)
    deep = lp.CourierNode(Service, "deep")
    deep_handle = deep.create_handle()
    relay_handle = relay.create_handle()
    outside.configure(relay_handle)
    program.add_node(
        lp.PyNode(main_node, first_handle, relay_handle, deep_handle, outside.create_handle()),
        label="main")
    program.add_node(outside, label="outside")
    program.add_node(
        kind([first, relay, lp.MultiThreadingColocation([deep])]), label="together")
    case = absltest.TestCase() if argv[2:] else None
    manager = lp.launch(program, test_case=case)
    if case is not None:
        manager.wait()
        case.doCleanups()

if __name__ == "__main__":
    app.run(main)
"""


@pytest.mark.parametrize("launch_type", LAUNCH_TYPES)
@pytest.mark.parametrize(
    ("kind", "pids"), [("MultiThreadingColocation", 1), ("MultiProcessingColocation", 3)]
)
def test_nodes_inside_are_called_from_inside_and_outside(run, launch_type, kind, pids):
    is_test = ["test"] if launch_type in ("test_mt", "test_mp") else []
    ended = run(PROGRAM, f"--lp_launch_type={launch_type}", kind, *is_test)
    assert ended.status == 0, ended.err
    assert "says first | relay of first | deep" in ended.out
    assert f"pids {pids}" in ended.out
    assert "outside relay of relay of first" in ended.out


def launch(*nodes, launch_type="test_mt"):
    program = lp.Program("test")
    for node in nodes:
        program.add_node(node, label="node")
    case = absltest.TestCase()
    manager = lp.launch(program, launch_type=launch_type, test_case=case, serialize_py_nodes=False)
    return manager, case


def fail(text):
    raise ValueError(text)


def wait_for_stop():
    lp.wait_for_stop()


@pytest.mark.parametrize("kind", [lp.MultiThreadingColocation, lp.MultiProcessingColocation])
def test_only_nodes_that_run_something_can_be_inside(kind):
    with pytest.raises(ValueError, match=f"{kind.__name__} only works with PyNodes."):
        kind([3])


@pytest.mark.parametrize("kind", [lp.MultiThreadingColocation, lp.MultiProcessingColocation])
def test_an_empty_colocation_fails_when_it_runs(kind):
    manager, case = launch(kind([]))
    with pytest.raises(ValueError, match=f"{kind.__name__} requires at least one node."):
        manager.wait()
    case.doCleanups()


def test_the_first_error_of_a_thread_surfaces():
    manager, case = launch(
        lp.MultiThreadingColocation([lp.PyNode(wait_for_stop), lp.PyNode(fail, "broken")])
    )
    with pytest.raises(ValueError, match="broken"):
        manager.wait()
    case.doCleanups()


def test_the_first_completed_can_end_a_colocation_of_threads():
    manager, case = launch(
        lp.MultiThreadingColocation(
            [lp.PyNode(wait_for_stop), lp.PyNode(print)], return_on_first_completed=True
        )
    )
    manager.wait()
    case.doCleanups()


def test_add_node_gives_the_handle():
    colocation = lp.MultiThreadingColocation([])
    node = lp.CourierNode(list)
    handle = colocation.add_node(node)
    assert isinstance(handle, lp.CourierHandle)
    assert colocation.nodes == [node]


def test_handles_of_nodes_inside_are_the_colocations_own():
    handle = lp.CourierNode(list).create_handle()
    inside = lp.MultiThreadingColocation([lp.PyNode(print, handle)])
    assert lp.MultiProcessingColocation([inside]).input_handles == [handle]


def test_upstreams_places_have_the_classes():
    assert threads.MultiThreadingColocation is lp.MultiThreadingColocation
    assert processes.MultiProcessingColocation is lp.MultiProcessingColocation


RETRIES = """
import os
import pathlib
import sys
import launchpad as lp
from absl import app

class Flaky:
    def __init__(self, path, failures):
        path = pathlib.Path(path)
        starts = int(path.read_text()) + 1 if path.exists() else 1
        path.write_text(str(starts))
        if starts <= failures:
            raise ValueError(f"start {starts}")
        self._starts = starts
    def starts(self):
        return self._starts
    def tmp(self):
        return os.environ["TMPDIR"]

def main_node(flaky, steady):
    print("starts", flaky.starts())
    print("tmp", len({flaky.tmp(), steady.tmp()}), os.path.isdir(flaky.tmp()))
    lp.stop()

def main(argv):
    program = lp.Program("flaky")
    flaky = lp.CourierNode(Flaky, argv[1], 2)
    steady = lp.CourierNode(Flaky, argv[1] + "x", 0)
    handles = flaky.create_handle(), steady.create_handle()
    program.add_node(
        lp.MultiProcessingColocation([flaky, steady], num_retries_on_failure=int(argv[2])), "pool")
    program.add_node(lp.PyNode(main_node, *handles), "main")
    lp.launch(program)

if __name__ == "__main__":
    app.run(main)
"""


@pytest.mark.parametrize("launch_type", ["local_mt", "local_mp"])
def test_processes_that_fail_are_started_again_while_calls_wait(run, tmp_path, launch_type):
    ended = run(RETRIES, f"--lp_launch_type={launch_type}", str(tmp_path / "count"), "2")
    assert ended.status == 0, ended.err
    assert "starts 3" in ended.out
    assert "tmp 2 True" in ended.out


def test_a_process_is_heard_to_its_end_though_it_leaves_a_message_unread():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        ours.send(b"stop")
        theirs.send(b"failed")
        theirs.close()
        assert list(processes.packets(ours)) == [b"failed"]


def test_without_retries_left_the_program_fails(run, tmp_path):
    ended = run(RETRIES, "--lp_launch_type=local_mp", str(tmp_path / "count"), "1")
    assert ended.status != 0
    assert "num_retries_on_failure (=1) is reached." in ended.err
    assert "start 2" in ended.err


ORPHANS = """
import os
import launchpad as lp
from absl import app

def node():
    print(f"pid {os.getpid()}\\n", end="", flush=True)  # In one write.
    lp.wait_for_stop()

def main(_):
    program = lp.Program("p")
    program.add_node(lp.MultiProcessingColocation([lp.PyNode(node), lp.PyNode(node)]), "pool")
    lp.launch(program)

if __name__ == "__main__":
    app.run(main)
"""


@pytest.mark.parametrize("number", [2, 9, 15])
@pytest.mark.parametrize("launch_type", ["local_mt", "local_mp"])
def test_no_process_stays_however_the_launcher_ends(start, launch_type, number):
    from conftest import wait_until_gone

    process = start(ORPHANS, f"--lp_launch_type={launch_type}")
    pids = [process.number_after("pid") for _ in range(2)]
    process.send(number)
    process.end()
    for pid in pids:
        wait_until_gone(pid)


@pytest.mark.parametrize("number", [9, 15])
def test_no_temporary_folder_stays_however_the_launcher_ends(start, tmp_path, number):
    from conftest import wait_until_gone

    folder = tmp_path / "tmp"
    folder.mkdir()
    process = start(ORPHANS, "--lp_launch_type=local_mp", env={"TMPDIR": str(folder)})
    pids = [process.number_after("pid") for _ in range(2)]
    assert len(list(folder.iterdir())) == 1
    process.send(number)
    process.end()
    for pid in pids:
        wait_until_gone(pid)
    while list(folder.iterdir()):  # Its sweeper needs a moment.
        os.sched_yield()


SAYING = """
import sys
import launchpad as lp
from absl import app

def node(name):
    for _ in range(200):  # In pieces.
        sys.stdout.write(name)
        sys.stdout.flush()
        sys.stdout.write(" says\\n")
        sys.stdout.flush()
    print(name, "fails" , file=sys.stderr)

def main(_):
    program = lp.Program("p")
    nodes = [lp.PyNode(node, name) for name in ("first", "second")]
    program.add_node(lp.MultiProcessingColocation(nodes), "pool")
    lp.launch(program)

if __name__ == "__main__":
    app.run(main)
"""


@pytest.mark.parametrize("launch_type", ["local_mt", "local_mp"])
def test_each_process_prints_lines_behind_its_number(run, launch_type):
    ended = run(SAYING, f"--lp_launch_type={launch_type}")
    assert ended.status == 0, ended.err
    lines = sorted(ended.out.splitlines())
    assert lines == ["[pool/0] [0] first says"] * 200 + ["[pool/0] [1] second says"] * 200
    assert "[pool/0] [1] second fails" in ended.err
