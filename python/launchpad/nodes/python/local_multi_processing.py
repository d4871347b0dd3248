"""PythonProcess: how the processes of one label are started (lp.launch's local_resources)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass
class PythonProcess:
    """Flags and environment for the nodes of a label.

    Attributes:
      args: flags, as --name=value (a bool: --name or --noname), seen by absl in the node.
      env: added to the environment; values may be numbers.
      interpreter: the Python to run; None: the launcher's.
    """

    args: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    env: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    interpreter: str | None = None

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
        """The environment as text."""
        return {name: str(value) for name, value in self.env.items()}
