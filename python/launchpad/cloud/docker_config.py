"""DockerConfig: the container that the nodes of a label run in (lp.launch's xm_resources). Plain
values.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

# Vertex AI's names of what XManager calls by these.
_ACCELERATORS = {
    "P4": "NVIDIA_TESLA_P4",
    "T4": "NVIDIA_TESLA_T4",
    "P100": "NVIDIA_TESLA_P100",
    "V100": "NVIDIA_TESLA_V100",
    "A100": "NVIDIA_TESLA_A100",
    "A100_80GIB": "NVIDIA_A100_80GB",
    "L4_24TH": "NVIDIA_L4",
    "H100": "NVIDIA_H100_80GB",
}
# vCPUs and GiB of the machines that are chosen from, smallest first. GPUs go only with n1.
_SIZES = tuple((2**power, 15 * 2**power / 4) for power in range(7))


@dataclasses.dataclass(frozen=True)
class Hardware:
    """What a node needs of its machine.

    Attributes:
      cpu: virtual CPUs.
      memory_gib: main memory.
      accelerator: Vertex AI's name of an accelerator, e.g. NVIDIA_TESLA_T4; None: none.
      accelerator_count: how many.
      machine_type: Vertex AI's name of a machine; None: the smallest n1-standard that suffices.
    """

    cpu: float = 4
    memory_gib: float = 8
    accelerator: str | None = None
    accelerator_count: int = 1
    machine_type: str | None = None

    def machine(self) -> str:
        """The name of the machine. ValueError if none is large enough."""
        if self.machine_type:
            return self.machine_type
        for cpus, memory in _SIZES:
            if cpus >= self.cpu and memory >= self.memory_gib:
                return f"n1-standard-{cpus}"
        raise ValueError(
            f"no n1-standard machine has {self.cpu} CPUs and {self.memory_gib} GiB: name one in "
            "Hardware(machine_type=...)"
        )


def _of_xmanager(requirements: Any) -> Hardware:
    """Of an xm.JobRequirements, as programs for upstream have it."""
    if getattr(requirements, "replicas", 1) not in (None, 1):
        raise ValueError(
            "DockerConfig's hw_requirements must have one replica: the number of nodes under the "
            "label is that of the replicas"
        )
    default = Hardware()
    cpu, memory = default.cpu, default.memory_gib
    accelerator, count = None, 1
    for kind, amount in requirements.task_requirements.items():
        name = str(getattr(kind, "name", kind)).upper()
        if name == "CPU":
            cpu = amount
        elif name in ("MEMORY", "RAM"):
            memory = amount / 2**30
        elif name in _ACCELERATORS:
            accelerator, count = _ACCELERATORS[name], int(amount)
        else:
            raise ValueError(
                f"DockerConfig's hw_requirements ask for {name}, which is not known here: use "
                "launchpad.cloud.docker_config.Hardware(machine_type=..., accelerator=...), with "
                "Vertex AI's own names"
            )
    return Hardware(cpu, memory, accelerator, count)


@dataclasses.dataclass
class DockerConfig:
    """The container of the nodes of a label.

    Attributes:
      code_directory: the folder with the program's modules; copied into the image.
      docker_requirements: a requirements.txt with what pip installs there.
      hw_requirements: a Hardware, a mapping of its arguments, or an xm.JobRequirements of XManager;
        None: the default.
      python_path: folders, relative to code_directory, for the import path.
    """

    code_directory: str | None = None
    docker_requirements: str | None = None
    hw_requirements: Hardware | Mapping[str, Any] | Any = None
    python_path: list[str] | None = None

    def hardware(self) -> Hardware:
        """What hw_requirements say. ValueError if they are neither a Hardware nor a mapping."""
        if isinstance(self.hw_requirements, Hardware):
            return self.hw_requirements
        if self.hw_requirements is None:
            return Hardware()
        if hasattr(self.hw_requirements, "task_requirements"):
            return _of_xmanager(self.hw_requirements)
        if not isinstance(self.hw_requirements, Mapping):
            raise ValueError(
                "DockerConfig's hw_requirements must be a launchpad.cloud.docker_config.Hardware, "
                "a mapping of its arguments or XManager's JobRequirements, not "
                f"{type(self.hw_requirements).__name__}"
            )
        return Hardware(**self.hw_requirements)

    def check(self, label: str) -> None:
        """ValueError for what is missing."""
        for name, is_there in (
            ("code_directory", os.path.isdir),
            ("docker_requirements", os.path.isfile),
        ):
            value = getattr(self, name)
            if not value:
                raise ValueError(f"the DockerConfig of {label!r} needs {name}")
            if not is_there(value):
                raise ValueError(f"the DockerConfig of {label!r}: there is no {name} at {value!r}")

    def key(self) -> tuple[Any, ...]:
        """Nodes with the same key share a worker pool."""
        return (
            os.path.abspath(self.code_directory or ""),
            os.path.abspath(self.docker_requirements or ""),
            self.hardware(),
            tuple(self.python_path or ()),
        )
