"""A server whose method runs on batches, while each client calls it for itself: as for inference
in one place.

python -m launchpad.examples.batching.launch --num_clients=3 --lp_launch_type=local_mp
"""

import datetime

import numpy as np
from absl import app, flags

import launchpad as lp

_NUM_CLIENTS = flags.DEFINE_integer("num_clients", 2, "The number of clients.")
_CALLS = 5


class Server:
    """Squares arrays, as many at a time as there are clients."""

    def __init__(self, batch_size: int) -> None:
        self._largest = 0
        # Long, since clients may start at different times; a full batch does not wait.
        batched = lp.batched_handler(batch_size, timeout=datetime.timedelta(seconds=5))
        self.square = batched(self._square)

    def _square(self, values: np.ndarray) -> np.ndarray:
        """Gets the arrays of all callers, stacked; each gets its row of the result."""
        self._largest = max(self._largest, len(values))
        return np.square(values)

    def largest_batch(self) -> int:
        return self._largest


class Client:
    """Calls the server several times."""

    def __init__(self, number: int, server: lp.CourierClient, collector: lp.CourierClient) -> None:
        self._number = number
        self._server = server
        self._collector = collector

    def run(self) -> None:
        for i in range(_CALLS):
            squares = self._server.square(np.array([self._number, i]))
            assert squares.tolist() == [self._number**2, i**2]
        self._collector.done(self._number)


class Collector:
    """Stops the program once all clients are done."""

    def __init__(self, num_clients: int, server: lp.CourierClient) -> None:
        self._left = set(range(num_clients))
        self._server = server

    def done(self, number: int) -> None:
        self._left.remove(number)
        print(f"Client {number} got {_CALLS} answers", flush=True)
        if not self._left:
            print(f"The largest batch had {self._server.largest_batch()} calls", flush=True)
            lp.stop()


def make_program(num_clients: int) -> lp.Program:
    """A server, its clients, and who waits for them."""
    program = lp.Program("batching")
    server = program.add_node(lp.CourierNode(Server, num_clients), label="server")
    collector = program.add_node(
        # One thread: `done` is not called by two clients at the same time.
        lp.CourierNode(Collector, num_clients, server, courier_kwargs={"thread_pool_size": 1}),
        label="collector",
    )
    with program.group("client"):
        for number in range(num_clients):
            program.add_node(lp.CourierNode(Client, number, server, collector))
    return program


def main(argv: list[str]) -> None:
    del argv
    lp.launch(make_program(_NUM_CLIENTS.value))


if __name__ == "__main__":
    app.run(main)
