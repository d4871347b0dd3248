"""One producer, eight consumers: how many copies of an array there are between processes."""

from __future__ import annotations

from typing import Any

import numpy as np

import launchpad as lp

LARGE = 1 << 22  # Elements of float32: 16 MiB.
CONSUMERS = 8


def shared_mappings() -> list[tuple[int, int, str]]:
    """Begin, end and inode of what this process maps of launchpad's shared memory."""
    found = []
    with open("/proc/self/maps") as file:
        for line in file:
            span, _, _, _, inode, *name = line.split()
            if "memfd:launchpad" in "".join(name):
                begin, end = (int(part, 16) for part in span.split("-"))
                found.append((begin, end, inode))
    return found


def segment_of(array: Any) -> str:
    """The inode of the shared memory that an array lies in; empty if it lies in none."""
    at = array.ctypes.data
    return next((inode for begin, end, inode in shared_mappings() if begin <= at < end), "")


def large_segments() -> int:
    """How many segments that could hold the array this process maps."""
    return len({inode for begin, end, inode in shared_mappings() if end - begin >= 4 * LARGE})


class Consumer:
    """Keeps what it is sent, and says where it lies."""

    def __init__(self) -> None:
        self._kept: Any = None

    def keep(self, array: Any) -> tuple[str, float]:
        self._kept = array
        return segment_of(array), float(array[-1])

    def make(self) -> Any:
        return np.full(LARGE, 3, np.float32)


class Producer:
    """A node that has clients of the consumers, and tests them."""

    def __init__(self, test: Any, consumers: Any) -> None:
        self._test, self._consumers = test, consumers

    def run(self) -> None:
        self._test(self._consumers)
        lp.stop()


def run_with_consumers(test: Any) -> None:
    program = lp.Program("consumers")
    with program.group("consumer"):
        consumers = [program.add_node(lp.CourierNode(Consumer)) for _ in range(CONSUMERS)]
    program.add_node(lp.CourierNode(Producer, test, consumers), label="producer")
    lp.launch(program, launch_type="local_mp")


def test_a_broadcast_array_is_copied_once_for_all_consumers() -> None:
    def test(consumers: Any) -> None:
        before = large_segments()
        array = np.full(LARGE, 5, np.float32)
        answers = lp.broadcast(consumers).keep(array)
        assert [value for _, value in answers] == [5] * CONSUMERS
        segments = {segment for segment, _ in answers}
        assert len(segments) == 1 and "" not in segments
        assert large_segments() == before + 1

    run_with_consumers(test)


def test_an_array_from_empty_is_not_copied_for_any_consumer() -> None:
    def test(consumers: Any) -> None:
        array = lp.empty(LARGE, np.float32)
        array[:] = 7
        before = large_segments()
        futures = [consumer.futures.keep(array) for consumer in consumers]
        assert lp.gather(futures) == [(segment_of(array), 7)] * CONSUMERS
        assert large_segments() == before

    run_with_consumers(test)


def test_an_array_that_was_received_is_passed_on_without_a_copy() -> None:
    def test(consumers: Any) -> None:
        array = consumers[0].make()
        before = large_segments()
        futures = [consumer.futures.keep(array) for consumer in consumers]
        assert lp.gather(futures) == [(segment_of(array), 3)] * CONSUMERS
        assert segment_of(array) and large_segments() == before

    run_with_consumers(test)
