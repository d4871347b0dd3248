"""launch_type='vertex_ai': a program as a CustomJob of Google's Vertex AI: a worker pool for each
distinct DockerConfig, a task for each node. Needs Google's SDK to send it, not to look at it.
"""

from __future__ import annotations

import json
import os
import pathlib
import secrets
import subprocess
import tempfile
from typing import Any

from launchpad.cloud import cluster, image, stopper
from launchpad.context import LaunchType
from launchpad.launch import links, preflight
from launchpad.nodes import colocation
from launchpad.program import Program

INSTALL = "pip install 'lp-launchpad[vertex-ai]'"
PROJECT_VARIABLE = "GOOGLE_CLOUD_PROJECT"
REGION_VARIABLE = "GOOGLE_CLOUD_REGION"
BUCKET_VARIABLE = "GOOGLE_CLOUD_BUCKET_NAME"
_DEFAULT_REGION = "us-central1"


def launch(program: Program, resources: dict[str, Any] | None, dry_run: str | None) -> None:
    """Builds and pushes the images and sends the job; with `dry_run` only writes the images' build
    contexts and the request (job.json) into that folder.
    """
    pools = prepare(program, resources or {})
    job = request(program.name, pools)
    if dry_run:
        write(pathlib.Path(dry_run), pools, job)
        print(f"Dry run: what would be built and sent is in {dry_run}", flush=True)
        return
    client = _default_client()
    project = _project()
    with tempfile.TemporaryDirectory(prefix="launchpad-") as folder:
        write(pathlib.Path(folder), pools, job)
        for number in sorted({pool.image for pool in pools}):
            _push(os.path.join(folder, f"image{number}"), image_name(program.name, number))
    for pool in pools:
        print(f"{pool.name}: {', '.join(node.core.name for node in pool.nodes)}", flush=True)
    sent = submit(client, project, _region(), job)
    print(f"Launched {sent.name}", flush=True)


def prepare(
    program: Program,
    resources: dict[str, Any],
    launch_type: LaunchType = LaunchType.VERTEX_AI,
) -> list[cluster.Pool]:
    """The pools, with the nodes' contexts and addresses as they will be there.

    Raises:
      ValueError: something is wrong with the program or the resources.
      RuntimeError: more pools, or more ports for a node, than there can be.
    """
    pools = cluster.pools(program, resources)
    cluster.unbind(program)
    links.link(program)
    report = preflight.before_launch(program, {})
    if not report:
        raise ValueError(str(report))
    for label, nodes in program.groups.items():
        for node in colocation.with_inner(nodes):
            node._initialize_context(launch_type, resources.get(label))
            for handle in node.input_handles:
                handle.connect(node, label)
    cluster.bind(pools, None if launch_type is LaunchType.LOCAL_DOCKER else 1)
    return pools


def request(name: str, pools: list[cluster.Pool]) -> dict[str, Any]:
    """The CustomJob, as the SDK's types and its JSON name things."""
    specs = []
    for pool in pools:
        hardware = pool.config.hardware()
        machine: dict[str, Any] = {"machine_type": hardware.machine()}
        if hardware.accelerator:
            machine["accelerator_type"] = hardware.accelerator
            machine["accelerator_count"] = hardware.accelerator_count
        specs.append(
            {
                "machine_spec": machine,
                "replica_count": len(pool.nodes),
                "container_spec": {
                    "image_uri": image_name(name, pool.image),
                    "command": image.COMMAND[:1],
                    "args": image.COMMAND[1:],
                    "env": [
                        {"name": "LAUNCHPAD_REGION", "value": _region()},
                        {"name": stopper.CONTAINER_VARIABLE, "value": LaunchType.VERTEX_AI.value},
                    ],
                },
            }
        )
    spec: dict[str, Any] = {"worker_pool_specs": specs}
    bucket = os.environ.get(BUCKET_VARIABLE)
    if bucket:
        spec["base_output_directory"] = {"output_uri_prefix": f"gs://{bucket}/launchpad/{name}"}
    return {"display_name": name, "job_spec": spec}


def write(folder: pathlib.Path, pools: list[cluster.Pool], job: dict[str, Any]) -> None:
    """image0, image1, ... and job.json."""
    folder.mkdir(parents=True, exist_ok=True)
    token = secrets.token_hex(32)
    for number in sorted({pool.image for pool in pools}):
        image.write_context(
            folder / f"image{number}", [pool for pool in pools if pool.image == number], token
        )
    (folder / "job.json").write_text(json.dumps(job, indent=2) + "\n")


def submit(client: Any, project: str, region: str, job: dict[str, Any]) -> Any:
    """Sends the request with a JobServiceClient; returns the CustomJob that was made."""
    return client.create_custom_job(parent=f"projects/{project}/locations/{region}", custom_job=job)


def image_name(program: str, number: int) -> str:
    """An engine takes no upper case and nothing beyond ASCII."""
    project = os.environ.get(PROJECT_VARIABLE, "project")
    kept = (c if c.isascii() and c.isalnum() else "-" for c in program.lower())
    word = "".join(kept).strip("-") or "program"
    return f"gcr.io/{project}/launchpad-{word}-{number}:latest"


def _project() -> str:
    project = os.environ.get(PROJECT_VARIABLE)
    if not project:
        raise RuntimeError(f"launch type vertex_ai needs the project's name in {PROJECT_VARIABLE}")
    return project


def _region() -> str:
    return os.environ.get(REGION_VARIABLE, _DEFAULT_REGION)


def _default_client() -> Any:
    try:
        from google.cloud import aiplatform_v1
    except ImportError as error:
        raise ImportError(
            f"launch type vertex_ai needs Google's SDK: {INSTALL}. (A dry run does not: "
            "--lp_dry_run_dir=FOLDER.)"
        ) from error
    return aiplatform_v1.JobServiceClient(
        client_options={"api_endpoint": f"{_region()}-aiplatform.googleapis.com"}
    )


def _push(folder: str, name: str) -> None:
    try:
        subprocess.run(["docker", "build", "-t", name, folder], check=True)
        subprocess.run(["docker", "push", name], check=True)
    except FileNotFoundError:
        raise RuntimeError("launch type vertex_ai builds images: it needs docker") from None
    except subprocess.CalledProcessError as error:
        raise RuntimeError(f"docker failed to build or push {name}: {error}") from error
