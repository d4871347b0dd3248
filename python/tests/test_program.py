"""Programs are drawn by rules, and each mistake says what it is."""

from __future__ import annotations

import collections
import threading

import attr
import pytest

import launchpad as lp
from launchpad import context
from launchpad.launch import serialization
from launchpad.nodes import base, dereference

Pair = collections.namedtuple("Pair", "first second")


@attr.s(auto_attribs=True)
class Attrs:
    handle: object


def nothing(*args, **kwargs):
    pass


class Server:
    def f(self):
        return 5


def test_nodes_are_grouped_by_label_in_order():
    program = lp.Program("name")
    nodes = [lp.PyNode(nothing) for _ in range(4)]
    with program.group("b"):
        assert program.current_group == "b"
        program.add_node(nodes[0])
        program.add_node(nodes[1], label="b")
    program.add_node(nodes[2], label="a")
    program.add_node(nodes[3], "b")
    assert program.name == "name"
    assert program.groups == {"b": [nodes[0], nodes[1], nodes[3]], "a": [nodes[2]]}
    assert list(program.groups) == ["b", "a"]
    assert program.get_all_nodes() == [nodes[0], nodes[1], nodes[3], nodes[2]]


def test_labels_are_checked():
    program = lp.Program("p")
    for add in (lambda: program.add_node(lp.PyNode(nothing)),
                lambda: program.add_node(lp.PyNode(nothing), label="")):  # fmt: skip
        with pytest.raises(ValueError, match=r"Label should not be empty."):
            add()
    with pytest.raises(ValueError, match=r"Label should not be empty."), program.group(""):
        pass
    with (
        pytest.raises(ValueError, match=r"group\(\) cannot be nested."),
        program.group("a"),
        program.group("b"),
    ):
        pass
    with (
        pytest.raises(
            ValueError, match=r"The given label does not match the current group: b vs a."
        ),
        program.group("a"),
    ):
        program.add_node(lp.PyNode(nothing), label="b")
    with pytest.raises(ValueError, match=r"Current group is only available in group context."):
        _ = program.current_group
    assert program.get_all_nodes() == []


def test_a_group_ends_with_an_exception():
    program = lp.Program("p")
    with pytest.raises(KeyError), program.group("a"):
        raise KeyError
    with program.group("b"):
        assert program.current_group == "b"


def test_only_nodes_can_be_added():
    program = lp.Program("p")
    with pytest.raises(TypeError, match="only nodes can be added to a program, not 5"):
        program.add_node(5, label="x")
    assert program.groups == {}


def test_a_node_cannot_be_added_twice():
    program, other = lp.Program("p"), lp.Program("q")
    node = lp.PyNode(nothing)
    program.add_node(node, label="n")
    for second in (program, other):
        with pytest.raises(ValueError, match="n/0"):
            second.add_node(node, label="again")
    assert other.get_all_nodes() == []


def test_a_handle_of_another_program_is_refused_at_launch():
    first, second = lp.Program("first"), lp.Program("second")
    handle = first.add_node(lp.CourierNode(Server), label="server")
    second.add_node(lp.PyNode(nothing, handle), label="n")
    with pytest.raises(ValueError, match=r"first.*|server"):
        lp.launch(second, launch_type="local_mt")


def test_a_handle_of_a_node_that_was_never_added_is_refused_at_launch():
    program = lp.Program("p")
    handle = lp.CourierNode(Server).create_handle()
    program.add_node(lp.PyNode(nothing, handle), label="n")
    with pytest.raises(ValueError, match="added"):
        lp.launch(program, launch_type="local_mt")


def test_make_program_labels_its_nodes():
    program = lp.make_program(lp.PyNode(nothing), lp.CourierNode(Server), name="made")
    assert program.name == "made"
    assert len(program.get_all_nodes()) == 2


