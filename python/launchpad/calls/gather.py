"""gather() waits for many futures at once, broadcast() calls a method of many clients at once. Any
thread.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterable
from concurrent import futures as _futures
from typing import Any

from launchpad import _core
from launchpad.calls.client import Client
from launchpad.calls.future import TICK_SECS
from launchpad.calls.methods import Methods

_MAX_NAMES = 5


def _server_of(future: Any) -> str:
    return str(getattr(future, "server", None) or "a call")


def _overdue(waiting: list[Any], count: int, timeout: float) -> _futures.TimeoutError:
    names = ", ".join(_server_of(f) for f in waiting[:_MAX_NAMES])
    more = ", ..." if len(waiting) > _MAX_NAMES else ""
    return _futures.TimeoutError(
        f"{len(waiting)} of {count} calls were not answered in {timeout:g} s: {names}{more}"
    )


def _name_node(error: BaseException, future: Any, index: int, count: int) -> BaseException:
    """The error, with which call it was of."""
    text = f"({index + 1} of {count} gathered calls, to {_server_of(future)})"
    if hasattr(error, "_text"):  # One of courier's.
        if text not in error._text:
            error._text += f"\n{text}"
    elif hasattr(error, "add_note"):  # Python 3.11 and later.
        error.add_note(text)
    return error


def _wait(futures: list[Any], timeout: float | None, when: str) -> tuple[set[Any], set[Any]]:
    """As concurrent.futures.wait, hearing Ctrl-C for sure."""
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        left = TICK_SECS
        if deadline is not None:
            left = min(left, max(0.0, deadline - time.monotonic()))
        done, waiting = _futures.wait(futures, left, when)
        if not waiting or (deadline is not None and time.monotonic() >= deadline):
            return done, waiting
        failed = (f for f in done if not f.cancelled() and f.exception() is not None)
        if when == _futures.FIRST_EXCEPTION and any(failed):
            return done, waiting


def gather(
    futures: Iterable[Any], timeout: float | None = None, return_exceptions: bool = False
) -> list[Any]:
    """The results of all futures, in their order.

    Args:
      futures: those of `client.futures.method(...)`, or of concurrent.futures.
      timeout: seconds, for all of them together; None: no limit.
      return_exceptions: put what failed into the list, instead of raising it.

    Raises:
      the first error that comes, which says whose it is; other calls go on.
      concurrent.futures.TimeoutError: not all were answered in time; it names the servers.
    """
    futures = list(futures)
    when = _futures.ALL_COMPLETED if return_exceptions else _futures.FIRST_EXCEPTION
    begin = time.monotonic()
    # A set of futures that are not done is small at the end, and each wait notices the first error.
    done, waiting = _wait(futures, timeout, when)
    if not return_exceptions:
        for index, future in enumerate(futures):
            if future in done and not future.cancelled() and future.exception() is not None:
                error: Any = future.exception()
                raise _name_node(error, future, index, len(futures))
    if waiting:
        elapsed = time.monotonic() - begin if timeout is None else timeout
        raise _overdue([f for f in futures if f in waiting], len(futures), elapsed)
    results: list[Any] = []
    for index, future in enumerate(futures):
        try:
            results.append(future.result())
        except (Exception, _futures.CancelledError) as failed:
            if not return_exceptions:
                raise
            results.append(_name_node(failed, future, index, len(futures)))
    return results


class Broadcast:
    """What broadcast() gives: the clients' methods, each called for all of them."""

    def __init__(self, clients: Iterable[Client]) -> None:
        channels = []
        for client in clients:
            if not isinstance(client, Client):
                raise TypeError(f"broadcast() takes clients, not {client!r}")
            channels.append(client._channel)
        self._futures = Methods(functools.partial(_core.broadcast_method, channels))

    @property
    def futures(self) -> Any:
        """The same methods, each giving the list of futures."""
        return self._futures

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._futures, name)
        return lambda *args, **kwargs: gather(method(*args, **kwargs))


def broadcast(clients: Iterable[Client]) -> Broadcast:
    """All clients at once: `broadcast(clients).f(x)` calls f(x) of each and gives the results, in
    order; `broadcast(clients).futures.f(x)` gives the futures. Arguments are serialised once.

    Args:
      clients: any number of them; a group's handles, given to a node as a list, are one.
    """
    return Broadcast(clients)
