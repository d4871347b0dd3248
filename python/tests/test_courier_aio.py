"""`client.aio`: awaiting calls, many at once, cancelling them."""

from __future__ import annotations

import asyncio
import threading

import pytest
from pybind11_abseil.status import StatusCode, StatusNotOk

import courier


@pytest.fixture
def own(start_server):
    """A client of a server that no other test uses."""
    return courier.Client(start_server().address, call_timeout=20)


def test_awaiting_a_call_gives_its_result_or_raises(client):
    async def main():
        assert await client.aio.same([1, 2]) == [1, 2]
        assert await client.aio(1, 2) == ("called", (1, 2))
        with pytest.raises(ValueError, match="the reason"):
            await client.aio.fail("ValueError", "the reason")
        async with asyncio.timeout(20) if hasattr(asyncio, "timeout") else _Nothing():
            results = await asyncio.gather(*(client.aio.same(i) for i in range(2000)))
        task = asyncio.create_task(client.aio.same(5))
        return results, await task

    results, last = asyncio.run(main())
    assert results == list(range(2000)) and last == 5


class _Nothing:  # asyncio.timeout is of Python 3.11.
    async def __aenter__(self):
        pass

    async def __aexit__(self, *_):
        pass


def test_thousands_of_calls_wait_without_a_thread_each_and_without_holding_up_the_loop():
    gate = threading.Event()
    server = courier.Server(thread_pool_size=1)
    server.Bind("wait", lambda i: gate.wait(20) and i)
    server.Start()
    client = courier.Client(server.address)
    before = threading.active_count()

    async def main():
        calls = [asyncio.create_task(client.aio.wait(i)) for i in range(20_000)]
        await asyncio.sleep(0)  # They are all made: more than the server takes at once.
        assert threading.active_count() == before
        gate.set()
        return await asyncio.gather(*calls)

    assert asyncio.run(main()) == list(range(20_000))
    server.Stop()


def test_cancelling_the_task_cancels_the_call(own):
    async def main():
        task = asyncio.create_task(own.aio.block())
        await own.aio.wait_for_entry()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(own.aio.block(), 0.01)
        return await own.aio.same(1)

    assert asyncio.run(main()) == 1


def test_a_deadline_ends_an_awaited_call(free_address):
    async def main():
        await courier.Client(free_address, call_timeout=0.05).aio.same(1)

    with pytest.raises(StatusNotOk) as raised:
        asyncio.run(main())
    assert raised.value.code is StatusCode.DEADLINE_EXCEEDED


def test_answers_for_a_loop_that_ended_go_nowhere(own):
    async def main():
        task = asyncio.create_task(own.aio.block())
        await own.aio.wait_for_entry()
        task.cancel()

    asyncio.run(main())
    own.release()
    assert own.same(1) == 1
