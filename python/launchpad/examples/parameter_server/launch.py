"""Workers that fit a line to data of their own, sharing its parameters through a server; they read
them from a cache, and send gradients without waiting.

python -m launchpad.examples.parameter_server.launch --num_workers=3 --lp_launch_type=local_mp
"""

import numpy as np
from absl import app, flags

import launchpad as lp

_NUM_WORKERS = flags.DEFINE_integer("num_workers", 2, "The number of workers.")
_TRUE = np.array([3.0, -1.0])  # What is to be found: slope and offset.
_LEARNING_RATE = 0.05
_CLOSE_ENOUGH = 0.01


class ParameterServer:
    """Holds the parameters, and stops the program when they no longer move."""

    def __init__(self) -> None:
        self._parameters = np.zeros(2)
        self._updates = 0

    def parameters(self) -> np.ndarray:
        return self._parameters

    def apply(self, gradient: np.ndarray) -> None:
        self._parameters = self._parameters - _LEARNING_RATE * gradient
        self._updates += 1
        if np.abs(self._parameters - _TRUE).max() < _CLOSE_ENOUGH:
            lp.stop()

    def run(self) -> None:
        lp.wait_for_stop()
        slope, offset = self._parameters
        print(f"Found {slope:.1f} x + {offset:.1f}", flush=True)


class Worker:
    """Sends gradients of the error on random points."""

    def __init__(self, seed: int, server: lp.CourierClient, cache: lp.CourierClient) -> None:
        self._rng = np.random.default_rng(seed)
        self._server = server
        self._cache = cache

    def run(self) -> None:
        while not lp.wait_for_stop(0):
            slope, offset = self._cache.parameters()
            x = self._rng.uniform(-1, 1, 64)
            error = (slope * x + offset) - (_TRUE[0] * x + _TRUE[1])
            sent = self._server.futures.apply(2 * np.array([(error * x).mean(), error.mean()]))
            lp.wait_for_stop(0.002)  # As long as real work would take.
            if sent.done() and sent.exception() is not None and not lp.wait_for_stop(0):
                sent.result()


def make_program(num_workers: int) -> lp.Program:
    """A server, a cache before it, and workers."""
    program = lp.Program("parameter_server")
    server = program.add_node(
        # One thread: no two gradients are applied at the same time.
        lp.CourierNode(ParameterServer, courier_kwargs={"thread_pool_size": 1}),
        label="server",
    )
    cache = program.add_node(
        lp.CacherNode(server, refresh_interval_ms=2, stale_after_ms=1000), label="cache"
    )
    with program.group("worker"):
        for seed in range(num_workers):
            program.add_node(lp.PyClassNode(Worker, seed, server, cache))
    return program


def main(argv: list[str]) -> None:
    del argv
    lp.launch(make_program(_NUM_WORKERS.value))


if __name__ == "__main__":
    app.run(main)
