"""What is wrong with upstream's courier, by the ranks of its inventory's last list, is not here.
A test's number is the rank. The other half: test_upstream_shortcomings.py.
"""

from __future__ import annotations

import enum
import gc
import pickle
import threading

import numpy as np
import pytest

import courier
from launchpad.errors import StatusNotOk


def test_01_arrays_scalars_and_what_holds_them_are_arguments(client):
    for value in (np.arange(6).reshape(2, 3), np.float32(2), {"a": [np.ones(2)]}, np.zeros(0)):
        assert repr(client.same(value)) == repr(value)
    state = client.same(np.random.RandomState(5))
    assert state.randint(1000) == np.random.RandomState(5).randint(1000)


def test_03_a_call_whose_server_dies_is_not_run_again(start_server, free_address, tmp_path):
    count = tmp_path / "count"
    first = start_server(free_address)
    client = courier.Client(free_address)

    def count_and_die(path):
        import os

        with open(path, "a") as file:
            file.write("x")
        os._exit(1)

    with pytest.raises(StatusNotOk):
        client.apply(count_and_die, str(count))
    first.end()
    start_server(free_address)
    assert client.same(1) == 1
    assert count.read_text() == "x"


class BadInit(Exception):
    def __init__(self, one, two):
        super().__init__("needs two")


class BadState:
    def __setstate__(self, state):
        raise ValueError("cannot be set up")

    def __getstate__(self):
        return {"some": "state"}


class ByName:
    def __reduce__(self):
        return "BY_NAME"


BY_NAME = ByName()


def cyclic():
    value: list = []
    value.append(value)
    return value


def nested():
    value: list = []
    for _ in range(100_000):
        value = [value]
    return value


KILLERS = {
    "a list inside of itself": cyclic,
    "deep nesting": nested,
    "an ellipsis": lambda: ...,
    "NotImplemented": lambda: NotImplemented,
    "an object that pickles as a name": lambda: BY_NAME,
    "an exception that its class cannot rebuild": lambda: BadInit(1, 2),
    "an object that cannot be set up": BadState,
}


@pytest.mark.parametrize("name", KILLERS)
def test_05_no_value_kills_a_client_or_a_server(client, name):
    def make():
        return KILLERS[name]()

    for call in (lambda: client.apply(lambda v: "taken", make()), lambda: client.apply(make)):
        try:
            call()
        except Exception as error:
            assert str(error)
    assert client.same("alive") == "alive"


def test_05_health_can_be_set_after_the_start():
    server = courier.Server()
    server.Bind("f", lambda: 1)
    with pytest.raises(ValueError, match="not started"):
        server.SetIsHealthy(True)
    server.Start()
    server.SetIsHealthy(False)
    server.SetIsHealthy(True)
    assert courier.Client(server.address).f() == 1
    server.Stop()


def test_05_futures_of_a_client_that_nobody_holds_are_answered(shared_address):
    assert courier.Client(shared_address).futures.same(1).result() == 1


def test_05_the_last_client_may_go_in_a_callback(shared_address):
    gone = threading.Event()
    clients = [courier.Client(shared_address)]

    def drop(_):
        clients.clear()
        gc.collect()
        gone.set()

    clients[0].futures.same(1).add_done_callback(drop)
    assert gone.wait(20)


def test_05_an_answer_that_cannot_be_decoded_is_the_futures_error(client):
    with pytest.raises(Exception, match="cannot be set up"):
        client.futures.apply(BadState).result()
    assert client.same("alive") == "alive"


class Colour(enum.IntEnum):
    RED = 1


def test_06_nothing_arrives_as_something_else(client):
    big = np.array([1, 258], ">i4")
    masked = np.ma.masked_array([1.0, 2.0], mask=[True, False])
    text = np.array(["ä", "bc"])
    returned = client.same([big, masked, text, Colour.RED])
    assert returned[0].tolist() == [1, 258]
    assert returned[1].mask.tolist() == [True, False]
    assert returned[2].dtype == text.dtype and returned[2].tolist() == ["ä", "bc"]
    assert returned[3] is Colour.RED


def test_12_the_pool_has_the_size_that_was_asked_for():
    server = courier.Server(thread_pool_size=1)
    running = []
    most = []

    def work():
        running.append(1)
        most.append(len(running))
        running.pop()

    server.Bind("work", work)
    server.Start()
    client = courier.Client(server.address)
    for future in [client.futures.work() for _ in range(50)]:
        future.result()
    assert set(most) == {1}
    server.Stop()


def test_12_priority_is_given_to_a_method_of_a_busy_server():
    server = courier.Server(thread_pool_size=1)
    begun, end = threading.Event(), threading.Event()

    def wait():
        begun.set()
        return end.wait(60)

    server.Bind("wait", wait)
    server.Bind("end", end.set, is_priority=True)
    server.Start()
    client = courier.Client(server.address, call_timeout=60)
    waiting = client.futures.wait()
    assert begun.wait(60)
    client.end()
    assert waiting.result(60)
    server.Stop()


@pytest.mark.parametrize("chunk", [False, True])
def test_12_large_arrays_arrive_in_pieces_asked_for_or_not(shared_address, chunk):
    large = np.arange(5_000_000, dtype=np.int64)
    client = courier.Client(shared_address, chunk_tensors=chunk)
    assert (client.same(large) == large).all()


def test_13_errors_keep_their_types_and_travel(client):
    with pytest.raises(KeyError) as raised:
        client.fail("KeyError", "lost")
    again = pickle.loads(pickle.dumps(raised.value))
    assert isinstance(again, KeyError) and again.code == raised.value.code
    with pytest.raises(StatusNotOk) as unknown:
        client.no_such_method()
    assert not isinstance(unknown.value, KeyError)
    assert "method no_such_method not found" in str(unknown.value)
    with pytest.raises(TypeError, match="cannot pickle"):
        client.same(threading.Lock())


def test_13_errors_of_calling_the_client_itself_are_its_own():
    server = courier.Server()

    def fail(*_):
        raise IndexError("of the call")

    server.Bind("__call__", fail)
    server.Start()
    with pytest.raises(IndexError, match="of the call"):
        courier.Client(server.address)(1)
    server.Stop()


FORKED = """
import os, sys
import courier

client = courier.Client(sys.argv[1])
assert client.same(1) == client.futures.same(1).result() == 1
child = os.fork()
number = 2 if child == 0 else 3
for _ in range(100):
    assert client.same(number) == number
    assert client.futures.same(number).result() == number
assert courier.list_methods(client)
if child == 0:
    sys.exit(5)  # The whole way, with all destructors.
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5
print("both called")
"""


def test_15_a_forked_process_goes_on_with_the_clients_it_has(run, shared_address):
    ended = run(FORKED, shared_address)
    assert ended.out == "both called\n", ended.err
