"""launch: runs a program's nodes as processes, and returns at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from launchpad.context import LaunchType
from launchpad.launch import start
from launchpad.launch.launch import parse_flags
from launchpad.launch.worker_manager import WorkerManager
from launchpad.nodes.python.local_multi_processing import PythonProcess
from launchpad.program import Program


def launch(
    program: Program,
    test_case: Any,
    local_resources: Mapping[str, PythonProcess] | None = None,
) -> WorkerManager:
    """As lp.launch with the launch type test_mp, whose arguments these are."""
    parse_flags()
    return start.run(
        program,
        launch_type=LaunchType.TEST_MULTI_PROCESSING,
        local_resources=local_resources,
        test_case=test_case,
    )
