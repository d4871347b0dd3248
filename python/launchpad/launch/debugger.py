"""Post-mortem pdb of the first node that fails, where somebody is at a terminal to use it. Called
by the failing node's own thread, before anybody learns of the failure.
"""

from __future__ import annotations

import contextlib
import os
import pdb
import signal
import sys
import threading
import types
from collections.abc import Callable, Iterator
from typing import IO, Any

from launchpad import _core

# The file in the run directory whose maker is the first node that failed.
_CLAIM = "post_mortem"
_TERMINAL = "/dev/tty"
_lock = threading.Lock()


def of_thread(run_claim: list[bool], name: str, error: BaseException) -> None:
    """Debugs a node that is a thread of this process; `run_claim` is empty until one does."""
    with _lock:
        if run_claim:
            return
        run_claim.append(True)
    _say(sys.stdout, name, error)
    _interact(pdb.Pdb(), error)


def debugged(function: Callable[[], Any]) -> Callable[[], Any]:
    """The function of this process's node; if it fails it is debugged at the window that it prints
    to, or at the launcher's terminal.
    """

    def run() -> Any:
        try:
            return function()
        except Exception as error:
            _of_process(error)
            raise

    return run


def _of_process(error: BaseException) -> None:
    context = _core.context()
    if context is None or not _claim(context):
        return
    if sys.stdin is not None and sys.stdin.isatty():
        _say(sys.stdout, context.name, error)
        _interact(pdb.Pdb(), error)
        return
    with contextlib.suppress(OSError), _open_terminal() as (reading, writing):
        _say(writing, context.name, error)
        _interact(pdb.Pdb(stdin=reading, stdout=writing), error)


@contextlib.contextmanager
def _open_terminal() -> Iterator[tuple[IO[str], IO[str]]]:
    with (
        open(_TERMINAL) as reading,
        open(_TERMINAL, "w") as writing,
        _foreground(reading.fileno()),
    ):
        yield reading, writing


def _claim(context: _core.Context) -> bool:
    """Whether this is the first node of the run that fails."""
    folder = os.path.dirname(context.address_of(context.task).removeprefix("unix:"))
    try:
        os.close(os.open(os.path.join(folder, _CLAIM), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError:  # Another was, or the run is over.
        return False
    return True


@contextlib.contextmanager
def _foreground(terminal: int) -> Iterator[None]:
    """This process group reads the terminal meanwhile, and has its Ctrl-C."""
    before = os.tcgetpgrp(terminal)
    handler = signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # Else the change itself stops us.
    try:
        os.tcsetpgrp(terminal, os.getpgrp())
        yield
    finally:
        with contextlib.suppress(OSError):
            os.tcsetpgrp(terminal, before)
        signal.signal(signal.SIGTTOU, handler)


def _say(stream: Any, name: str, error: BaseException) -> None:
    print(
        f"Node {name} failed with {type(error).__name__}: {error}. "
        "The debugger shows where; `quit` goes on.",
        file=stream,
        flush=True,
    )


def _interact(debugger: pdb.Pdb, error: BaseException) -> None:
    trace: types.TracebackType | None = error.__traceback__
    while trace is not None and trace.tb_next is not None and _is_ours(trace):
        trace = trace.tb_next  # What called the node is not the user's.
    with contextlib.suppress(KeyboardInterrupt):
        debugger.reset()
        debugger.interaction(None, trace)


def _is_ours(trace: types.TracebackType) -> bool:
    return str(trace.tb_frame.f_globals.get("__name__", "")).startswith("launchpad.")
