"""Stopping a Vertex AI job from one of its own tasks. Picklable; any thread."""

from __future__ import annotations

import os


class VertexAiStopper:
    """Cancels the job that the calling process is a task of."""

    def __call__(self, mark_as_completed: bool = False) -> None:
        del mark_as_completed
        from google.cloud import aiplatform_v1

        region = os.environ["LAUNCHPAD_REGION"]
        client = aiplatform_v1.JobServiceClient(
            client_options={"api_endpoint": f"{region}-aiplatform.googleapis.com"}
        )
        client.cancel_custom_job(name=job_name())


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
    return f"projects/{project}/locations/{os.environ['LAUNCHPAD_REGION']}/customJobs/{job}"
