"""Nodes that share a place: a store and its writers are one node of the program, as threads of one
process or as processes that are started again when they fail. A reader elsewhere calls the store
as any other node.

python -m launchpad.examples.colocation.launch --lp_launch_type=local_mp
python -m launchpad.examples.colocation.launch --processes
"""

from __future__ import annotations

import threading

from absl import app, flags

import launchpad as lp

_PROCESSES = flags.DEFINE_bool("processes", False, "Whether the nodes inside are processes.")
_NUM_WRITERS = 4


class Store:
    """Adds up what the writers put. Called by several at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: list[int] = []

    def put(self, value: int) -> None:
        with self._lock:
            self._values.append(value)

    def values(self) -> list[int]:
        with self._lock:
            return sorted(self._values)


def write(store: lp.CourierClient, value: int) -> None:
    store.put(value)


def read(store: lp.CourierClient) -> None:
    """Waits for the values of all writers, and stops the program."""
    while len(store.values()) < _NUM_WRITERS:
        lp.wait_for_stop(0.001)
    print("The values are", store.values(), flush=True)
    lp.stop()


def make_program(processes: bool = False) -> lp.Program:
    """Two nodes: the colocation, and the reader."""
    program = lp.Program("colocation")
    together: lp.MultiThreadingColocation | lp.MultiProcessingColocation
    if processes:
        together = lp.MultiProcessingColocation([], num_retries_on_failure=1)
    else:
        together = lp.MultiThreadingColocation([])
    store = together.add_node(lp.CourierNode(Store))
    for value in range(_NUM_WRITERS):
        together.add_node(lp.PyNode(write, store, value))
    program.add_node(together, label="storage")
    program.add_node(lp.PyNode(read, store), label="reader")
    return program


def main(argv: list[str]) -> None:
    del argv
    lp.launch(make_program(_PROCESSES.value))


if __name__ == "__main__":
    app.run(main)
