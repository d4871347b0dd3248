"""What can be imported, by upstream's names, and what an import costs."""

from __future__ import annotations

import importlib

import pytest

import courier
import launchpad as lp


@pytest.mark.parametrize("module", [lp, courier])
def test_all_is_sorted_and_importable(module):
    assert list(module.__all__) == sorted(module.__all__, key=str.casefold)
    for name in module.__all__:
        assert getattr(module, name) is not None
        assert name in dir(module)


def test_importing_launchpad_imports_little(run):
    ended = run(
        """
        import sys
        import launchpad, courier
        heavy = {"numpy", "tensorflow", "tree", "asyncio", "multiprocessing", "cloudpickle"}
        print(sorted(heavy & set(sys.modules)))
        """
    )
    assert ended.out == "[]\n", ended.err


IMPORTS = [
    "from launchpad.nodes.python import local_multi_processing",
    "from launchpad.nodes import base, dereference",
    "from launchpad.nodes.base import Node, Handle, extract_handles",
    "from launchpad.nodes.dereference import Deferred, maybe_dereference, Dereferenceable",
    "from launchpad.nodes.python.node import PyNode, PyClassNode",
    "from launchpad.nodes.courier.node import CourierNode, CourierHandle, CourierClient",
    "from launchpad.nodes.courier.node import COURIER_PORT_NAME",
    "from launchpad.launch import worker_manager, serialization",
    "from launchpad.launch.launch import launch",
    "from launchpad.program_stopper import program_stopper",
    "from launchpad.stop_program.stop import stop",
    "from launchpad.stop_program import stop",
    "from launchpad import context, flags, address, program, nodes, stop_program",
    "from launchpad.program import Program, make_program",
    "from launchpad.examples.consumer_producers.program import make_program",
    "import courier; from pybind11_abseil.status import StatusNotOk",
    "from courier.python.client import Client, StatusNotOk",
    "from courier.python.py_server import Server",
    "from courier.python import pybind; pybind.BuildPyCallHandler",
    "import launchpad as lp; lp.context.LaunchType; lp.address.Address; lp.program.Program",
    "import launchpad as lp; lp.nodes; lp.flags; lp.program_stopper; lp.stop_program",
]


@pytest.mark.parametrize("statement", IMPORTS)
def test_upstreams_import_works(statement):
    exec(statement, {})


def test_launch_stays_a_function(run):
    ended = run(
        """
        import launchpad as lp
        import launchpad.launch.worker_manager
        from launchpad.launch import serialization
        import launchpad.launch.launch
        print(type(lp.launch).__name__)
        from launchpad import launch
        print(type(launch).__name__)
        """
    )
    assert ended.out == "function\nfunction\n", ended.err


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'launchpad' has no attribute 'nothing'"):
        lp.nothing  # noqa: B018
    assert not hasattr(lp, "nothing")
    with pytest.raises(ImportError):
        exec("from launchpad import nothing", {})


def test_launch_types_are_known():
    assert [t.value for t in lp.LaunchType] == [
        "local_mt", "local_mp", "test_mp", "test_mt", "local_docker", "vertex_ai",
    ]  # fmt: skip
    local = [t for t in lp.LaunchType if lp.is_local_launch(t)]
    assert [t.value for t in local] == ["local_mt", "local_mp"]
    assert lp.is_local_launch("local_mp") and not lp.is_local_launch("test_mt")
    assert lp.is_local_launch_or_test("test_mt") and not lp.is_local_launch_or_test("vertex_ai")
    assert not lp.is_local_launch(None) and not lp.is_local_launch_or_test(None)
    with pytest.raises(ValueError, match="'x' is not a valid LaunchType"):
        lp.is_local_launch("x")


def test_every_module_can_be_imported_alone(run):
    modules = [
        "launchpad.address", "launchpad.context", "launchpad.errors", "launchpad.program",
        "launchpad.nodes.courier.node", "launchpad.nodes.python.node", "launchpad.calls.client",
        "launchpad.launch.start", "launchpad.worker", "courier.python.client", "courier",
    ]  # fmt: skip
    for module in modules:
        importlib.import_module(module)
        ended = run(f"import {module}")
        assert ended.status == 0, ended.err


def test_a_worker_is_not_started_by_hand(run):
    ended = run("from launchpad.worker import main; main()")
    assert ended.status == 1
    assert "started by a launcher" in ended.err


def test_flags_are_not_read_before_they_are_parsed(run):
    ended = run(
        """
        from absl import flags
        import launchpad as lp
        try:
            lp.LAUNCH_TYPE.value
        except flags.UnparsedFlagAccessError:
            print("unparsed")
        """
    )
    assert ended.out == "unparsed\n", ended.err


def test_a_bad_launch_type_flag_ends_the_script(run):
    ended = run(
        """
        from absl import app
        import launchpad as lp
        app.run(lambda _: print("ran"))
        """,
        "--lp_launch_type=bogus",
    )
    assert ended.status == 1
    assert "lp_launch_type" in ended.err and "ran" not in ended.out