def test_handles_are_found_in_nested_arguments():
    program = lp.Program("p")
    handles = [program.add_node(lp.CourierNode(Server), label=f"s{i}") for i in range(6)]
    node = lp.PyNode(
        nothing,
        handles[0],
        [handles[1], (handles[2],)],
        key={"a": Pair(handles[3], 1), "b": Attrs(handles[4])},
        deferred=lp.Deferred(nothing, [handles[5]]),
    )
    assert set(node.input_handles) == set(handles)


@pytest.mark.parametrize("launch_type", ["local_mt", "test_mt"])
def test_nested_handles_become_clients(launch_type):
    program = lp.Program("p")
    one, two, three = (program.add_node(lp.CourierNode(Server), label=f"s{i}") for i in range(3))

    def check(plain, nested, pair, attrs, deferred):
        clients = [plain, nested["list"][0][0], pair.second, attrs.handle, deferred]
        assert type(pair).__name__ == "Pair" and type(attrs).__name__ == "Attrs"
        assert all(isinstance(client, lp.CourierClient) for client in clients)
        assert [client.f() for client in clients] == [5] * 5
        lp.stop()

    node = lp.PyNode(
        check, one, {"list": [(two,)]}, Pair(1, three), Attrs(one), lp.Deferred(lambda c: c, two)
    )
    program.add_node(node, label="checker")
    lp.launch(program, launch_type=launch_type).wait()


def test_cycles_are_drawn_with_configure():
    results = []

    class Node:
        def __init__(self, peer, first):
            self._peer, self._first = peer, first

        def answer(self):
            return 6

        def run(self):
            if self._first:
                results.append(self._peer.answer())
                lp.stop()
            else:
                lp.wait_for_stop()

    program = lp.Program("cycle")
    a, b = lp.CourierNode(Node), lp.CourierNode(Node)
    to_a = program.add_node(a, label="a")
    to_b = program.add_node(b, label="b")
    a.configure(to_b, first=True)
    b.configure(to_a, first=False)
    assert a.input_handles == [to_b]
    lp.launch(program, launch_type="local_mt")
    assert results == [6]


def test_a_handle_says_that_it_must_be_dereferenced():
    handle = lp.CourierNode(Server).create_handle()
    with pytest.raises(AttributeError, match="dereference handle before use"):
        handle.f()
    with pytest.raises(RuntimeError, match="not been bound to any address builder"):
        handle.dereference()
    with pytest.raises(NotImplementedError, match=r"_DummyHandle cannot be dereferenced."):
        lp.PyNode(nothing).create_handle().dereference()


def test_client_kwargs_reach_the_clients():
    program = lp.Program("p")
    node = lp.CourierNode(Server, courier_client_kwargs={"call_timeout": 7})
    handle = program.add_node(node, label="server")
    other = node.create_handle()
    other.set_client_kwargs(call_timeout=8, wait_for_ready=False)
    manager = lp.launch(program, launch_type="test_mt")
    assert handle.dereference()._kwargs["call_timeout"] == 7
    assert other.dereference()._kwargs["call_timeout"] == 8
    assert other.dereference().f() == 5
    manager.stop_and_wait()


@pytest.mark.parametrize("kwargs", [{"unknown": 1}, {"thread_pool_size": 0}])
def test_bad_courier_kwargs_fail_the_node(kwargs):
    program = lp.Program("p")
    program.add_node(lp.CourierNode(Server, courier_kwargs=kwargs), label="server")
    with pytest.raises((TypeError, ValueError), match="server/0"):
        lp.launch(program, launch_type="local_mt")


def test_what_is_served_is_public_and_callable():
    import courier

    class Wide:
        attribute = 5

        def __init__(self):
            self.size = len

        def method(self):
            return 1

        @staticmethod
        def static():
            return 2

        @classmethod
        def of_class(cls):
            return 3

        @property
        def broken(self):
            raise ValueError("properties are left alone")

        def _private(self):
            pass

        def __call__(self):
            return 4

        class Nested:
            pass

    program = lp.Program("p")
    handle = program.add_node(lp.CourierNode(Wide), label="wide")
    manager = lp.launch(program, launch_type="test_mt", serialize_py_nodes=False)
    client = handle.dereference()
    assert [client.method(), client.static(), client.of_class(), client()] == [1, 2, 3, 4]
    assert client.size([1]) == 1
    methods = courier.list_methods(client)
    assert set(methods) == {"method", "static", "of_class", "__call__", "size", "Nested"}
    manager.stop_and_wait()


