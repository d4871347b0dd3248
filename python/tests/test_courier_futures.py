"""Futures of calls behave as those of concurrent.futures, and cancel what they stand for."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading

import pytest
from pybind11_abseil.status import StatusCode, StatusNotOk

import courier
from launchpad.calls.future import Future


@pytest.fixture
def server(start_server):
    return start_server()


@pytest.fixture
def own(server):
    """A client of a server that no other test uses."""
    return courier.Client(server.address, call_timeout=20)


def test_a_future_has_the_result(client):
    future = client.futures.same(5)
    assert isinstance(future, concurrent.futures.Future)
    assert future.result(20) == 5
    assert future.done() and not future.running() and not future.cancelled()
    assert future.exception() is None
    assert client.futures(1, 2).result(20) == ("called", (1, 2))


def test_a_future_has_the_exception(client):
    future = client.futures.fail("ValueError", "the reason")
    assert isinstance(future.exception(20), ValueError)
    with pytest.raises(ValueError, match="the reason"):
        future.result(20)


def test_a_stop_iteration_is_an_error_like_others(client):
    with pytest.raises(StatusNotOk) as raised:
        client.futures.fail("StopIteration", 5).result(20)
    assert raised.value.code is StatusCode.OUT_OF_RANGE


def test_result_waits_no_longer_than_it_is_told(own):
    future = own.futures.block()
    with pytest.raises(concurrent.futures.TimeoutError):
        future.result(0.01)
    own.release()
    assert future.result(20) == "released"


def test_a_running_call_can_be_cancelled(own):
    future = own.futures.block()
    own.wait_for_entry()
    assert future.cancel()
    assert future.cancelled() and future.done()
    with pytest.raises(concurrent.futures.CancelledError):
        future.result(20)
    assert future.cancel()
    assert own.same(1) == 1


def test_a_finished_call_cannot_be_cancelled(client):
    future = client.futures.same(1)
    future.result(20)
    assert not future.cancel()
    assert not future.cancelled()


def test_cancelled_calls_that_wait_at_the_server_never_run():
    gate, entered, ran = threading.Event(), threading.Event(), []

    def block():
        entered.set()
        gate.wait(20)

    server = courier.Server(thread_pool_size=1)
    server.Bind("block", block)
    server.Bind("run", ran.append)
    server.Start()
    client = courier.Client(server.address, call_timeout=20)
    first = client.futures.block()
    assert entered.wait(20)
    second, third = client.futures.run(2), client.futures.run(3)
    assert second.cancel()
    gate.set()
    first.result(20)
    third.result(20)
    assert ran == [3]
    server.Stop()


def test_callbacks_are_called_with_the_future_once(own):
    called: list[concurrent.futures.Future] = []
    done = threading.Event()
    future = own.futures.block()
    future.add_done_callback(called.append)
    future.add_done_callback(lambda _: 1 / 0)
    future.add_done_callback(lambda _: done.set())
    assert not called
    own.release()
    assert done.wait(20)
    assert called == [future]
    future.add_done_callback(called.append)
    assert called == [future, future]


def test_a_callback_is_called_when_the_future_is_cancelled(own):
    called: list[bool] = []
    future = own.futures.block()
    future.add_done_callback(lambda f: called.append(f.cancelled()))
    future.cancel()
    assert called == [True]


def test_a_callback_may_call_again(client):
    results: list[int] = []
    done = threading.Event()

    def again(future):
        results.append(client.same(future.result()))
        second = client.futures.same(6)
        second.add_done_callback(lambda f: (results.append(f.result()), done.set()))

    client.futures.same(5).add_done_callback(again)
    assert done.wait(20)
    assert results == [5, 6]


def test_nothing_finishes_a_future_that_somebody_has_locked():
    """concurrent.futures.wait() counts what is open under all locks, and is told of the rest."""
    future = Future()
    with future._condition:
        finishing = threading.Thread(target=future._finish, args=(5,))
        finishing.start()
        finishing.join(0.1)
        assert future._state == "PENDING"
    finishing.join()
    assert future.result(0) == 5


def test_wait_and_as_completed_work(own):
    blocked = own.futures.block()
    quick = [own.futures.same(i) for i in range(10)]
    done, pending = concurrent.futures.wait(quick, 20)
    assert (len(done), len(pending)) == (10, 0)
    done, pending = concurrent.futures.wait(
        [blocked, *quick], 20, concurrent.futures.FIRST_COMPLETED
    )
    assert blocked in pending
    own.release()
    results = [f.result() for f in concurrent.futures.as_completed([blocked, *quick], 20)]
    assert sorted(map(str, results)) == sorted([*map(str, range(10)), "released"])


def test_first_exception_is_noticed(own):
    blocked = own.futures.block()
    bad = own.futures.fail("ValueError")
    done, _ = concurrent.futures.wait([blocked, bad], 20, concurrent.futures.FIRST_EXCEPTION)
    assert done == {bad}


def test_asyncio_waits_for_futures(own):
    async def main():
        results = await asyncio.gather(
            *(asyncio.wrap_future(own.futures.same(i)) for i in range(5))
        )
        with pytest.raises(ValueError):
            await asyncio.wrap_future(own.futures.fail("ValueError"))
        call = own.futures.block()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.wrap_future(call), 0.01)
        assert call.cancelled()
        return results

    assert asyncio.run(main()) == [0, 1, 2, 3, 4]


def test_a_future_outlives_its_client(server):
    future = courier.Client(server.address).futures.same(5)
    assert future.result(20) == 5
    client = courier.Client(server.address, call_timeout=20)
    blocked = client.futures.block()
    client.wait_for_entry()
    del client
    courier.Client(server.address).release()
    try:
        assert blocked.result(20) == "released"
    except StatusNotOk as error:
        assert error.code is StatusCode.CANCELLED


def test_the_last_client_may_go_in_a_callback(client, shared_address):
    done = threading.Event()
    box = [courier.Client(shared_address)]

    def drop(_):
        box.clear()
        done.set()

    box[0].futures.same(1).add_done_callback(drop)
    assert done.wait(20)
    assert client.same(1) == 1


def test_thousands_of_calls_at_once_are_each_answered(client):
    futures = [client.futures.same(i) for i in range(5000)]
    assert [future.result(20) for future in futures] == list(range(5000))


def test_futures_time_out_each_on_its_own(server):
    client = courier.Client(server.address, call_timeout=0.1)
    futures = [client.futures.block() for _ in range(5)]
    for future in futures:
        assert future.exception(20).code is StatusCode.DEADLINE_EXCEEDED


def test_a_result_that_cannot_be_decoded_is_the_futures_exception(client):
    future = client.futures.evaluate("type('B', (), {'__reduce__': lambda s: (divmod, (1, 0))})()")
    assert isinstance(future.exception(20), ZeroDivisionError)


def test_futures_of_a_server_that_is_not_up_are_pending_at_once(start_server, free_address):
    client = courier.Client(free_address)
    futures = [client.futures.same({i}) for i in range(100)]
    assert not any(future.done() for future in futures)
    with pytest.raises(concurrent.futures.TimeoutError):
        futures[0].result(0.01)
    assert futures[1].cancel()
    start_server(free_address)
    assert [f.result(20) for f in futures if not f.cancelled()] == [
        {0},
        *({i} for i in range(2, 100)),
    ]


def test_a_deadline_ends_a_call_to_a_server_that_is_not_up(free_address):
    future = courier.Client(free_address, call_timeout=0.05).futures.same(1)
    assert future.exception(20).code is StatusCode.DEADLINE_EXCEEDED


def test_a_client_that_shall_not_wait_fails_its_futures(free_address):
    future = courier.Client(free_address, wait_for_ready=False).futures.same(1)
    assert future.exception(20).code is StatusCode.UNAVAILABLE


def test_arguments_that_do_not_pickle_raise_at_the_call(client):
    with pytest.raises(TypeError, match="pickle"):
        client.futures.same(threading.Lock())
