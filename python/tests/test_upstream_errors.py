"""Each error of upstream's inventory: its type, upstream's words, and what to do about it."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable
from typing import Any

import pytest
from upstream_errors import Row, check

import launchpad as lp
from launchpad import context
from launchpad.cloud import cluster
from launchpad.launch import serialization, worker_manager
from launchpad.nodes import base


class Server:
    def f(self) -> int:
        return 5


def nothing(*args: Any, **kwargs: Any) -> None:
    pass


def fail(text: str) -> None:
    raise ValueError(text)


def drawn(node: Any = None) -> lp.Program:
    program = lp.Program("p")
    program.add_node(node or lp.PyNode(nothing), label="n")
    return program


def launched(launch_type: str = "local_mt", node: Any = None, **kwargs: Any) -> Any:
    return lp.launch(drawn(node), launch_type, **kwargs)


def in_group(group: str, do: Callable[[lp.Program], Any]) -> None:
    program = lp.Program("p")
    with program.group(group):
        do(program)


def nested(program: lp.Program) -> None:
    with program.group("inner"):
        pass


def assigned_twice() -> None:
    address = lp.Address()
    for _ in range(2):
        lp.PyNode(nothing).allocate_address(address)


def unbound() -> str:
    address = lp.Address()
    lp.PyNode(nothing).allocate_address(address)
    return address.resolve()


def two_programs() -> None:
    first, second = lp.Program("first"), lp.Program("second")
    handle = first.add_node(lp.CourierNode(Server), "server")
    second.add_node(lp.PyNode(nothing, handle), "n")
    lp.launch(second, "local_mt")


def two_ports() -> None:
    node = lp.CourierNode(Server)
    node.allocate_address(lp.Address("other"))
    config = lp.DockerConfig("/", "/etc/hostname")
    pools = cluster.pools(drawn(node), {"n": config})
    cluster.bind(pools, max_ports=1)


def five_configurations() -> None:
    program = lp.Program("p")
    resources = {}
    for number in range(5):
        program.add_node(lp.PyNode(nothing), label=f"n{number}")
        hardware = {"accelerator": f"GPU{number}"}
        resources[f"n{number}"] = lp.DockerConfig("/", "/etc/hostname", hardware)
    cluster.pools(program, resources)


class Mute(base.Node):
    def create_handle(self) -> Any:
        return None


LOCK = threading.Lock()
LABEL = "Label should not be empty."
ROWS = {
    # 2: the top level.
    "is_local_launch": Row(
        lambda: lp.is_local_launch("x"), ValueError, "'x' is not a valid LaunchType", "local_mt"
    ),
    "an unknown name": Row(
        lambda: lp.nothing, AttributeError, "has no attribute 'nothing'", "dir(launchpad)"
    ),
    # 3: Program.
    "no label": Row(
        lambda: lp.Program("p").add_node(lp.PyNode(nothing)), ValueError, LABEL, "Give the node"
    ),
    "an empty label": Row(
        lambda: lp.Program("p").add_node(lp.PyNode(nothing), ""), ValueError, LABEL, "Give the node"
    ),
    "an empty group": Row(lambda: in_group("", nothing), ValueError, LABEL, "group(label)"),
    "a nested group": Row(
        lambda: in_group("outer", nested),
        ValueError,
        "group() cannot be nested.",
        "'outer' end first",
    ),
    "another label than the group's": Row(
        lambda: in_group("a", lambda p: p.add_node(lp.PyNode(nothing), "b")),
        ValueError,
        "The given label does not match the current group: b vs a.",
        "Leave the label out",
    ),
    "current_group outside of one": Row(
        lambda: lp.Program("p").current_group,
        ValueError,
        "Current group is only available in group context.",
        "inside of a group(label)",
    ),
    "what is no node": Row(
        lambda: lp.Program("p").add_node(5, "x"), TypeError, "", "only nodes can be added"
    ),
    "a handle of another program": Row(
        two_programs, ValueError, "", "Add a node like it to this program"
    ),
    # 4: launch.
    "a launch type": Row(
        lambda: launched("bogus"), ValueError, "'bogus' is not a valid LaunchType", "local_mp"
    ),
    "no program": Row(lambda: lp.launch([]), ValueError, "", "the list is empty"),
    "resources that are none": Row(
        lambda: launched("local_mp", local_resources={"n": 5}),
        ValueError,
        "Launch config for n must be a PythonProcess.",
        "lp.PythonProcess(",
    ),
    "resources of an unknown label": Row(
        lambda: launched("local_mp", local_resources={"m": lp.PythonProcess()}),
        ValueError,
        "",
        "there is: 'n'",
    ),
    "test_mp without a test": Row(lambda: launched("test_mp"), ValueError, "", "needs test_case"),
    "a terminal": Row(
        lambda: launched("local_mp", terminal="x"),
        ValueError,
        "`terminal` got a mode that it does not understand",
        "current_terminal",
    ),
    "what does not pickle": Row(
        lambda: launched("test_mt", lp.PyNode(nothing, LOCK)),
        RuntimeError,
        "The nodes associated to n (PyNode) were not serializable using cloudpickle.",
        "or pass `serialize_py_nodes=False`",
    ),
    "check_nodes_are_serializable": Row(
        lambda: serialization.check_nodes_are_serializable("n", [lp.PyNode(nothing, LOCK)]),
        RuntimeError,
        "were not serializable using cloudpickle.",
        "in the node's constructor",
    ),
    "vertex_ai without resources": Row(
        lambda: launched("vertex_ai"), ValueError, "", "needs a DockerConfig for the label 'n'"
    ),
    "resources without labels": Row(
        lambda: launched("local_mp", local_resources=lp.PythonProcess()),
        TypeError,
        "",
        "{'label': lp.PythonProcess()}",
    ),
    "what is no program": Row(
        lambda: lp.launch([lp.PyNode(nothing)]), TypeError, "", "takes an lp.Program, or a list of"
    ),
    # 5: contexts.
    "a context before the launch": Row(
        lambda: lp.PyNode(nothing).launch_context.launch_type,
        RuntimeError,
        "Launch context is not yet initialized",
        "launch the program first",
    ),
    "a context outside of a node": Row(
        context.get_context,
        AssertionError,
        "Launchpad context was not instantiated.",
        "outside of the node's main thread?",
    ),
    # 6: nodes.
    "no launch configuration": Row(
        lambda: Mute.default_launch_config(lp.LaunchType.LOCAL_MULTI_THREADING),
        NotImplementedError,
        "Launch config has to be explicitly specified for Mute",
        "local_resources",
    ),
    "a node that runs nothing": Row(
        lambda: launched(node=Mute()), NotImplementedError, "", "define its static method"
    ),
    "the handle of a PyNode": Row(
        lambda: lp.PyNode(nothing).create_handle().dereference(),
        NotImplementedError,
        "_DummyHandle cannot be dereferenced.",
        "CourierNode",
    ),
    "arguments that cannot be walked": Row(
        lambda: lp.PyClassNode(Server, {1: 1, "a": 2}),
        ValueError,
        "Failed to construct the PyClassNode with\n- constructor: ",
        "cannot be walked",
    ),
    "a handle that is no client": Row(
        lambda: lp.CourierNode(Server).create_handle().f(),
        AttributeError,
        "'CourierHandle' object has no attribute 'f'. Most likely you need to dereference handle",
        "maybe_dereference",
    ),
    "a handle before the launch": Row(
        lambda: lp.CourierNode(Server).create_handle().dereference(),
        RuntimeError,
        "has not been bound to any address builder",
        "bind_addresses(nodes)",
    ),
    "unknown courier_kwargs": Row(
        lambda: launched(node=lp.CourierNode(Server, courier_kwargs={"pool": 3})),
        TypeError,
        "",
        "thread_pool_size",
    ),
    "threads of what is no PyNode": Row(
        lambda: lp.MultiThreadingColocation([3]),
        ValueError,
        "MultiThreadingColocation only works with PyNodes.",
        "lp.PyNode(",
    ),
    "no threads": Row(
        lambda: launched(node=lp.MultiThreadingColocation([])),
        ValueError,
        "MultiThreadingColocation requires at least one node.",
        "add_node",
    ),
    "less than no retries": Row(
        lambda: lp.MultiProcessingColocation([lp.PyNode(nothing)], num_retries_on_failure=-1),
        ValueError,
        "",
        "must be 0 or more",
    ),
    "a cache of what is no handle": Row(
        lambda: lp.CacherNode(lp.CourierNode(Server), 1, 1), TypeError, "", "as add_node"
    ),
    "processes of what is no PyNode": Row(
        lambda: lp.MultiProcessingColocation([3]),
        ValueError,
        "MultiProcessingColocation only works with PyNodes.",
        "lp.PyNode(",
    ),
    "no retries left": Row(
        lambda: launched(node=lp.MultiProcessingColocation([lp.PyNode(fail, "why")])),
        RuntimeError,
        "num_retries_on_failure (=0) is reached.",
        "Allow more, or mend the last failure: ",
    ),
    "a cache of no time": Row(
        lambda: lp.CacherNode(lp.CourierNode(Server).create_handle(), 0, 1),
        ValueError,
        "",
        "must be positive",
    ),
    "a Deferred that fails": Row(
        lambda: lp.Deferred(fail, "why").dereference(),
        RuntimeError,
        "Error (why) occurred when evaluating Deferred defined at:\n",
        "test_upstream_errors.py",
    ),
    # 7: batched_handler.
    "an unbound method": Row(
        lambda: lp.batched_handler(batch_size=2)(Server.f),
        AssertionError,
        "Do not decorate class methods with @lp.batched_handler.",
        "Wrap them in the object constructor instead.",
    ),
    "a batch of none": Row(lambda: lp.batched_handler(0), ValueError, "", "must be at least 1"),
    "a negative timeout": Row(
        lambda: lp.batched_handler(2, timeout=datetime.timedelta(-1)),
        ValueError,
        "",
        "must not be negative",
    ),
    # 8: addresses.
    "a name of an address": Row(
        lambda: lp.Address("A"),
        ValueError,
        "Wrong address name: A does not match [a-z][a-z0-9]*.",
        "lower-case",
    ),
    "an address of two nodes": Row(
        assigned_twice,
        ValueError,
        "You are associating a node to this lp.Address which is already assigned to another node.",
        "The previous node was",
    ),
    "an address of no node": Row(
        lambda: lp.Address().resolve(),
        RuntimeError,
        "The lp.Address hasn't been assigned to any node, thus it cannot be resolved.",
        "node.allocate_address(address)",
    ),
    "an address that is not bound": Row(
        unbound, RuntimeError, "has not been bound to any address builder.", "bind_addresses(nodes)"
    ),
    "a port without a number": Row(
        lambda: lp.get_port_from_address("host:own"), KeyError, "LP_PORT_own", "environment"
    ),
    "the port of a courier node": Row(
        lambda: lp.get_port_from_address("unix:/run/0.sock"), ValueError, "", "allocate_address"
    ),
    "two ports under vertex_ai": Row(
        two_ports, RuntimeError, "Vertex AI supports only one port per node. 2 requested", "Put"
    ),
    # 9: resources.
    "a DockerConfig without code": Row(
        lambda: lp.DockerConfig().check("n"), ValueError, "", "'n' needs code_directory"
    ),
    "a DockerConfig without requirements": Row(
        lambda: lp.DockerConfig("/").check("n"), ValueError, "", "'n' needs docker_requirements"
    ),
    "more than four pools": Row(
        five_configurations,
        RuntimeError,
        "Too many nodes with different requirements specified.",
        "Give more labels the same DockerConfig.",
    ),
    # 10: stopping.
    "stop": Row(lp.stop, RuntimeError, "", "context.set_context("),
    "wait_for_stop": Row(lp.wait_for_stop, RuntimeError, "", "only in a node"),
    "stop_event": Row(lp.stop_event, RuntimeError, "", "only in a node"),
    "a stopper outside of a node": Row(
        lp.make_program_stopper("local_mt"), RuntimeError, "", "only from one of its nodes"
    ),
    "a stopper of an unknown type": Row(
        lambda: lp.make_program_stopper("x"), ValueError, "'x' is not a valid LaunchType", "test_mp"
    ),
    # 11: managers.
    "no manager": Row(
        worker_manager.get_worker_manager,
        RuntimeError,
        "",
        "WorkerManager(register_in_thread=True)",
    ),
    "a label to wait for": Row(
        lambda: launched("test_mt").wait(["m"]), ValueError, "", "there is: 'n'"
    ),
}


@pytest.mark.parametrize("what", ROWS)
def test_an_error_has_upstreams_type_and_words_and_says_what_to_do(what):
    check(ROWS[what])
