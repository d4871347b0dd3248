"""Methods that are generators: their results come one by one, in Python and across languages."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import os
import pathlib
import threading

import numpy as np
import pytest

import courier
import launchpad as lp
from launchpad.errors import StatusCode, StatusNotOk

ROOT = pathlib.Path(__file__).parents[2]


class Fountain:
    """Has the same methods as the class of that name in stream_test_program.cc."""

    def __init__(self):
        self.made = 0
        self.ended = threading.Event()
        self.gate = threading.Event()
        self.threads = set()

    def count(self, to):
        self.threads.add(threading.get_ident())
        yield from range(to)

    def endless(self):
        try:
            for i in itertools.count():
                self.made += 1
                yield i
        finally:
            self.ended.set()

    def arrays(self, count, size):
        for i in range(count):
            yield np.full(size, i, np.float32)

    def fail_after(self, results):
        for i in range(results):
            yield str(i)
        raise ValueError("dry")

    def mixed(self):
        yield {"a": [1, 2.5], "b": (b"x", None)}
        yield threading.Event  # Only a pickle can carry it.
        yield

    def gated(self):
        yield 1
        assert self.gate.wait(20)
        yield 2

    def unpicklable(self):
        yield 1
        yield threading.Lock()

    def left(self):
        return int(self.ended.is_set())


class Served:
    def __init__(self, address=None, threads=2, **kwargs):
        self.fountain = Fountain()
        self.server = courier.Server(thread_pool_size=threads)
        for name in dir(Fountain):
            if not name.startswith("_"):
                self.server.Bind(name, getattr(self.fountain, name))
        self.server.Start()
        self.client = courier.Client(self.server.address, **kwargs)


@pytest.fixture
def served():
    served = Served(call_timeout=20)
    yield served
    served.fountain.gate.set()
    served.server.Stop()


def test_results_arrive_in_order_and_all(served):
    for count in (0, 1, 63, 64, 65, 5000):
        stream = served.client.count(count)
        assert isinstance(stream, courier.Stream)
        assert list(stream) == list(range(count))
        assert next(stream, "end") == "end"


def test_values_of_every_kind_and_arrays_come_through(served):
    first, second, third = served.client.mixed()
    assert first == {"a": [1, 2.5], "b": (b"x", None)}
    assert second is threading.Event and third is None
    for i, array in enumerate(served.client.arrays(10, 1 << 18)):
        assert array.shape == (1 << 18,) and (array == i).all()
        array[0] = 7  # The receiver's own, as a result is.


def test_what_the_generator_raises_comes_after_its_results(served):
    stream = served.client.fail_after(100)
    assert [next(stream) for _ in range(100)] == [str(i) for i in range(100)]
    for _ in range(2):
        with pytest.raises(ValueError, match="dry"):
            next(stream)


def test_a_result_that_cannot_travel_is_an_error_that_says_so(served):
    stream = served.client.unpicklable()
    assert next(stream) == 1
    with pytest.raises(TypeError, match="lock"):
        next(stream)


def test_the_generator_waits_for_who_takes(served):
    stream = served.client.endless()
    for i in range(1000):
        assert next(stream) == i
        assert served.fountain.made <= i + 3 * 64 + 2
    assert not served.fountain.ended.is_set()


@pytest.mark.parametrize("how", ["close", "with", "del", "client"])
def test_the_generator_ends_with_its_stream(served, how):
    client = courier.Client(served.server.address)
    stream = client.endless()
    assert next(stream) == 0
    if how == "close":
        stream.close()
        stream.close()
        assert next(stream, "end") == "end"
    elif how == "with":
        with contextlib.closing(stream), stream:
            pass
        assert next(stream, "end") == "end"
    elif how == "client":
        client._channel.close()
    del stream
    gc.collect()
    assert served.fountain.ended.wait(20)


def test_the_stream_keeps_its_client_open(served):
    stream = courier.Client(served.server.address).count(500)
    gc.collect()
    assert list(stream) == list(range(500))


def test_futures_and_broadcasts_give_streams(served):
    assert list(served.client.futures.count(3).result(20)) == [0, 1, 2]
    both = [served.client, courier.Client(served.server.address)]
    streams = lp.broadcast(both).count(70)
    assert [list(stream) for stream in streams] == [list(range(70))] * 2


def test_a_stopped_server_ends_its_streams(served):
    stream = served.client.endless()
    assert next(stream) == 0
    served.server.Stop()
    assert served.fountain.ended.is_set()
    with pytest.raises(StatusNotOk) as raised:
        for _ in stream:
            pass
    assert raised.value.code is StatusCode.UNAVAILABLE


def test_a_wait_that_was_too_long_can_be_repeated(served):
    stream = courier.Client(served.server.address, call_timeout=0.2).gated()
    assert next(stream) == 1
    with pytest.raises(StatusNotOk, match="no further result of 'gated'") as raised:
        next(stream)
    assert raised.value.code is StatusCode.DEADLINE_EXCEEDED
    served.fountain.gate.set()
    assert courier_next(stream) == 2
    assert next(stream, "end") == "end"


def courier_next(stream):
    """The next result, however often the wait is too long."""
    while True:
        try:
            return next(stream)
        except StatusNotOk as error:
            assert error.code is StatusCode.DEADLINE_EXCEEDED


def test_generators_hold_no_thread_of_the_pool():
    served = Served(threads=1)
    streams = [served.client.endless() for _ in range(8)]
    assert [next(stream) for stream in streams] == [0] * 8
    # The only thread answers meanwhile, and each generator has one of its own.
    assert served.client.left() == 0
    del streams
    gc.collect()
    served.server.Stop()
    assert served.fountain.ended.is_set()


def test_a_coroutine_takes_without_holding_up_its_loop(served):
    async def take(count):
        return [i async for i in await served.client.aio.count(count)]

    async def main():
        gated = await served.client.aio.gated()
        assert await gated.__anext__() == 1
        waiting = asyncio.create_task(gated.__anext__())
        sums = await asyncio.gather(*(take(n * 50) for n in range(10)))
        assert not waiting.done()
        served.fountain.gate.set()
        assert await waiting == 2
        with pytest.raises(StopAsyncIteration):
            await gated.__anext__()
        return sums

    assert asyncio.run(main()) == [list(range(n * 50)) for n in range(10)]


def test_a_coroutines_wait_can_be_cancelled_or_time_out_and_be_repeated(served):
    client = courier.Client(served.server.address, call_timeout=0.2)

    async def main():
        gated = await client.aio.gated()
        assert await gated.__anext__() == 1
        waiting = asyncio.create_task(gated.__anext__())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        with pytest.raises(StatusNotOk) as raised:
            await gated.__anext__()
        assert raised.value.code is StatusCode.DEADLINE_EXCEEDED
        served.fountain.gate.set()
        while True:
            with contextlib.suppress(StatusNotOk):
                assert await gated.__anext__() == 2
                break
        with pytest.raises(StopAsyncIteration):
            await gated.__anext__()
        async with contextlib.aclosing(await client.aio.endless()) as endless:
            assert await endless.__anext__() == 0
        assert served.fountain.ended.wait(20)

    asyncio.run(main())


def test_a_stream_that_a_method_returns_is_passed_on(served):
    front = courier.Server()
    front.Bind("count", lambda to: served.client.count(to))
    front.Bind("endless", lambda: served.client.endless())
    front.Start()
    client = courier.Client(front.address, call_timeout=20)
    assert list(client.count(300)) == list(range(300))
    stream = client.endless()
    assert next(stream) == 0
    stream.close()
    assert served.fountain.ended.wait(20)
    front.Stop()


def test_a_stream_is_no_argument(served):
    with pytest.raises(TypeError, match="Stream"):
        served.client.count(served.client.count(3))


def test_a_cacher_refuses_streams(served):
    from launchpad.nodes import cacher

    cache = cacher._Cacher(served.client, 1.0, 1.0)
    with pytest.raises(TypeError, match="'count' gives a stream"):
        cache.count(3)


@pytest.fixture
def cpp_program():
    build = pathlib.Path(os.environ.get("LAUNCHPAD_BUILD_DIR", ROOT / "build/dev"))
    return str(build / "test_programs" / "stream_test_program")


def test_python_takes_from_a_cpp_server(start, cpp_program):
    process = start(command=[cpp_program, "serve"])
    client = courier.Client(process.read_until("address").split()[1], call_timeout=20)
    assert list(client.count(1000)) == list(range(1000))
    for i, array in enumerate(client.arrays(3, 100_000)):
        assert array.dtype == np.float32 and (array == i).all() and len(array) == 100_000
    stream = client.fail_after(2)
    assert [next(stream), next(stream)] == ["0", "1"]
    with pytest.raises(StatusNotOk, match="invalid_argument: dry"):
        next(stream)
    with client.endless() as endless:
        assert next(endless) == 0
    while client.left() == 0:
        pass


def test_a_killed_server_ends_its_streams(start, cpp_program):
    process = start(command=[cpp_program, "serve"])
    client = courier.Client(process.read_until("address").split()[1], call_timeout=20)
    stream = client.endless()
    assert next(stream) == 0
    os.kill(process.pid, 9)
    with pytest.raises(StatusNotOk) as raised:
        for _ in stream:
            pass
    assert raised.value.code is StatusCode.UNAVAILABLE


def test_cpp_takes_from_a_python_server(served, run, cpp_program):
    ended = run(command=[cpp_program, "take", served.server.address])
    assert ended.out.splitlines() == [
        "sum 499500",
        *(f"array 100000 of {i}" for i in range(3)),
        "text 0",
        "text 1",
        "ValueError: dry",
        "first 0",
        "the generator has ended",
    ]


@pytest.mark.parametrize("launch_type", ["local_mt", "local_mp"])
def test_nodes_of_a_program_stream_to_each_other(launch_type):
    program = lp.Program("streams")
    fountain = program.add_node(lp.CourierNode(Fountain), label="fountain")

    def take(fountain):
        assert sum(fountain.count(1000)) == 499500
        stream = fountain.endless()
        assert [next(stream) for _ in range(100)] == list(range(100))
        lp.stop()  # With a stream open.

    program.add_node(lp.PyNode(take, fountain), label="taker")
    lp.launch(program, launch_type=launch_type)
