"""Handlers of SIGINT and SIGQUIT that end a process in good order, for programs that manage their
own signals. Main thread only. lp.launch does not use them: it has handlers of its own.
"""

from __future__ import annotations

import signal
import sys
import types
from collections.abc import Callable
from typing import Any

_Handler = Callable[[], Any]
_exit_handlers: list[_Handler] = []


def _exit_gracefully(number: int, frame: types.FrameType | None) -> None:
    del frame
    # What ends the process is not interrupted.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    print(f"Ending after {signal.Signals(number).name}.", file=sys.stderr, flush=True)
    for handler in _exit_handlers[::-1]:
        try:
            handler()
        except Exception:
            import traceback

            traceback.print_exc()
    _exit_handlers.clear()
    sys.exit(0)


def exit_gracefully_on_sigint() -> None:
    """From now on Ctrl-C runs the exit handlers, and ends this process with status 0."""
    signal.signal(signal.SIGINT, _exit_gracefully)


def exit_gracefully_on_sigquit() -> None:
    """From now on SIGQUIT runs the exit handlers, and ends this process with status 0."""
    signal.signal(signal.SIGQUIT, _exit_gracefully)


def register_exit_handler(handler: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """`handler(*args, **kwargs)` is called, once, before a graceful end; the last one first."""
    _exit_handlers.append(lambda: handler(*args, **kwargs))


def register_exit_handler_and_exit_gracefully_on_sigint(
    handler: Callable[..., Any], *args: Any, **kwargs: Any
) -> None:
    """Both of them."""
    register_exit_handler(handler, *args, **kwargs)
    exit_gracefully_on_sigint()
