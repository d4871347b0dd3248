"""retry=: calls that fail as UNAVAILABLE are made again, if the client says that they may run
twice.
"""

from __future__ import annotations

import _thread
import pickle
import threading

import pytest

import courier
import launchpad as lp
from launchpad.calls.server import NodeServer
from launchpad.errors import StatusCode, StatusNotOk

QUICK = courier.RetryPolicy(attempts=3, first_pause=0.001)
LONG = courier.RetryPolicy(attempts=1000, first_pause=0.01, growth=1)


def serve(address):
    server = NodeServer("adder", address)
    server.Bind("add", lambda a, b: a + b)
    server.Start()
    return server


@pytest.fixture
def server_later(free_address):
    servers = []
    yield lambda: servers.append(serve(free_address))
    for server in servers:
        server.Stop()


def test_without_a_policy_a_call_fails_at_once(free_address):
    client = courier.Client(free_address, wait_for_ready=False)
    with pytest.raises(StatusNotOk) as failed:
        client.add(1, 2)
    assert failed.value.code == StatusCode.UNAVAILABLE


def test_the_last_attempts_error_is_raised(free_address):
    client = courier.Client(free_address, wait_for_ready=False, retry=QUICK)
    for call in (client.add, lambda *args: client.futures.add(*args).result(30)):
        with pytest.raises(StatusNotOk) as failed:
            call(1, 2)
        assert failed.value.code == StatusCode.UNAVAILABLE


def test_a_call_is_made_again_when_the_server_has_come_back(free_address, server_later):
    server = serve(free_address)
    client = courier.Client(free_address, wait_for_ready=False, retry=LONG)
    assert client.add(1, 2) == 3
    server.Stop()
    future = client.futures.add(3, 4)
    assert not future.done()
    server_later()
    assert future.result(30) == 7
    assert client.add(5, 6) == 11


def test_only_the_methods_that_are_named_are_made_again(free_address):
    hour = courier.RetryPolicy(first_pause=3600, longest_pause=3600, methods=["get"])
    client = courier.Client(free_address, wait_for_ready=False, retry=hour)
    server = serve(free_address)
    assert client.add(1, 2) == 3
    server.Stop()
    future = client.futures.get()
    assert not future.done()
    assert future.cancel()
    with pytest.raises(StatusNotOk):
        client.add(1, 2)


def test_ctrl_c_ends_a_pause(free_address):
    hour = courier.RetryPolicy(first_pause=3600, longest_pause=3600)
    client = courier.Client(free_address, wait_for_ready=False, retry=hour)
    with pytest.raises(KeyboardInterrupt):
        threading.Timer(0.05, _thread.interrupt_main).start()
        client.add(1, 2)


def test_a_client_travels_with_its_policy(free_address):
    client = courier.Client(free_address, wait_for_ready=False, retry=QUICK)
    assert pickle.loads(pickle.dumps(client))._kwargs["retry"] == QUICK


@pytest.mark.parametrize(
    "numbers",
    [{"attempts": 0}, {"first_pause": -1}, {"growth": 0.5}, {"longest_pause": -1}, {"jitter": 2}],
)
def test_numbers_that_make_no_sense_are_refused(numbers):
    with pytest.raises(ValueError, match=f"RetryPolicy's {next(iter(numbers))} must be from"):
        courier.RetryPolicy(**numbers)


def test_other_values_are_refused():
    with pytest.raises(ValueError, match="must be a list of names, not the text 'get'"):
        courier.RetryPolicy(methods="get")
    with pytest.raises(TypeError, match="retry must be a RetryPolicy or None, not 3"):
        courier.Client("localhost:1", retry=3)


class Counter:
    def count(self):
        return 1


def test_handles_take_a_policy(free_address):
    node = lp.CourierNode(Counter, courier_client_kwargs={"retry": QUICK})
    assert node.create_handle()._kwargs["retry"] == QUICK
