"""Clients and servers: how they are made, copied, given away, stopped and met again."""

from __future__ import annotations

import copy
import datetime
import os
import pickle
import socket
import threading

import cloudpickle
import pytest
from pybind11_abseil.status import StatusCode, StatusNotOk

import courier
from courier.python import pybind


def client_of(server, **kwargs):
    return courier.Client(server.address, **{"call_timeout": 20, **kwargs})


def test_a_client_calls_and_lists_methods(client):
    assert client.same(1) == 1
    assert client("a", 1) == ("called", ("a", 1))
    assert client._private() == "private"
    methods = courier.list_methods(client)
    assert methods == sorted(methods)
    assert {"same", "__call__", "_private"} <= set(methods)


def test_calling_what_has_no_call_method_is_not_found(serve):
    with pytest.raises(StatusNotOk, match="method __call__ not found"):
        client_of(serve())()


def test_a_star_catches_every_unknown_method(serve):
    client = client_of(serve(**{"*": lambda *args: ("star", args), "known": lambda: "known"}))
    assert client.anything(1) == ("star", (1,))
    assert client.known() == "known"


def test_upstreams_handlers_are_bound_and_called(serve):
    server = serve()
    server.BindHandler("double", pybind.BuildPyCallHandler(lambda value: 2 * value))
    triple = pybind.BuildBatchedHandlerWrapper("triple", lambda v: 3 * v, 1, 1, 50, False)
    server.BindHandler("triple", triple)
    with pytest.raises(ValueError, match=r"Mismatched endpoint name.*'triple'"):
        server.BindHandler("other", triple)
    client = client_of(server)
    assert (client.double(2), client.triple(3)) == (4, 9)


def test_values_become_bytes_by_upstreams_names():
    value = {"a": [1, 2.5], "b": (None, b"c")}
    assert pybind.DeserializeFromString(pybind.SerializeToString(value)) == value


def test_methods_can_be_bound_again_and_taken_back(serve):
    server = serve(f=lambda: 1)
    client = client_of(server)
    assert client.f() == 1
    server.Bind("f", lambda: 2)
    assert client.f() == 2
    server.Unbind("f")
    server.Unbind("never there")
    with pytest.raises(StatusNotOk, match="method f not found"):
        client.f()
    server.BindHandler("g", lambda: 3)
    assert client.g() == 3


def test_copies_and_pickles_of_clients_call_the_same_server(client, shared_address):
    for other in (
        copy.copy(client),
        copy.deepcopy(client),
        pickle.loads(pickle.dumps(client)),
        cloudpickle.loads(cloudpickle.dumps(client)),
    ):
        assert other is not client
        assert other.same(1) == 1
        assert other.address == client.address == shared_address


def test_options_survive_pickling(free_address):
    client = courier.Client(free_address, call_timeout=datetime.timedelta(milliseconds=50))
    with pytest.raises(StatusNotOk) as raised:
        pickle.loads(pickle.dumps(client)).f()
    assert raised.value.code is StatusCode.DEADLINE_EXCEEDED
    with pytest.raises(StatusNotOk) as raised:
        copy.deepcopy(courier.Client(free_address, wait_for_ready=False)).f()
    assert raised.value.code is StatusCode.UNAVAILABLE


def test_a_client_can_be_an_argument_and_is_called_by_the_server(client, serve):
    answering = client_of(serve(answer=lambda *args: ("answer", args)))
    assert client.call_back(answering, 1, 2) == ("answer", (1, 2))
    assert isinstance(client.same(answering), courier.Client)


def test_a_method_may_call_back_its_caller(serve):
    depth = 10
    ping = serve(thread_pool_size=16)
    pong = serve(thread_pool_size=16)
    to_ping, to_pong = client_of(ping), client_of(pong)
    ping.Bind("go", lambda n: n if n == 0 else 1 + to_pong.go(n - 1))
    pong.Bind("go", lambda n: n if n == 0 else 1 + to_ping.go(n - 1))
    assert to_ping.go(depth) == depth


def test_python_protocols_do_not_become_calls(client):
    assert not hasattr(client, "__array__")
    assert not hasattr(client, "__enter__")
    assert not hasattr(client.futures, "__len__")
    assert "courier.Client" in repr(client)
    with pytest.raises(TypeError):
        len(client)


def test_a_client_is_not_asked_before_it_calls(free_address):
    client = courier.Client(free_address)
    assert client.address == free_address
    assert client.anything is client.anything
    assert client.futures.anything is client.futures.anything


def test_many_threads_share_a_client(client):
    failures = []

    def work(number):
        for i in range(50):
            if client.same((number, i)) != (number, i):
                failures.append((number, i))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not failures


@pytest.mark.parametrize("size", [1, 3])
def test_as_many_methods_run_at_once_as_the_pool_has_threads(serve, size):
    running, most = 0, 0
    lock = threading.Lock()
    full, gate = threading.Event(), threading.Event()

    def work():
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            if running == size:
                full.set()
        gate.wait(20)
        with lock:
            running -= 1

    client = client_of(serve(thread_pool_size=size, work=work))
    futures = [client.futures.work() for _ in range(8)]
    assert full.wait(20)
    gate.set()
    for future in futures:
        future.result(20)
    assert most == size


def test_threads_of_a_server_keep_their_thread_locals(serve):
    local = threading.local()

    def count():
        local.count = getattr(local, "count", 0) + 1
        return local.count

    client = client_of(serve(thread_pool_size=1, count=count))
    assert [client.count() for _ in range(3)] == [1, 2, 3]


