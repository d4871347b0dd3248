"""Methods with priority run although all threads of their server are busy with others."""

from __future__ import annotations

import datetime
import threading

import pytest

import courier
import launchpad as lp


class Busy:
    """Methods that wait for a gate, and such as look from outside."""

    def __init__(self):
        self.open = threading.Event()
        self.entered = threading.Semaphore(0)

    def wait(self, value):
        self.entered.release()
        self.open.wait(60)
        return value

    def look(self):
        return "seen"


@pytest.fixture
def busy():
    """A Busy, the server of its methods with one thread, not started, and its client."""
    instance = Busy()
    server = courier.Server("busy", None, 1)
    server.Bind("wait", instance.wait)
    yield instance, server, courier.Client(server.address, call_timeout=20)
    instance.open.set()
    server.Stop()


def blocked(instance, client):
    """Calls of which one runs, which takes the only thread, and others wait."""
    futures = [client.futures.wait(i) for i in range(3)]
    assert instance.entered.acquire(timeout=20)
    return futures


@pytest.mark.parametrize("bind", ["Bind", "BindHandler"])
def test_a_priority_method_runs_although_the_only_thread_is_blocked(busy, bind):
    instance, server, client = busy
    getattr(server, bind)("look", instance.look, is_priority=True)
    server.Start()
    futures = blocked(instance, client)
    assert [client.look() for _ in range(50)] == ["seen"] * 50
    assert not instance.entered.acquire(blocking=False), "another one took a thread of its own"
    instance.open.set()
    assert [future.result(20) for future in futures] == [0, 1, 2]


def test_a_method_may_be_bound_with_priority_while_all_threads_are_blocked(busy):
    instance, server, client = busy
    server.Start()
    blocked(instance, client)
    server.Bind("look", instance.look, is_priority=True)
    assert client.look() == "seen"


def test_without_priority_a_method_waits_for_a_thread(busy):
    instance, server, client = busy
    server.Bind("look", instance.look)
    server.Start()
    blocked(instance, client)
    looked = client.futures.look()
    server.Bind("peek", instance.look, is_priority=True)
    assert client.peek() == "seen"
    assert not looked.done()
    instance.open.set()
    assert looked.result(20) == "seen"


def test_priority_stays_with_what_is_batched(busy):
    instance, server, client = busy

    @lp.priority_handler
    def double(values):
        return 2 * values

    batched = lp.batched_handler(2, timeout=datetime.timedelta(seconds=20))(double)
    server.Bind("double", batched)
    server.Start()
    blocked(instance, client)
    first = client.futures.double(1)
    assert client.double(2) == 4
    assert first.result(20) == 2


NODE = """
import threading
import launchpad as lp

class Model:
    def __init__(self):
        self._stopped = threading.Event()
        self._training = threading.Event()

    def train(self):
        self._training.set()
        self._stopped.wait(60)
        return "trained"

    @lp.priority_handler
    def halt(self):
        self._training.wait(60)
        self._stopped.set()

def user(model):
    training = model.futures.train()
    model.halt()
    print(training.result(60), flush=True)
    lp.stop()

program = lp.Program("p")
model = lp.CourierNode(Model, courier_kwargs={"thread_pool_size": 1})
program.add_node(lp.PyNode(user, program.add_node(model, "model")), "user")
lp.launch(program, {launch_type!r})
"""


@pytest.mark.parametrize("launch_type", ["local_mt", "local_mp"])
def test_a_nodes_method_may_be_decorated(run, launch_type):
    ended = run(NODE.replace("{launch_type!r}", repr(launch_type)))
    assert ended.status == 0, ended.err
    assert "trained" in ended.out


def test_what_cannot_be_decorated_is_told_where_to():
    with pytest.raises(TypeError, match=r"put it before the `def` .* or pass is_priority=True"):
        lp.priority_handler(Busy().look)
