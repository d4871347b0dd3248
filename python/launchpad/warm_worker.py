"""The fork server of a launch: a worker that has imported what every Python node needs, and is
forked for each node. It has one thread, and runs nothing of the user's.

A fork is the launcher's own child, and is then what a worker that was started afresh would be: see
launchpad.launch.fork_server for what cannot be made up for.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import os
import sys
import threading
from collections.abc import Sequence
from typing import Any

from launchpad import _core

# Names of modules that the launcher has imported and that are worth it here, separated by blanks.
PRELOAD_VARIABLE = "LAUNCHPAD_PRELOAD"
_NEEDED = (
    "launchpad.errors",
    "launchpad.calls.future",
    "launchpad.calls.pickles",
    "launchpad.nodes.courier.node",
    "launchpad.stop_program.stop",
)


def serve() -> None:
    """Forks for the launcher; ends this process when it wants no more. Returns in each fork."""
    for name in (*_NEEDED, *os.environ.get(PRELOAD_VARIABLE, "").split()):
        # What cannot be imported here will say so in the node that needs it.
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    _end_pools()
    gc.freeze()  # Else each fork would copy all of it at its first collection.
    try:
        changes: Any = _core.serve_forks()
    except RuntimeError:  # It has other threads: the launcher starts its nodes afresh.
        changes = None
    if changes is None:
        os._exit(0)
    _become_worker(changes)


def _end_pools() -> None:
    """OpenBLAS, which numpy brings, ends its threads before a fork and makes them anew when they
    are needed. So one fork for nothing leaves one thread.
    """
    if len(os.listdir("/proc/self/task")) == 1 or threading.active_count() > 1:
        return
    with contextlib.suppress(Exception):  # A warning that is to be an error.
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)


def _become_worker(changes: Sequence[tuple[bytes, bytes | None]]) -> None:
    for name, value in changes:
        if value is None:
            os.environb.pop(name, None)
        else:
            os.environb[name] = value
    _open_streams()
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()  # As random does by itself.
    if "multiprocessing.process" in sys.modules:
        sys.modules["multiprocessing.process"].current_process().authkey = os.urandom(32)


def _open_streams() -> None:
    """sys.stdin and so on, made for what the descriptors are now."""
    for number, mode, name in ((0, "r", "stdin"), (1, "w", "stdout"), (2, "w", "stderr")):
        stream = _stream(number, mode, getattr(sys, f"__{name}__"))
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _stream(number: int, mode: str, before: Any) -> Any:
    """As the interpreter makes it at its start."""
    unbuffered = mode == "w" and before.write_through  # -u, or PYTHONUNBUFFERED.
    binary: Any = open(  # noqa: SIM115  It stays open.
        number, mode + "b", buffering=0 if unbuffered else -1, closefd=False
    )
    raw = binary if unbuffered else binary.raw
    raw.name = before.name
    text: Any = io.TextIOWrapper(
        binary,
        encoding=before.encoding,
        errors=before.errors,
        newline="\n",
        line_buffering=not unbuffered and (number == 2 or raw.isatty()),
        write_through=before.write_through,
    )
    text.mode = mode
    return text
