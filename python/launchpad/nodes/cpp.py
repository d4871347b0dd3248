"""CppNode: a node written in C++, in a program drawn in Python. It always is a process of its
own.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from launchpad import _core
from launchpad.nodes.courier import node as courier
from launchpad.nodes.python import structure
from launchpad.nodes.python.local_multi_processing import PythonProcess

# Loads a shared library and runs its node.
_LOADER = "import ctypes, sys; sys.exit(ctypes.CDLL(sys.argv[1]).launchpad_worker_main())"


class CppNode(courier.CourierNode):
    """A class that a C++ binary or shared library exports with LP_EXPORT_NODE.

    Args:
      path: the binary, or a library that ends in .so.
      class_name: the exported class.
      *args: for its constructor, as typed values; handles inside become clients.
      courier_client_kwargs: for every client made of this node's handles.

    Raises:
      ValueError: there is no such file.
    """

    runs_elsewhere = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        class_name: str,
        *args: Any,
        courier_client_kwargs: dict[str, Any] | None = None,
    ) -> None:
        self._path = os.path.abspath(os.fspath(path))
        self._class_name = class_name
        if not os.path.isfile(self._path):
            raise ValueError(f"there is no C++ binary or library at {self._path!r}: build it first")
        super().__init__(_nothing, *args, courier_client_kwargs=courier_client_kwargs)

    @property
    def kind(self) -> str:
        return f"CppNode<{self._class_name}>"

    def bind_addresses(self, **kwargs: Any) -> None:
        """Tells the graph how this node is started."""
        is_library = self._path.endswith(".so")
        command = [sys.executable, "-c", _LOADER, self._path] if is_library else [self._path]
        self.core.set_always_process(True)
        config = self.launch_context.launch_config or PythonProcess()
        self.core.set_command(command, config.environment(), os.fspath(config.cwd or ""))
        self.core.set_payload(self._payload)

    def _payload(self) -> bytes:
        args = structure.dereference_all(self._args)
        return _core.pack_call(self._class_name, args, {})

    def disable_run(self) -> None:
        raise NotImplementedError("a C++ node's run() cannot be disabled from Python")


def _nothing() -> None:
    raise AssertionError("a C++ node does not run in Python")
