"""PythonProcess: how the processes of one label are started (lp.launch's local_resources)."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any


@dataclasses.dataclass
class PythonProcess:
    """Flags, environment and resources for the nodes of a label.

    Attributes:
      args: flags, as --name=value (a bool: --name or --noname), seen by absl in the node.
      env: added to the environment; values may be numbers.
      interpreter: the Python to run; None: the launcher's.
      cwd: the directory to run in; None: the launcher's.
      cpus: numbers of the CPUs that the node may run on; None: the launcher's.
      gpus: numbers of the GPUs that the node sees (CUDA_VISIBLE_DEVICES); an empty list hides all,
        None leaves them alone.
    """

    args: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    env: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    interpreter: str | None = None
    cwd: str | os.PathLike[str] | None = None
    cpus: Sequence[int] | None = None
    gpus: Sequence[int] | None = None

    def __post_init__(self) -> None:
        for name in ("cpus", "gpus"):
            numbers = getattr(self, name)
            if numbers is None:
                continue
            if isinstance(numbers, (str, int)) or not all(
                isinstance(number, int) and number >= 0 for number in numbers
            ):
                raise ValueError(
                    f"PythonProcess's {name} must be a list of numbers from 0, not {numbers!r}"
                )
        if self.cpus is not None and not list(self.cpus):
            raise ValueError("PythonProcess's cpus must not be empty: None means every CPU")

    @property
    def absolute_interpreter_path(self) -> str:
        """The Python that runs the nodes."""
        return os.path.abspath(self.interpreter or sys.executable)

    def flag_arguments(self) -> list[str]:
        """The flags as command-line arguments."""
        arguments = []
        for name, value in self.args.items():
            if isinstance(value, bool):
                arguments.append(f"--{name}" if value else f"--no{name}")
            else:
                arguments.append(f"--{name}={value}")
        return arguments

    def environment(self) -> dict[str, str]:
        """What is added to the environment, as text."""
        environment = {name: str(value) for name, value in self.env.items()}
        if self.gpus is not None:
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, self.gpus))
        return environment


def to_multiprocessing_executables(
    nodes: list[Any], label: str, launch_config: Any, *_: Any, **__: Any
) -> list[Callable[[], Any]]:
    """The functions that the nodes of one label run, each in its own process."""
    del label, launch_config
    return [node.function for node in nodes]
