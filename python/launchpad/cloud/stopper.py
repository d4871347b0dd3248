"""Stopping a program whose nodes are containers, from one of them. Picklable; any thread."""

from __future__ import annotations

import os
from typing import Any

# In a container's environment: the launch type that made it.
CONTAINER_VARIABLE = "LAUNCHPAD_CONTAINER"
# What a container prints to its standard error for its launcher, which takes it out.
STOP_LINE = b"\x1elaunchpad: stop the program\x1e\n"


class VertexAiStopper:
    """Cancels the job that the calling process is a task of."""

    def __call__(self, mark_as_completed: bool = False) -> None:
        del mark_as_completed
        name = job_name()
        from google.cloud import aiplatform_v1

        client: Any = aiplatform_v1.JobServiceClient(
            client_options={"api_endpoint": f"{_region()}-aiplatform.googleapis.com"}
        )
        client.cancel_custom_job(name=name)


class LocalDockerStopper:
    """Asks the launcher outside of the calling process's container."""

    def __call__(self, mark_as_completed: bool = False) -> None:
        del mark_as_completed
        if os.environ.get(CONTAINER_VARIABLE) != "local_docker":
            raise RuntimeError(
                "a local_docker program can be stopped only from one of its containers, while it "
                "runs"
            )
        os.write(2, STOP_LINE)


def of_this_container() -> VertexAiStopper | LocalDockerStopper | None:
    """What stops the program that this container is a part of; None elsewhere."""
    kind = os.environ.get(CONTAINER_VARIABLE)
    if kind is None:
        return None
    return LocalDockerStopper() if kind == "local_docker" else VertexAiStopper()


def job_name() -> str:
    """The job's resource name, of what Vertex AI puts into the environment."""
    try:
        project = os.environ["CLOUD_ML_PROJECT_ID"]
        job = os.environ["CLOUD_ML_JOB_ID"]
    except KeyError as missing:
        raise RuntimeError(
            f"a vertex_ai program can be stopped only from one of its tasks: {missing} is not in "
            "the environment"
        ) from None
    return f"projects/{project}/locations/{_region()}/customJobs/{job}"


def _region() -> str:
    return os.environ.get("LAUNCHPAD_REGION", "us-central1")
