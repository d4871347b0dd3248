"""What is wrong with dm-launchpad, by the ranks of its inventory's last list, is not wrong here.

A test's number is the rank. Those of calls: test_upstream_shortcomings_of_calls.py.
"""

from __future__ import annotations

import os
import sys
import threading

import pytest

import launchpad as lp

BATCHES = """
import datetime
import numpy as np
import launchpad as lp
from concurrent.futures import ThreadPoolExecutor

class Doubler:
    def __init__(self):
        decorate = lp.batched_handler(batch_size=4, timeout=datetime.timedelta(milliseconds=50))
        self.double = decorate(self.double)

    def double(self, array, number):
        return 2 * array + number[:, None]

def ask(doubler):
    with ThreadPoolExecutor(7) as pool:
        calls = [pool.submit(doubler.double, np.full(3, float(i)), i) for i in range(7)]
        assert [list(c.result()) for c in calls] == [[3.0 * i] * 3 for i in range(7)]
    print("all seven have their own", flush=True)
    lp.stop()

local = Doubler()
assert list(local.double(np.ones(1), 1)) == [3.0]
program = lp.Program("p")
program.add_node(lp.PyNode(ask, program.add_node(lp.CourierNode(Doubler), "d")), "ask")
lp.launch(program, "local_mp")
"""


def test_02_batched_handlers_serve_any_number_of_callers_near_and_far(run):
    ended = run(BATCHES)
    assert ended.status == 0, ended.err
    assert "all seven have their own" in ended.out


ENDED = """
import sys
import launchpad as lp

class Quick:
    def run(self):
        pass

def ask(quick):
    for _ in range(2):
        try:
            while True:
                quick.anything()
        except Exception as error:
            print("the call ended:", error.code, flush=True)

program = lp.Program("p")
program.add_node(lp.PyNode(ask, program.add_node(lp.CourierNode(Quick), "quick")), "ask")
lp.launch(program, sys.argv[1])
"""


@pytest.mark.parametrize("launch_type", ["local_mt", "local_mp"])
def test_03_calls_to_a_node_that_has_ended_end(run, launch_type):
    ended = run(ENDED, launch_type)
    assert ended.status == 0, ended.err
    assert ended.out.count("the call ended: StatusCode.") == 2


@pytest.mark.parametrize("launch_type", ["local_mt", "local_mp"])
@pytest.mark.parametrize("terminal", ["current_terminal", "output_to_files"])
def test_04_a_crash_is_the_launchers_failure(run, launch_type, terminal, tmp_path):
    ended = run(
        """
        import sys
        import launchpad as lp

        def crash():
            raise ValueError("crashed")

        def bystander():
            lp.wait_for_stop()

        program = lp.Program("p")
        program.add_node(lp.PyNode(crash), "crash")
        program.add_node(lp.PyNode(bystander), "bystander")
        lp.launch(program, sys.argv[1], terminal=sys.argv[2])
        """,
        launch_type,
        terminal,
        env={"LAUNCHPAD_LOGGING_DIR": str(tmp_path / "logs")},
    )
    assert ended.status == 1
    assert ended.err.rstrip().endswith("ValueError: crashed")


STOPPED_WHILE_WAITING = """
import signal, sys, threading
import launchpad as lp

signal.signal(signal.SIGALRM, lambda *_: None)
alarm = signal.getsignal(signal.SIGALRM)

class Poller:
    def run(self):
        event = lp.stop_event()
        print("up", flush=True)
        while not event.wait(0.0001):
            event.is_set()
        print("heard", flush=True)

if __name__ == "__main__":
    program = lp.Program("p")
    program.add_node(lp.CourierNode(Poller), "poller")
    lp.launch(program, sys.argv[1])
    assert signal.getsignal(signal.SIGALRM) is alarm
    print("alarm is ours", flush=True)
"""


