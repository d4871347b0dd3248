"""Future: the answer to an asynchronous call, a concurrent.futures.Future whose cancel() cancels
the call.

It is completed on its client's own thread. Any thread may wait for it.
"""

from __future__ import annotations

from concurrent import futures
from typing import Any

_PENDING = "PENDING"
_FINISHED = "FINISHED"


class Future(futures.Future):
    """The result of `client.futures.method(...)`."""

    def __init__(self, pending: Any = None) -> None:
        super().__init__()
        self._pending = pending

    def cancel(self) -> bool:
        """Ends the call; the server does not run it if it has not begun. False: it was answered."""
        with self._condition:
            if self._state != _PENDING:
                return bool(self.cancelled())
        if not super().cancel():
            return False
        self.set_running_or_notify_cancel()
        if self._pending is not None:
            self._pending.cancel()
        return True

    def _finish(self, value: Any) -> None:
        with self._condition:
            if self._state != _PENDING:
                return
            self._result = value
            self._settle("add_result")
        self._invoke_callbacks()  # type: ignore[attr-defined]

    def _fail(self, error: BaseException) -> None:
        with self._condition:
            if self._state != _PENDING:
                return
            self._exception = error
            self._settle("add_exception")
        self._invoke_callbacks()  # type: ignore[attr-defined]

    def _settle(self, notice: str) -> None:
        self._state = _FINISHED
        self._pending = None
        for waiter in self._waiters:
            getattr(waiter, notice)(self)
        self._condition.notify_all()