def test_a_call_waits_for_a_server_that_comes_up_later(start_server, free_address):
    client = courier.Client(free_address)
    results = []
    calls = [
        lambda: results.append(client.same(5)),
        lambda: results.append(client.futures.same(6).result(20)),
    ]
    threads = [threading.Thread(target=call, daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    start_server(free_address)
    for thread in threads:
        thread.join(20)
    assert sorted(results) == [5, 6]


def test_a_client_meets_the_next_server_at_its_address(start_server, free_address):
    first = start_server(free_address)
    client = courier.Client(free_address, call_timeout=20)
    assert client.same(1) == 1
    first.clear_away()
    second = start_server(free_address)
    assert client.same(2) == 2
    assert client.futures.same(3).result(20) == 3
    second.clear_away()
    start_server(free_address)
    assert client.futures.same(4).result(20) == 4


def test_a_stopped_server_lets_running_methods_answer(serve):
    entered, gate = threading.Event(), threading.Event()

    def block():
        entered.set()
        gate.wait(20)
        return "answered"

    server = serve(block=block)
    future = client_of(server).futures.block()
    assert entered.wait(20)
    stopper = threading.Thread(target=server.Stop)
    stopper.start()
    gate.set()
    stopper.join(20)
    assert not stopper.is_alive()
    assert future.result(20) == "answered"


def test_join_returns_when_the_server_is_stopped(serve):
    server = serve()
    threading.Thread(target=server.Stop).start()
    server.Join()
    server.Join()
    server.Stop()


def test_a_method_may_stop_its_own_server(serve):
    server = serve()
    server.Bind("stop", lambda: server.Stop(0))
    future = client_of(server).futures.stop()
    server.Join()
    future.exception(20)


def test_a_server_goes_with_its_last_reference():
    server = courier.Server()
    server.Bind("f", lambda: 1)
    server.Start()
    client = client_of(server, wait_for_ready=False)
    assert client.f() == 1
    del server
    with pytest.raises(StatusNotOk) as raised:
        client.f()
    assert raised.value.code is StatusCode.UNAVAILABLE


def test_a_server_listens_on_loopback_at_its_port():
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    server = courier.Server(port=port)
    assert (server.port, server.address) == (port, f"localhost:{port}")
    assert not server.has_started
    server.Start()
    assert server.has_started
    server.Bind("f", lambda: 1)
    assert client_of(server).f() == 1
    server.SetIsHealthy(True)
    server.Stop()
    assert server.has_started


def test_misuse_of_a_server_is_a_value_error():
    server = courier.Server()
    for method in (server.Stop, server.Join):
        with pytest.raises(ValueError, match="Server not started"):
            method()
    with pytest.raises(ValueError, match="Cannot set health status; server not started"):
        server.SetIsHealthy(True)
    with pytest.raises(ValueError, match="must not be empty"):
        server.Bind("", lambda: 1)
    with pytest.raises(TypeError, match="not callable"):
        server.Bind("f", 5)
    server.Start()
    with pytest.raises(ValueError, match="Server already started"):
        server.Start()
    server.Stop()
    with pytest.raises(ValueError, match="Server already started"):
        server.Start()
    with pytest.raises(ValueError, match="at least 1"):
        courier.Server(thread_pool_size=0)


def test_a_second_server_at_an_address_is_refused(serve):
    server = serve()
    with pytest.raises(FileExistsError, match=str(server.port)):
        courier.Server(port=server.port).Start()


@pytest.mark.parametrize("address", ["", "no port", "localhost:notaport", "unix:", "http://a/b"])
def test_a_bad_address_is_a_value_error(address):
    with pytest.raises(ValueError, match="address"):
        courier.Client(address)


@pytest.mark.parametrize("kwargs", [{"call_timeout": -1}, {"load_balancing_policy": "grpc"}])
def test_bad_options_are_value_errors(kwargs):
    with pytest.raises(ValueError):
        courier.Client("localhost:1", **kwargs)


@pytest.mark.parametrize(
    "wait",
    [
        "courier.Client(address).block()",
        "courier.Client(address).futures.block().result()",
        "courier.Client('unix:/nowhere/at.all').f()",
        "courier.Client('unix:/nowhere/at.all').futures.f().result()",
        "courier.list_methods(courier.Client('unix:/nowhere/at.all'))",
        "server = courier.Server(); server.Start(); server.Join()",
        "while not threading.Event().wait(1): pass",
    ],
)
def test_ctrl_c_ends_a_wait_of_the_main_thread(run, shared_address, wait):
    waiting = run(
        f"""
        import os, signal, threading
        import courier
        address = "{shared_address}"
        ready = threading.Event()
        # It runs once the main thread waits and has let go of the interpreter.
        interrupt = lambda: (ready.wait(), os.kill(os.getpid(), signal.SIGINT))
        threading.Thread(target=interrupt).start()
        try:
            ready.set()
            {wait}
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        """
    )
    assert waiting.status == 0, waiting.err
    assert "interrupted" in waiting.out
    courier.Client(shared_address).release()


def test_a_fork_can_use_a_client_of_its_own(shared_address):
    client = courier.Client(shared_address, call_timeout=20)
    assert client.same(1) == 1
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if courier.Client(shared_address, call_timeout=20).same(2) == 2 else 1)
        finally:
            os._exit(2)
    _, status = os.waitpid(child, 0)
    assert status == 0
    assert client.same(3) == 3