@pytest.mark.parametrize("launch_type", ["local_mt", "local_mp"])
def test_07_a_signal_meets_a_node_that_waits_for_the_stop_and_leaves_the_alarm(start, launch_type):
    for _ in range(3):
        program = start(STOPPED_WHILE_WAITING, launch_type)
        program.read_until("up")
        program.send(2)
        assert program.end() == 0, program.err
        assert "heard" in program.out and "alarm is ours" in program.out
        assert "killed" not in program.err and "left behind" not in program.err


def test_08_what_upstream_names_and_lacks_is_here():
    names = ["MultiProcessingColocation", "CacherNode", "Deferred", "PythonProcess"]
    for name in [*names, "make_program", "maybe_dereference"]:
        assert callable(getattr(lp, name))
    made = lp.make_program(lp.PyNode(print), lp.PyNode(print))
    assert len(made.get_all_nodes()) == 2


def test_09_output_is_seen_where_the_program_was_started_though_tmux_is_there(run, tmp_path):
    tmux = tmp_path / "tmux"
    tmux.write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\n")
    tmux.chmod(0o755)
    ended = run(
        """
        import launchpad as lp

        def say():
            print("hello", flush=True)

        program = lp.Program("p")
        program.add_node(lp.PyNode(say), "say")
        lp.launch(program, "local_mp")
        """,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "DISPLAY": ""},
    )
    assert ended.out == "[say/0] hello\n", ended.err
    assert not (tmp_path / "asked").exists()


FLAGS_PROGRAM = """
from absl import app, flags
import launchpad as lp

FLAGS = flags.FLAGS
flags.DEFINE_integer("mine", 1, "")

def node():
    print("mine is", FLAGS.mine, flush=True)

def main(_):
    program = lp.Program("p")
    program.add_node(lp.PyNode(node), "plain")
    program.add_node(lp.PyNode(node), "own")
    resources = {"own": lp.PythonProcess(args={"mine": 7})}
    lp.launch(program, "local_mp", local_resources=resources)

if __name__ == "__main__":
    app.run(main)
"""


def test_10_nodes_have_the_launchers_flags_and_those_of_their_label(run):
    ended = run(FLAGS_PROGRAM, "--mine=5")
    assert ended.status == 0, ended.err
    assert sorted(ended.out.splitlines()) == ["[own/0] mine is 7", "[plain/0] mine is 5"]


def test_11_a_thread_may_launch():
    program = lp.Program("p")
    program.add_node(lp.PyNode(lp.stop), "n")
    thread = threading.Thread(target=lp.launch, args=(program, "local_mt"), daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()


def test_14_a_process_ends_soon_after_a_large_transfer(run):
    ended = run(
        """
        import numpy as np
        import time
        import launchpad as lp

        class Server:
            def size(self, array):
                return array.nbytes

        def ask(server):
            assert server.size(np.zeros(100_000_000, np.uint8)) == 100_000_000
            lp.stop()

        program = lp.Program("p")
        program.add_node(lp.PyNode(ask, program.add_node(lp.CourierNode(Server), "s")), "ask")
        lp.launch(program, "local_mt")
        print(time.clock_gettime(time.CLOCK_MONOTONIC), flush=True)
        """
    )
    import time

    assert ended.status == 0, ended.err
    assert time.clock_gettime(time.CLOCK_MONOTONIC) - float(ended.out) < 5


def test_15_it_needs_no_tensorflow_and_few_threads(run):
    ended = run(
        """
        import os, sys
        import courier, launchpad

        server = courier.Server(thread_pool_size=2)
        server.Bind("same", lambda value: value)
        server.Start()
        before = len(os.listdir("/proc/self/task"))
        clients = [courier.Client(server.address) for _ in range(100)]
        assert [client.same(1) for client in clients] == [1] * 100
        print(len(os.listdir("/proc/self/task")) - before < 5, "tensorflow" in sys.modules)
        """
    )
    assert ended.out == "True False\n", ended.err
    assert sys.version_info >= (3, 10)
