"""A consumer that asks several producers for work, first without waiting for each, then one by
one.
"""

from __future__ import annotations

from collections.abc import Callable

from absl import flags

import launchpad as lp

FLAGS = flags.FLAGS


class Consumer:
    """Asks each producer once with futures, once waiting, and stops the program."""

    def __init__(self, producers: list[lp.CourierClient], stop: Callable[[], None]) -> None:
        self._producers = producers
        self._stop = stop

    def run(self) -> None:
        futures = [
            producer.futures.work(context) for context, producer in enumerate(self._producers)
        ]
        results = [future.result() for future in futures]
        print(f"Results: {results}", flush=True)
        results = [producer.work(context) for context, producer in enumerate(self._producers)]
        print(f"Results again, one by one: {results}", flush=True)
        self._stop()


class Producer:
    """Works."""

    def work(self, context: int) -> int:
        return context


def make_program(num_producers: int) -> lp.Program:
    """`num_producers` nodes labelled producer, and one consumer of all of them."""
    program = lp.Program("consumer_producers")
    with program.group("producer"):
        producers = [program.add_node(lp.CourierNode(Producer)) for _ in range(num_producers)]
    program.add_node(
        lp.CourierNode(
            Consumer,
            producers=producers,
            stop=lp.make_program_stopper(FLAGS.lp_launch_type),
        ),
        label="consumer",
    )
    return program
