"""Arrays in shared memory, between two processes."""

from __future__ import annotations

import os
import signal
from typing import Any

import numpy as np
import pytest

import courier
import launchpad as lp

LARGE = 1 << 18  # Elements of float32: a MiB.


class Shelf:
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self._kept: list[Any] = []

    def keep(self, array: Any) -> bool:
        self._kept.append(array)
        return bool(array.flags.writeable)

    def kept(self) -> list[float]:
        return [float(array.flat[0]) for array in self._kept]

    def drop(self) -> None:
        self._kept.clear()

    def add_one(self, array: Any) -> float:
        array += 1
        return float(array.flat[0])

    def echo(self, value: Any) -> Any:
        return value

    def ones(self, size: int) -> Any:
        return np.ones(size, np.float32)

    def lent(self, size: int) -> Any:
        array = lp.empty(size, np.float32)
        array[:] = 2
        return array

    def take_and_add(self, array: Any) -> float:
        array = lp.take(array)
        array += 1
        return float(array.flat[0])

    def descriptors(self) -> int:
        return len(os.listdir("/proc/self/fd"))

    def die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class Desk:
    """A node that has clients of two shelves, and tests them."""

    def __init__(self, test: Any, shelf: Any, other: Any) -> None:
        self._test, self._shelf, self._other = test, shelf, other

    def run(self) -> None:
        self._test(self._shelf, self._other)
        lp.stop()


def run_with_shelves(test: Any) -> None:
    program = lp.Program("shelves")
    shelf = program.add_node(lp.CourierNode(Shelf), label="shelf")
    other = program.add_node(lp.CourierNode(Shelf), label="other")
    program.add_node(lp.CourierNode(Desk, test, shelf, other), label="desk")
    lp.launch(program, launch_type="local_mp")


def test_a_plain_array_arrives_as_a_copy_that_its_receiver_may_write_to() -> None:
    def test(shelf: Any, other: Any) -> None:
        array = np.zeros(LARGE, np.float32)
        for _ in range(20):
            assert shelf.add_one(array) == 1
        assert shelf.futures.add_one(array).result() == 1
        assert array[0] == 0 and array.flags.writeable
        assert shelf.ones(LARGE).flags.writeable

    run_with_shelves(test)


def test_an_array_from_empty_is_lent_read_only_and_can_be_taken_back() -> None:
    def test(shelf: Any, other: Any) -> None:
        array = lp.empty((2, LARGE), "float32")
        array[:] = 7
        assert not shelf.keep(array)
        assert not array.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 8
        copy = lp.take(array)  # The shelf still reads it.
        copy[:] = 9
        assert shelf.kept() == [7]
        shelf.drop()
        shelf.drop()  # Brings the memory back at the latest.
        taken = lp.take(array)
        taken[0, 0] = 10
        assert array[0, 0] == 10  # No copy.
        assert shelf.take_and_add(taken) == 11
        assert array[0, 0] == 10

    run_with_shelves(test)


def test_results_travel_as_arguments_do() -> None:
    def test(shelf: Any, other: Any) -> None:
        result = shelf.lent(LARGE)
        assert result[0] == 2 and result[-1] == 2 and not result.flags.writeable
        assert lp.take(result).flags.writeable
        array = np.arange(LARGE, dtype=np.float32)
        assert np.array_equal(shelf.echo(array), array)
        nested = shelf.echo({"a": [array, (array * 2,)], "set": {1, 2}})  # A pickle.
        assert np.array_equal(nested["a"][1][0], array * 2)
        received = shelf.ones(LARGE)
        assert not shelf.keep(received)  # Handed on without a copy: nobody writes any more.
        assert not received.flags.writeable
        assert other.add_one(np.array(received)) == 2

    run_with_shelves(test)


def test_a_view_of_a_lent_array_travels_by_value() -> None:
    def test(shelf: Any, other: Any) -> None:
        array = lp.empty((4, LARGE), np.float32)
        array[:] = np.arange(4)[:, None]
        assert shelf.keep(array[1]) and shelf.keep(array[::2]) and shelf.keep(array.T[:, 3])
        array[:] = 50
        assert shelf.kept() == [1, 0, 3]
        assert not shelf.keep(array.reshape(-1))
        assert not array.flags.writeable

    run_with_shelves(test)


def test_memory_and_descriptors_do_not_grow_with_the_number_of_calls() -> None:
    def test(shelf: Any, other: Any) -> None:
        array = np.zeros(LARGE, np.float32)

        def measure() -> tuple[int, int]:
            return shelf.descriptors(), len(os.listdir("/proc/self/fd"))

        for _ in range(50):
            shelf.echo(array)
        before = measure()
        for _ in range(300):
            shelf.echo(array)
        after = measure()
        assert after[0] <= before[0] + 8 and after[1] <= before[1] + 8, (before, after)

    run_with_shelves(test)


def test_what_a_killed_node_held_is_not_lost_memory_and_what_it_lent_stays_readable() -> None:
    def serve(path: str) -> int:
        pid = os.fork()
        if pid:
            return pid
        try:
            server = courier.Server("shelf")
            shelf = Shelf()
            for name in ("keep", "lent", "die", "echo"):
                server.Bind(name, getattr(shelf, name))
            server._address = path
            server._server.listen(path)
            server.Start()
            server.Join()
        finally:
            os._exit(0)

    path = f"unix:/tmp/lp-shm-{os.getpid()}"
    pid = serve(path)
    client = courier.Client(path)
    lent = client.lent(LARGE)
    array = lp.empty(LARGE, np.float32)
    array[:] = 5
    client.keep(array)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert lent[0] == 2 and lent[-1] == 2
    pid = serve(path)  # The next one is lent what the first one held.
    assert not client.keep(array)
    assert client.echo(array)[0] == 5
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.unlink(path.removeprefix("unix:"))


def test_empty_and_take_refuse_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="Python objects"):
        lp.empty(10, object)
    with pytest.raises(ValueError, match="no array has the shape"):
        lp.empty((3, -1))
    with pytest.raises((ValueError, MemoryError)):
        lp.empty((1 << 40, 1 << 40))
    with pytest.raises(TypeError):
        lp.empty("x")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="numpy array"):
        lp.take([1, 2])  # type: ignore[arg-type]
    assert lp.empty(()).shape == ()
    assert lp.empty(5).dtype == np.float64
    assert lp.empty((2, 3), "i4").shape == (2, 3)
    array = np.zeros(3)
    assert lp.take(array) is array
    array.flags.writeable = False
    assert lp.take(array).flags.writeable
