"""launch: runs a program's nodes as threads of this process, and waits until they have ended."""

from __future__ import annotations

from launchpad.context import LaunchType
from launchpad.launch import start
from launchpad.launch.launch import parse_flags
from launchpad.launch.worker_manager import WorkerManager
from launchpad.program import Program


def launch(
    program: Program,
    serialize_py_nodes: bool | None = None,
) -> WorkerManager:
    """As lp.launch with the launch type local_mt, whose arguments these are."""
    parse_flags()
    return start.run(
        program,
        launch_type=LaunchType.LOCAL_MULTI_THREADING,
        serialize=serialize_py_nodes,
    )
