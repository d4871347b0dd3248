"""launch: runs a program's nodes as threads of this process, and returns at once."""

from __future__ import annotations

from typing import Any

from launchpad.context import LaunchType
from launchpad.launch import start
from launchpad.launch.launch import parse_flags
from launchpad.launch.worker_manager import WorkerManager
from launchpad.program import Program


def launch(
    program: Program,
    test_case: Any = None,
    serialize_py_nodes: bool | None = None,
) -> WorkerManager:
    """As lp.launch with the launch type test_mt, whose arguments these are."""
    parse_flags()
    return start.run(
        program,
        launch_type=LaunchType.TEST_MULTI_THREADING,
        test_case=test_case,
        serialize=serialize_py_nodes,
    )