def test_an_object_may_manage_its_server_itself():
    class Own:
        def set_courier_server(self, server):
            self._server = server

        def run(self):
            assert not self._server.has_started
            self._server.Start()
            lp.wait_for_stop()
            self._server.Stop()

        def f(self):
            return 6

    program = lp.Program("p")
    handle = program.add_node(lp.CourierNode(Own), label="own")
    manager = lp.launch(program, launch_type="test_mt", serialize_py_nodes=False)
    assert handle.dereference().f() == 6
    manager.stop_and_wait()


def test_a_deferred_is_built_once_and_its_error_says_where_it_was_written():
    built = []
    deferred = dereference.Deferred(lambda: built.append(1) or len(built))
    assert (deferred.dereference(), deferred.dereference()) == (1, 1)
    assert lp.maybe_dereference(deferred) == 1 and lp.maybe_dereference(5) == 5
    with pytest.raises(RuntimeError, match=r"(?s)Error \(.*\) occurred.*test_program.py") as raised:
        lp.Deferred(lambda: 1 / 0).dereference()
    assert isinstance(raised.value.__cause__, ZeroDivisionError)


def test_own_kinds_of_nodes_are_launched():
    events = []

    class OwnHandle(base.Handle):
        def __init__(self, address):
            self._address = address

        def connect(self, node, label):
            events.append(("connect", label))

        def dereference(self):
            return self._address.resolve()

    class OwnNode(lp.PyClassNode):
        def __init__(self):
            super().__init__(self.run)
            self._address = lp.Address("own")
            self.allocate_address(self._address)

        def create_handle(self):
            return self._track_handle(OwnHandle(self._address))

        def run(self):
            events.append(("run", self._address.resolve()))
            assert context.get_context().launch_type is lp.LaunchType.LOCAL_MULTI_THREADING
            lp.wait_for_stop()

    def check(address):
        events.append(("given", address))
        assert lp.get_port_from_address(address) > 0
        lp.stop()

    program = lp.Program("p")
    handle = program.add_node(OwnNode(), label="own")
    program.add_node(lp.PyNode(check, handle), label="checker")
    lp.launch(program, launch_type="local_mt")
    given = dict(events)
    assert given["connect"] == "checker"
    assert given["given"].startswith("localhost:")
    assert given.get("run", given["given"]) == given["given"]


@pytest.mark.parametrize("launch_type", ["local_mp", "test_mt"])
def test_a_node_that_does_not_pickle_is_named_with_what_does_not(launch_type):
    class Holder:
        def __init__(self):
            self.inner = {"lock": threading.Lock()}

    program = lp.Program("p")
    program.add_node(lp.PyNode(nothing), label="good")
    program.add_node(lp.PyNode(nothing, Holder()), label="bad")
    with pytest.raises(RuntimeError, match="cannot pickle") as raised:
        lp.launch(program, launch_type=launch_type)
    text = str(raised.value)
    assert "associated to bad (PyNode) were not serializable using cloudpickle" in text
    assert "'bad/0'" in text
    assert ".inner['lock'] (lock)" in text
    with pytest.raises(RuntimeError, match="serializable"):
        serialization.check_nodes_are_serializable("bad", program.groups["bad"])


def test_nodes_of_threads_need_not_pickle():
    lock = threading.Lock()
    for kwargs in ({"launch_type": "local_mt"},
                   {"launch_type": "test_mt", "serialize_py_nodes": False}):  # fmt: skip
        program = lp.Program("p")
        program.add_node(lp.PyNode(nothing, lock), label="n")
        lp.launch(program, **kwargs).wait()
