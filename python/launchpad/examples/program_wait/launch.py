"""A program that waits for its own end in several ways: a node that works until the stop, one that
asks for it, and a handler that is called then.

python -m launchpad.examples.program_wait.launch --lp_launch_type=local_mp
"""

import threading

from absl import app

import launchpad as lp


class Worker:
    """Works until the program stops."""

    def __init__(self) -> None:
        self._steps = 0
        self._cleaned_up = threading.Event()

    def run(self) -> None:
        lp.register_stop_handler(self._clean_up)
        while not lp.wait_for_stop(0.001):
            self._steps += 1
        # The handler is called on another thread.
        self._cleaned_up.wait()
        print("The worker heard the stop", flush=True)

    def _clean_up(self) -> None:
        print("The stop handler was called", flush=True)
        self._cleaned_up.set()

    def steps(self) -> int:
        return self._steps


def watch(worker: lp.CourierClient) -> None:
    """Stops the program when the worker has done some steps."""
    while worker.steps() < 10:
        assert not lp.stop_event().is_set()
    print("Asking for the stop", flush=True)
    lp.stop()
    assert lp.wait_for_stop()


def make_program() -> lp.Program:
    """A worker and a watcher."""
    program = lp.Program("program_wait")
    worker = program.add_node(lp.CourierNode(Worker), label="worker")
    program.add_node(lp.PyNode(watch, worker), label="watcher")
    return program


def main(argv: list[str]) -> None:
    del argv
    lp.launch(make_program())
    print("The program has ended", flush=True)


if __name__ == "__main__":
    app.run(main)
