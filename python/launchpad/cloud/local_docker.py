"""launch_type='local_docker': the images of vertex_ai, each node a container of the local engine.
What watches the containers is a program of processes, supervised as every other program.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import tempfile
import uuid
from typing import Any

from launchpad.cloud import cluster, container, stopper, vertex_ai
from launchpad.context import LaunchType
from launchpad.launch.worker_manager import WorkerManager
from launchpad.program import Program

# In a container nobody else uses it, nor those behind it, which nodes inside of a node get.
_PORT = 2222


def launch(
    program: Program, resources: dict[str, Any] | None, dry_run: str | None
) -> WorkerManager | None:
    """Builds the images, runs a container for each node and waits until all have ended; with
    `dry_run` only writes the images' build contexts and the containers' commands (commands.json).
    """
    pools = vertex_ai.prepare(program, resources or {}, LaunchType.LOCAL_DOCKER)
    job = vertex_ai.request(program.name, pools)
    run = f"launchpad-{uuid.uuid4().hex[:8]}"
    commands = container_commands(program.name, run, pools)
    if dry_run:
        folder = pathlib.Path(dry_run)
        vertex_ai.write(folder, pools, job)
        (folder / "commands.json").write_text(json.dumps(commands, indent=2) + "\n")
        print(f"Dry run: what would be built and run is in {dry_run}", flush=True)
        return None
    _check_engine()
    with tempfile.TemporaryDirectory(prefix="launchpad-") as temporary:
        vertex_ai.write(pathlib.Path(temporary), pools, job)
        for number in sorted({pool.image for pool in pools}):
            name = vertex_ai.image_name(program.name, number)
            _docker("build", "-t", name, os.path.join(temporary, f"image{number}"))
    _docker("network", "create", run)
    try:
        return _run(program, run, pools, commands)
    finally:
        names = [container_name(run, pool, i) for pool in pools for i in range(len(pool.nodes))]
        subprocess.run(["docker", "rm", "-f", *names], capture_output=True, check=False)
        subprocess.run(["docker", "network", "rm", run], capture_output=True, check=False)


def container_name(run: str, pool: cluster.Pool, instance: int) -> str:
    return f"{run}-{pool.name}-{instance}"


def container_commands(program: str, run: str, pools: list[cluster.Pool]) -> dict[str, list[str]]:
    """By nodes' names: the `docker run` of each."""
    spec = {
        pool.name: [f"{container_name(run, pool, i)}:{_PORT}" for i in range(len(pool.nodes))]
        for pool in pools
    }
    commands = {}
    for pool in pools:
        for instance, node in enumerate(pool.nodes):
            task = {"cluster": spec, "task": {"type": pool.name, "index": instance}}
            commands[node.core.name] = [
                *["docker", "run", "--rm", "--init", "--network", run],
                *["--name", container_name(run, pool, instance)],
                *["-e", "CLUSTER_SPEC=" + json.dumps(task)],
                *["-e", f"{stopper.CONTAINER_VARIABLE}={LaunchType.LOCAL_DOCKER.value}"],
                vertex_ai.image_name(program, pool.image),
            ]
    return commands


def _run(
    program: Program, run: str, pools: list[cluster.Pool], commands: dict[str, list[str]]
) -> WorkerManager:
    from launchpad import flags
    from launchpad.launch import start
    from launchpad.nodes.python.node import PyNode

    notice = flags.TERMINATION_NOTICE_SECS.value
    names = {
        node.core.name: container_name(run, pool, instance)
        for pool in pools
        for instance, node in enumerate(pool.nodes)
    }
    watchers = Program(program.name)
    for label, nodes in program.groups.items():
        for node in nodes:
            name = node.core.name
            watcher: PyNode[Any] = PyNode(container.run, commands[name], names[name], notice)
            watchers.add_node(watcher, label)
    return start.run(
        watchers,
        launch_type=LaunchType.LOCAL_MULTI_PROCESSING,
    )


def _check_engine() -> None:
    """RuntimeError if no engine answers."""
    hint = "launch type local_docker needs a Docker engine"
    try:
        asked = subprocess.run(
            ["docker", "version", "--format", "{{.Server.Version}}"],
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise RuntimeError(f"{hint}, and there is no program docker in PATH") from None
    if asked.returncode != 0:
        raise RuntimeError(f"{hint}, and none answers: {asked.stderr.strip()}")


def _docker(*arguments: str) -> None:
    try:
        subprocess.run(["docker", *arguments], check=True)
    except subprocess.CalledProcessError as error:
        raise RuntimeError(f"docker failed: {error}") from error
