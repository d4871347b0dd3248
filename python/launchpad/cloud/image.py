"""The build context of an image: a folder with a Dockerfile, the program's code, its requirements
and its nodes. Writes only into the folder that it is given.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import sys

from launchpad.cloud.cluster import Pool
from launchpad.launch import serialization

# A wheel of launchpad to install instead of the released one.
WHEEL_VARIABLE = "LAUNCHPAD_WHEEL"
_NODES = "nodes"
# Beside the folder of the nodes, in the image as in its context.
TOKEN = "token"
_DOCKERFILE = """\
FROM python:{version}-slim
WORKDIR /launchpad
COPY requirements {wheel}/launchpad/
RUN pip install --no-cache-dir {launchpad} -r requirements
COPY code code
COPY nodes nodes
COPY token token
ENV PYTHONPATH={path} PYTHONUNBUFFERED=1
WORKDIR /launchpad/code
CMD {command}
"""
COMMAND = ["python", "-m", "launchpad.cloud.worker", "/launchpad/nodes"]


def write_context(folder: pathlib.Path, pools: list[Pool], token: str) -> None:
    """Writes the context of the image that these pools share. `token` is what the job's nodes
    prove to each other; its file is its owner's alone, here and in the image.
    """
    config = pools[0].config
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(str(config.docker_requirements), folder / "requirements")
    shutil.copytree(
        str(config.code_directory),
        folder / "code",
        ignore=shutil.ignore_patterns("__pycache__", ".git"),
        dirs_exist_ok=True,
    )
    for pool in pools:
        for instance, node in enumerate(pool.nodes):
            path = folder / payload_path(pool.name, instance)
            path.parent.mkdir(exist_ok=True)
            label = node.core.name.rsplit("/", 1)[0]
            path.write_bytes(serialization.worker_payload(label, node, node.function, []))
    with open(os.open(folder / TOKEN, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(token)
    (folder / "Dockerfile").write_text(_dockerfile(folder, config.python_path or []))


def payload_path(pool: str, instance: int) -> str:
    """Where a task finds its node, in the image's nodes folder's parent."""
    return f"{_NODES}/{pool}-{instance}.pkl"


def _dockerfile(folder: pathlib.Path, python_path: list[str]) -> str:
    import json

    wheel = os.environ.get(WHEEL_VARIABLE)
    requirement = "lp-launchpad[vertex-ai]"
    name = ""
    if wheel:
        name = os.path.basename(wheel)
        shutil.copyfile(wheel, folder / name)
        requirement = f"'./{name}[vertex-ai]'"
        name += " "
    return _DOCKERFILE.format(
        version=f"{sys.version_info[0]}.{sys.version_info[1]}",
        wheel=name,
        launchpad=requirement,
        path=":".join(["/launchpad/code", *(f"/launchpad/code/{entry}" for entry in python_path)]),
        command=json.dumps(COMMAND),
    )
