"""`client.aio`: a server's methods as coroutines, for asyncio. Used from the loop's own thread.

A call costs no thread: its answer comes on the client's thread, and wakes the loop once for all
that have come meanwhile. Cancelling the awaiting task cancels the call.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import functools
import weakref
from typing import Any

from launchpad import _core
from launchpad.calls.methods import Methods


class _Inbox:
    """What has come for the calls of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        # Both are changed with single operations of Python's, each of which is atomic.
        self._arrived: collections.deque[tuple[_Reply, Any, BaseException | None]] = (
            collections.deque()
        )
        self._is_woken = False

    def put(self, reply: _Reply, value: Any, error: BaseException | None) -> None:
        """Any thread."""
        self._arrived.append((reply, value, error))
        loop = self._loop()
        if self._is_woken or loop is None:
            return
        self._is_woken = True
        with contextlib.suppress(RuntimeError):  # The loop is closed: nobody waits any more.
            loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._is_woken = False  # First: what comes from now on wakes the loop again.
        for _ in range(len(self._arrived)):
            reply, value, error = self._arrived.popleft()
            if reply.done():
                continue
            if error is None:
                reply.set_result(value)
            else:
                reply.set_exception(error)


_inboxes: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Inbox] = weakref.WeakKeyDictionary()


class _Reply(asyncio.Future[Any]):
    """The answer to one call, in the loop."""

    def __init__(self, pending: Any) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(loop=loop)
        inbox = _inboxes.get(loop)
        if inbox is None:
            inbox = _inboxes[loop] = _Inbox(loop)
        self._inbox = inbox
        self._pending = pending

    def _finish(self, value: Any) -> None:
        self._inbox.put(self, value, None)

    def _fail(self, error: BaseException) -> None:
        self._inbox.put(self, None, error)

    def cancel(self, msg: Any = None) -> bool:
        if not super().cancel(msg):
            return False
        self._pending.cancel()
        return True


class _Method:
    """One method; calling it gives a coroutine, which makes the call once it is awaited."""

    def __init__(self, channel: _core.Channel, name: str) -> None:
        self._start = channel.future_method(name, _Reply)

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        reply: Any = self._start(*args, **kwargs)
        return await reply


def methods(channel: _core.Channel) -> Methods:
    """`client.aio`: the server's methods, as coroutines."""
    return Methods(functools.partial(_Method, channel))
