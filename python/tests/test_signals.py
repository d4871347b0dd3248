"""Signals to launchers: the first asks the nodes to stop, the second kills, and nothing is left."""

from __future__ import annotations

import os
import signal

import pytest
from conftest import wait_until_gone

PROGRAM = r"""
import os, subprocess, sys, threading
import launchpad as lp

def print(*words, flush):
    # Threads' lines must not mix.
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()

class Polite:
    def run(self):
        print("polite", os.getpid(), flush=True)
        assert lp.wait_for_stop()
        print("polite was stopped", flush=True)

class Stubborn:
    def run(self):
        print("stubborn", os.getpid(), flush=True)
        threading.Event().wait()

class Parent:
    def run(self):
        child = subprocess.Popen(["sleep", "1000"])
        print("grandchild", child.pid, flush=True)
        lp.wait_for_stop()

def main():
    program = lp.Program("p")
    with program.group("node"):
        for name in sys.argv[2:]:
            program.add_node(lp.CourierNode(globals()[name]))
    lp.launch(program, launch_type=sys.argv[1])
    print("launch returned", flush=True)

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("launch_type", ["local_mt", "local_mp"])
def test_one_signal_asks_the_nodes_to_stop(start, launch_type, number):
    program = start(PROGRAM, launch_type, "Polite", "Polite")
    program.read_until("polite ")
    program.read_until("polite ")
    program.send(number)
    status = program.end()
    assert program.out.count("polite was stopped") == 2, program.err
    assert "Traceback" not in program.err
    assert status == 0


@pytest.mark.parametrize("launch_type", ["local_mt", "local_mp"])
def test_two_interrupts_end_a_program_that_does_not_stop(start, launch_type):
    program = start(PROGRAM, launch_type, "Stubborn", env={"PYTHONUNBUFFERED": "1"})
    node = program.number_after("stubborn")
    program.send(signal.SIGINT)
    program.read_until_error("Ctrl-C again kills")
    program.send(signal.SIGINT)
    assert program.end() != 0
    wait_until_gone(node)


@pytest.mark.parametrize("launch_type", ["local_mt", "local_mp"])
def test_sigquit_kills_at_once(start, launch_type):
    program = start(PROGRAM, launch_type, "Stubborn")
    node = program.number_after("stubborn")
    program.send(signal.SIGQUIT)
    assert program.end() != 0
    wait_until_gone(node)


def test_nothing_survives_a_killed_launcher(start, run_dir):
    program = start(PROGRAM, "local_mp", "Stubborn", "Parent")
    lines = [program.read_until(" "), program.read_until(" ")]
    node, grandchild = (
        int(next(line for line in lines if name in line).split()[-1])
        for name in ("stubborn", "grandchild")
    )
    assert len(os.listdir(run_dir)) == 1
    program.send(signal.SIGKILL)
    wait_until_gone(node)
    wait_until_gone(grandchild)
    program.end()


def test_the_run_directory_of_a_killed_launcher_is_removed_by_the_next(start, run_dir):
    program = start(PROGRAM, "local_mp", "Stubborn")
    wait_for = program.number_after("stubborn")
    program.send(signal.SIGKILL)
    wait_until_gone(wait_for)
    program.end()
    second = start(PROGRAM, "local_mp", "Polite")
    second.read_until("polite ")
    assert len(os.listdir(run_dir)) == 1
    second.send(signal.SIGTERM)
    second.end()
    assert os.listdir(run_dir) == []


def test_grandchildren_end_with_a_program_that_is_stopped(start):
    program = start(PROGRAM, "local_mp", "Parent")
    grandchild = program.number_after("grandchild")
    program.send(signal.SIGINT)
    assert program.end() == 0, program.err
    wait_until_gone(grandchild)


def test_ctrl_c_in_a_terminal_reaches_the_nodes_only_through_the_launcher(start):
    program = start(PROGRAM, "local_mp", "Polite")
    node = program.number_after("polite")
    assert os.getpgid(node) != os.getpgid(program.pid)
    os.killpg(program.pid, signal.SIGINT)
    assert program.end() == 0, program.err
    assert "polite was stopped" in program.out


@pytest.mark.parametrize("launch_type", ["local_mt", "local_mp"])
def test_signal_handlers_are_the_scripts_own_again_after_launch(run, launch_type):
    ended = run(
        f"""
        import signal
        import launchpad as lp

        def mine(*_):
            print("mine", flush=True)

        def node():
            pass

        signal.signal(signal.SIGTERM, mine)
        program = lp.Program("p")
        program.add_node(lp.PyNode(node), label="n")
        lp.launch(program, launch_type="{launch_type}")
        signal.raise_signal(signal.SIGTERM)
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        """
    )
    assert ended.status == 0, ended.err
    assert ended.out == "mine\ninterrupted\n"
