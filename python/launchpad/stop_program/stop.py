"""stop, and waiting for a stop: what a node knows of its program's end. Any thread of a node."""

from __future__ import annotations

import inspect
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

from launchpad import _core

# `manager`: the WorkerManager that the calling thread belongs to, if it does to one.
current = threading.local()


def _of_manager() -> Any:
    """That one, in a thread outside of any program."""
    return None if _core.context() is not None else getattr(current, "manager", None)


def _context(what: str) -> _core.Context:
    context = _core.context()
    if context is None:
        raise RuntimeError(
            f"{what} works only in a node of a running program. In a thread of your own, when "
            "several programs run in this process, first call launchpad.context.set_context(what "
            "launchpad.context.get_context() gave the node)."
        )
    return context


def stop() -> None:
    """Asks every node of the calling node's program to end. Returns at once."""
    context = _context("lp.stop()")
    try:
        if "LAUNCHPAD_CONTAINER" in os.environ:
            from launchpad.cloud import stopper

            elsewhere = stopper.of_this_container()
            if elsewhere is not None:
                elsewhere()
    finally:
        context.request_stop()


def wait_for_stop(timeout_secs: float | None = None) -> bool:
    """Waits until the program stops; False if `timeout_secs` passed first."""
    manager = _of_manager()
    if manager is not None:
        return bool(manager.wait_for_stop(timeout_secs))
    return _context("lp.wait_for_stop()").wait_for_stop(timeout_secs)


def stop_event() -> threading.Event:
    """An event that is set once the program stops."""
    manager = _of_manager()
    if manager is not None:
        return manager.stop_event()
    event = threading.Event()
    _context("lp.stop_event()").add_stop_handler(event.set)
    return event


_handlers: list[Callable[..., None]] = []
# Held again by a signal's handler that comes in between.
_lock = threading.RLock()


def register_stop_handler(handler: Callable[..., None]) -> None:
    """`handler(signal, frame)`, or `handler()` if it takes none, is called once when this
    process's program stops.
    """
    # If the program is stopping already, the handler is called here, and what it raises in this
    # thread (Acme's raises SystemExit) is this caller's.
    late: list[bool] = []
    registering = True
    caller = threading.get_ident()

    def run() -> None:
        if registering and threading.get_ident() == caller:
            late.append(True)
        else:
            run_handlers()

    # Under the lock, so that the thread that runs the others does not take this one, or miss it.
    with _lock:
        context = _core.context()
        if context is not None:
            context.add_stop_handler(run)
        registering = False
        if late and handler in _handlers:
            _handlers.remove(handler)
        elif not late and handler not in _handlers:
            _handlers.append(handler)
    if late:
        _call([handler])


def unregister_stop_handler(handler: Callable[..., None]) -> None:
    """Takes the handler back; an unknown one is ignored."""
    with _lock:
        if handler in _handlers:
            _handlers.remove(handler)


def _takes_signal(handler: Callable[..., None]) -> bool:
    try:
        inspect.signature(handler).bind(signal.SIGTERM, None)
    except TypeError:
        return False
    except ValueError:  # A builtin without a signature.
        return False
    return True


def run_handlers() -> None:
    """Calls each registered handler once; one that raises does not keep the others from running."""
    with _lock:
        handlers: list[Callable[..., Any]] = list(_handlers)
        _handlers.clear()
    _call(handlers)


def _call(handlers: list[Callable[..., Any]]) -> None:
    for handler in handlers:
        try:
            if _takes_signal(handler):
                handler(signal.SIGTERM, None)
            else:
                handler()
        except Exception:
            import traceback

            traceback.print_exc()
