"""A node that waits for its end sleeps: no ticks, and yet it hears signals and the stop at once."""

from __future__ import annotations

import signal

import pytest

PROGRAM = r"""
import os, signal, sys, threading
import launchpad as lp

POLL = {"7", "73", "271"}  # poll on x86-64, ppoll on aarch64 and x86-64.

def once_asleep(then):
    # What the main thread does is the first word here, a number of a system call.
    path = f"/proc/self/task/{os.getpid()}/syscall"

    def watch():
        while True:
            with open(path) as file:
                if file.read().split()[0] in POLL:
                    break
        then()

    threading.Thread(target=watch, daemon=True).start()

class Told(Exception):
    pass

def tell(*_):
    raise Told

def kill():
    # To this thread, so that no system call of the main thread is interrupted.
    signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)

def hears_a_signal():
    signal.signal(signal.SIGUSR1, tell)
    once_asleep(kill)
    try:
        lp.wait_for_stop()
    except Told:
        print("told", signal.set_wakeup_fd(-1), flush=True)

def hears_the_stop():
    once_asleep(lp.stop)
    print("stopped", lp.wait_for_stop(), lp.wait_for_stop(), flush=True)

def goes_on_after_a_handler():
    signal.signal(signal.SIGUSR1, lambda *_: once_asleep(lp.stop))
    once_asleep(kill)
    print("stopped", lp.wait_for_stop(), flush=True)

def leaves_another_ones_descriptor():
    read, write = os.pipe2(os.O_NONBLOCK)
    signal.set_wakeup_fd(write)
    signal.signal(signal.SIGUSR1, tell)
    timer = threading.Timer(0.3, kill)
    try:
        timer.start()
        lp.wait_for_stop()
    except Told:
        print("theirs", signal.set_wakeup_fd(-1) == write, len(os.read(read, 9)), flush=True)

def has_a_limit():
    print("limit", lp.wait_for_stop(0.3), signal.set_wakeup_fd(-1), flush=True)

def main():
    program = lp.Program("p")
    program.add_node(lp.PyNode(globals()[sys.argv[2]]), label="node")
    lp.launch(program, launch_type=sys.argv[1])

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize(
    "name, says",
    [
        ("hears_a_signal", "told -1"),
        ("hears_the_stop", "stopped True True"),
        ("goes_on_after_a_handler", "stopped True"),
        ("leaves_another_ones_descriptor", "theirs True 1"),
        ("has_a_limit", "limit False -1"),
    ],
)
def test_a_node_that_waits_for_its_end(start, name, says):
    program = start(PROGRAM, "local_mp", name)
    program.read_until(says)
    program.send(signal.SIGTERM)
    assert program.end() == 0, program.err
