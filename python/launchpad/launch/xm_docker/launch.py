"""launch: runs a program's nodes in containers, by Vertex AI or a local Docker engine."""

from __future__ import annotations

from collections.abc import Mapping

from launchpad.cloud.docker_config import DockerConfig
from launchpad.context import LaunchType
from launchpad.launch.launch import launch as launch_any
from launchpad.launch.worker_manager import WorkerManager
from launchpad.program import Program


def launch(
    program: Program,
    launch_type: LaunchType | str = LaunchType.VERTEX_AI,
    xm_resources: Mapping[str, DockerConfig] | None = None,
) -> WorkerManager | None:
    """As lp.launch with a launch type of containers, whose arguments these are."""
    if LaunchType(launch_type) not in (LaunchType.VERTEX_AI, LaunchType.LOCAL_DOCKER):
        raise ValueError(f"{launch_type} is no launch type of containers: use lp.launch")
    return launch_any(program, launch_type, xm_resources=dict(xm_resources or {}))
