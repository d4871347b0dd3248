"""Launchpad: distributed programs as graphs of nodes that call each other.

Draw a Program of nodes, give handles to other nodes, and launch it: as threads or as processes, in
Python and in C++. Names are loaded when they are used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from launchpad import _core, _hooks
from launchpad.launch.launch import launch

if TYPE_CHECKING:
    from launchpad.address import (
        AbstractAddressBuilder,
        Address,
        SimpleLocalAddressBuilder,
        get_port_from_address,
    )
    from launchpad.arrays import empty, take
    from launchpad.calls.gather import broadcast, gather
    from launchpad.calls.retry import RetryPolicy
    from launchpad.cloud.docker_config import DockerConfig
    from launchpad.context import LaunchType, is_local_launch, is_local_launch_or_test
    from launchpad.drawing import draw
    from launchpad.errors import NodeFailed
    from launchpad.flags import LAUNCH_TYPE
    from launchpad.launch.preflight import check
    from launchpad.nodes.cacher import CacherNode
    from launchpad.nodes.courier.courier_utils import batched_handler, priority_handler
    from launchpad.nodes.courier.node import CourierClient, CourierHandle, CourierNode
    from launchpad.nodes.cpp import CppNode
    from launchpad.nodes.dereference import Deferred, maybe_dereference
    from launchpad.nodes.multi_processing_colocation.node import MultiProcessingColocation
    from launchpad.nodes.multi_threading_colocation.node import MultiThreadingColocation
    from launchpad.nodes.python.local_multi_processing import PythonProcess
    from launchpad.nodes.python.node import PyClassNode, PyNode
    from launchpad.nodes.reverb.node import ReverbNode
    from launchpad.program import Program, make_program
    from launchpad.program_stopper.program_stopper import make_program_stopper
    from launchpad.stop_program.stop import (
        register_stop_handler,
        stop,
        stop_event,
        unregister_stop_handler,
        wait_for_stop,
    )

__all__ = [  # noqa: RUF022  In dictionary order, whatever the case.
    "AbstractAddressBuilder",
    "Address",
    "batched_handler",
    "broadcast",
    "CacherNode",
    "check",
    "CourierClient",
    "CourierHandle",
    "CourierNode",
    "CppNode",
    "Deferred",
    "DockerConfig",
    "draw",
    "empty",
    "gather",
    "get_port_from_address",
    "is_local_launch",
    "is_local_launch_or_test",
    "launch",
    "LAUNCH_TYPE",
    "LaunchType",
    "make_program",
    "make_program_stopper",
    "maybe_dereference",
    "MultiProcessingColocation",
    "MultiThreadingColocation",
    "NodeFailed",
    "priority_handler",
    "Program",
    "PyClassNode",
    "PyNode",
    "PythonProcess",
    "register_stop_handler",
    "RetryPolicy",
    "ReverbNode",
    "SimpleLocalAddressBuilder",
    "stop",
    "stop_event",
    "take",
    "unregister_stop_handler",
    "wait_for_stop",
]

# Where each name lives, relative to this package.
_PLACES = {
    "address": (
        "AbstractAddressBuilder",
        "Address",
        "SimpleLocalAddressBuilder",
        "get_port_from_address",
    ),
    "arrays": ("empty", "take"),
    "calls.gather": ("broadcast", "gather"),
    "calls.retry": ("RetryPolicy",),
    "cloud.docker_config": ("DockerConfig",),
    "context": ("LaunchType", "is_local_launch", "is_local_launch_or_test"),
    "drawing": ("draw",),
    "errors": ("NodeFailed",),
    "flags": ("LAUNCH_TYPE",),
    "launch.preflight": ("check",),
    "nodes.cacher": ("CacherNode",),
    "nodes.courier.courier_utils": ("batched_handler", "priority_handler"),
    "nodes.courier.node": ("CourierClient", "CourierHandle", "CourierNode"),
    "nodes.cpp": ("CppNode",),
    "nodes.dereference": ("Deferred", "maybe_dereference"),
    "nodes.multi_processing_colocation.node": ("MultiProcessingColocation",),
    "nodes.multi_threading_colocation.node": ("MultiThreadingColocation",),
    "nodes.python.local_multi_processing": ("PythonProcess",),
    "nodes.python.node": ("PyClassNode", "PyNode"),
    "nodes.reverb.node": ("ReverbNode",),
    "program": ("Program", "make_program"),
    "program_stopper.program_stopper": ("make_program_stopper",),
    "stop_program.stop": (
        "register_stop_handler",
        "stop",
        "stop_event",
        "unregister_stop_handler",
        "wait_for_stop",
    ),
}
_PLACE_OF = {name: place for place, names in _PLACES.items() for name in names}
_SUBMODULES = ("address", "context", "errors", "flags", "nodes", "program", "program_stopper")


def __getattr__(name: str) -> Any:
    if name in _PLACE_OF:
        value = getattr(importlib.import_module(f"launchpad.{_PLACE_OF[name]}"), name)
    elif name in (*_SUBMODULES, "stop_program"):
        value = importlib.import_module(f"launchpad.{name}")
    else:
        import difflib

        meant = difflib.get_close_matches(name, __all__, 1)
        raise AttributeError(
            f"module 'launchpad' has no attribute {name!r}"
            + (f". Did you mean {meant[0]!r}?" if meant else "; dir(launchpad) lists what it has")
        )
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


_hooks.install()
if not _core.is_worker() and not _core.is_fork_server():
    # Programs read FLAGS.lp_launch_type. A worker defines them when its node uses flags at all.
    importlib.import_module("launchpad.flags")
