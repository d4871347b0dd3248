"""A program drawn in Python with a node in C++, which call each other.

The C++ node is examples/cpp/counter_node.cc. Prints, at last: "Counter says 15, 'three', means
{'a': 1.5}".
"""

import os

import numpy as np
from absl import app, flags

import launchpad as lp

_BINARY = flags.DEFINE_string(
    "counter_node",
    os.path.join(os.path.dirname(__file__), "../../build/dev/examples/counter_node"),
    "The C++ program that exports Counter.",
)


class Namer:
    """Answers the C++ node's calls."""

    def name_of(self, number: int) -> str:
        return ["zero", "one", "two", "three"][number]


class Asker:
    """Calls the C++ node."""

    def __init__(self, counter: lp.CourierClient) -> None:
        self._counter = counter

    def run(self) -> None:
        total = self._counter.add(5)
        name = self._counter.named(3)
        means = self._counter.mean_of(["a"], np.array([[1.0, 2.0]]))
        doubled = self._counter.doubled(np.ones(3, np.float32))
        assert doubled.tolist() == [2.0, 2.0, 2.0]
        print(f"Counter says {total}, {name!r}, means {means}", flush=True)
        lp.stop()


def make_program(binary: str) -> lp.Program:
    program = lp.Program("cpp_node")
    namer = program.add_node(lp.CourierNode(Namer), label="namer")
    counter = program.add_node(lp.CppNode(binary, "Counter", 10, namer), label="counter")
    program.add_node(lp.CourierNode(Asker, counter), label="asker")
    return program


def main(_: list[str]) -> None:
    lp.launch(make_program(_BINARY.value))


if __name__ == "__main__":
    app.run(main)
