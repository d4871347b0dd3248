"""Future: the answer to an asynchronous call, a concurrent.futures.Future whose cancel() cancels
the call.

It is completed on its client's own thread. Any thread may wait for it. There may be many, so one
that nobody waits for makes no lock: its condition comes into being when it is first asked for.
"""

from __future__ import annotations

import threading
import time
from concurrent import futures
from typing import Any

_PENDING = "PENDING"
_FINISHED = "FINISHED"

# How often who waits looks for signals. A Ctrl-C that comes just before the main thread sleeps, or
# that the kernel hands to another thread, does not wake it.
TICK_SECS = 0.25

# Held while a future gets its condition, or is finished without one: a future that somebody can
# lock is finished only under that lock, as concurrent.futures.wait() relies on. Signal handlers may
# come here again.
_making = threading.RLock()


class Future(futures.Future):
    """The result of `client.futures.method(...)`."""

    # The base's attributes until they are set: most futures need few of them. To ask for __dict__
    # would make one.
    _state = _PENDING
    _result: Any = None
    _exception: BaseException | None = None
    _server: str | None = None
    _lazy_condition: threading.Condition | None = None
    _lazy_waiters: list[Any] | None = None
    _lazy_callbacks: list[Any] | None = None

    def __init__(self, pending: Any = None) -> None:
        # Not the base's: it would make the condition, and the lists.
        self._pending = pending
        # Who pops it completes the future: list.pop is atomic.
        self._open = [True]

    # What these make is made once: dict.setdefault is atomic, also where a signal's handler comes
    # here again.
    @property
    def _condition(self) -> threading.Condition:  # type: ignore[override]
        if self._lazy_condition is None:
            with _making:
                return self.__dict__.setdefault("_lazy_condition", threading.Condition())
        return self._lazy_condition

    @property
    def _waiters(self) -> list[Any]:  # type: ignore[override]
        if self._lazy_waiters is None:
            return self.__dict__.setdefault("_lazy_waiters", [])
        return self._lazy_waiters

    @property
    def _done_callbacks(self) -> list[Any]:
        if self._lazy_callbacks is None:
            return self.__dict__.setdefault("_lazy_callbacks", [])
        return self._lazy_callbacks

    @property
    def server(self) -> str | None:
        """The name or address of the server that was called, for messages; None once it has
        answered.
        """
        pending = self._pending
        return self._server if pending is None else pending.server

    def result(self, timeout: float | None = None) -> Any:
        """Waits; the call's result, or raises its error. TimeoutError after `timeout` seconds."""
        if self._state == _PENDING:
            self._await(timeout)
        if self._state == _FINISHED and self._exception is None:
            return self._result
        return super().result(0)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Waits; the call's error, or None. TimeoutError after `timeout` seconds."""
        if self._state == _PENDING:
            self._await(timeout)
        return super().exception(0)

    def _await(self, timeout: float | None) -> None:
        deadline = None if timeout is None else time.monotonic() + timeout
        condition = self._condition
        with condition:
            while self._state == _PENDING:
                left = TICK_SECS
                if deadline is not None:
                    left = min(left, deadline - time.monotonic())
                if left <= 0:
                    return
                condition.wait(left)

    def cancel(self) -> bool:
        """Ends the call; the server does not run it if it has not begun. False: it was answered."""
        if not self._claim():
            return bool(self.cancelled())
        pending = self._pending
        self._pending = None
        super().cancel()
        self.set_running_or_notify_cancel()
        if pending is not None:
            pending.cancel()
        return True

    def _claim(self) -> bool:
        try:
            return self._open.pop()
        except IndexError:
            return False

    def _finish(self, value: Any) -> None:
        if self._claim():
            self._result = value
            self._settle("add_result")

    def _fail(self, error: BaseException) -> None:
        if self._claim():
            self._server = self.server
            self._exception = error
            self._settle("add_exception")

    def _settle(self, notice: str) -> None:
        self._pending = None
        with _making:
            condition = self._lazy_condition
            if condition is None:
                # Whoever makes it after this sees that nothing is left to wait for.
                self._state = _FINISHED
                return
        with condition:
            self._state = _FINISHED
            for waiter in self._waiters:
                getattr(waiter, notice)(self)
            condition.notify_all()
        self._invoke_callbacks()  # type: ignore[attr-defined]
