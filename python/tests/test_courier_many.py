"""Several servers and several calls at once: load balancing, health, gather, broadcast, and what
nested calls inherit.
"""

from __future__ import annotations

import collections
import concurrent.futures
import pickle
import threading

import pytest
from pybind11_abseil.status import StatusCode, StatusNotOk

import courier
import launchpad as lp


@pytest.fixture
def three(serve):
    """Three servers; who() says which one answers."""
    return [serve(who=lambda i=i: i, same=lambda x: x) for i in range(3)]


def ask(client, times):
    return collections.Counter(client.who() for _ in range(times))


def settle(client, expected):
    """Until the servers answer as often as they should."""
    while ask(client, sum(expected.values())) != expected:
        pass


@pytest.mark.parametrize("as_list", [True, False])
def test_round_robin_calls_each_server_in_turn(three, as_list):
    addresses = [server.address for server in three]
    client = courier.Client(
        addresses if as_list else ",".join(addresses),
        call_timeout=20,
        load_balancing_policy="round_robin",
    )
    settle(client, {0: 2, 1: 2, 2: 2})
    assert ask(client, 30) == {0: 10, 1: 10, 2: 10}
    futures = [client.futures.who() for _ in range(30)]
    assert collections.Counter(f.result(20) for f in futures) == {0: 10, 1: 10, 2: 10}
    again = pickle.loads(pickle.dumps(client))
    settle(again, {0: 2, 1: 2, 2: 2})


def test_a_dead_and_an_unhealthy_server_are_left_out(three):
    addresses = [server.address for server in three]
    client = courier.Client(addresses, call_timeout=20, load_balancing_policy="round_robin")
    settle(client, {0: 2, 1: 2, 2: 2})
    three[0].Stop()
    assert ask(client, 20) == {1: 10, 2: 10}
    three[1].SetIsHealthy(False)
    settle(client, {2: 5})
    three[1].SetIsHealthy(True)
    settle(client, {1: 2, 2: 2})


def test_several_addresses_without_a_policy_are_picked_first(three):
    client = courier.Client([server.address for server in three], call_timeout=20)
    assert len(ask(client, 20)) == 1


def test_a_client_of_several_servers_can_be_a_value(three, serve):
    client = courier.Client(
        [server.address for server in three], load_balancing_policy="round_robin"
    )
    other = serve(ask=lambda c: sorted({c.who() for _ in range(50)}))
    assert set(courier.Client(other.address).ask(client)) <= {0, 1, 2}


def test_an_unknown_policy_is_a_value_error_that_names_the_known():
    with pytest.raises(ValueError, match="pick_first or round_robin"):
        courier.Client("localhost:1,localhost:2", load_balancing_policy="least_busy")


def test_health_is_what_the_server_says(serve, free_address):
    server = serve(f=lambda: 1)
    client = courier.Client(server.address)
    assert courier.is_healthy(client)
    server.SetIsHealthy(False)
    assert not courier.is_healthy(client)
    assert client.f() == 1
    server.SetIsHealthy(True)
    assert courier.is_healthy(client)
    assert not courier.is_healthy(courier.Client(free_address), timeout=0.05)


def test_gather_gives_results_in_order(three):
    client = courier.Client(three[0].address)
    assert lp.gather(client.futures.same(i) for i in range(100)) == list(range(100))
    assert lp.gather([]) == []


def test_gather_raises_the_first_error_and_names_the_server(serve):
    gate = threading.Event()

    def fail():
        raise KeyError("lost")

    server = serve(fail=fail, wait=lambda: gate.wait(20))
    client = courier.Client(server.address)
    slow, bad = client.futures.wait(), client.futures.fail()
    with pytest.raises(KeyError) as raised:
        lp.gather([slow, bad])
    assert not slow.done()
    assert f"2 of 2 gathered calls, to the server at '{server.address}'" in str(raised.value)
    with pytest.raises(concurrent.futures.TimeoutError, match="1 of 2 calls.*" + server.address):
        lp.gather([slow, bad], timeout=0.02, return_exceptions=True)
    gate.set()
    results = lp.gather([slow, bad], return_exceptions=True)
    assert results[0] is True and isinstance(results[1], KeyError)


def test_broadcast_calls_each_client(three):
    clients = [courier.Client(server.address) for server in three]
    everyone = lp.broadcast(clients)
    assert everyone.who() == [0, 1, 2]
    assert everyone.same({1, 2}) == [{1, 2}] * 3
    assert [future.result(20) for future in everyone.futures.same(5)] == [5, 5, 5]
    assert lp.broadcast([]).who() == []
    with pytest.raises(TypeError, match="takes clients"):
        lp.broadcast([1])


def test_broadcast_pickles_its_arguments_once(three):
    class Counted:
        pickled = 0

        def __reduce__(self):
            Counted.pickled += 1
            return int, ()

    clients = [courier.Client(server.address) for server in three]
    assert lp.broadcast(clients).same(Counted()) == [0, 0, 0]
    assert Counted.pickled == 1


@pytest.fixture
def nested(serve):
    """middle() calls the slow server's wait(); `ended` learns how that ended."""
    gate, entered, ended = threading.Event(), threading.Event(), concurrent.futures.Future()
    slow = serve(wait=lambda: (entered.set(), gate.wait(20)))

    def middle(client):
        try:
            ended.set_result(client.wait())
        except StatusNotOk as error:
            ended.set_result(error.code)

    front = courier.Client(serve(middle=middle).address)
    yield front, courier.Client(slow.address), entered, ended
    gate.set()


def test_a_nested_call_ends_at_the_outer_deadline(nested, serve):
    front, slow, _, ended = nested
    hurried = courier.Client(front.address, call_timeout=0.05)
    with pytest.raises(StatusNotOk):
        hurried.middle(slow)
        raise StatusNotOk  # It may still manage to answer.
    # Its own copy of the deadline passes, or word comes that the caller has given up at his.
    assert ended.result(20) in (StatusCode.DEADLINE_EXCEEDED, StatusCode.CANCELLED)


def test_a_nested_call_ends_when_the_outer_one_is_cancelled(nested):
    front, slow, entered, ended = nested
    future = front.futures.middle(slow)
    assert entered.wait(20)
    assert future.cancel()
    assert ended.result(20) is StatusCode.CANCELLED
