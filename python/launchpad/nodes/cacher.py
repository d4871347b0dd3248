"""CacherNode: a node that answers for another one from a cache, which it keeps fresh in the
background, so that many callers cost the other node little.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from concurrent import futures
from typing import Any

import cloudpickle
from absl import logging

from launchpad import _core
from launchpad.calls.client import list_methods
from launchpad.calls.stream import Stream
from launchpad.nodes import base
from launchpad.nodes.courier.node import CourierNode

Call = Callable[[str, tuple[Any, ...], dict[str, Any]], Any]


class _Entry:
    def __init__(self, call: tuple[str, tuple[Any, ...], dict[str, Any]]) -> None:
        self.call = call
        self.answer: Any = None
        self.made_at: float | None = None  # None: there is no answer yet.
        self.asked = True  # Since it was last refreshed.
        self.pending: futures.Future[Any] | None = None  # Callers wait for it together.


class Cache:
    """Answers of calls by method and arguments. Any thread.

    Args:
      call: makes a call: call(method, args, kwargs).
      stale_after: seconds; an older answer is given to nobody.
      now: the time in seconds.
    """

    def __init__(
        self, call: Call, stale_after: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._call = call
        self._stale_after = stale_after
        self._now = now
        self._lock = threading.Lock()
        self._entries: dict[bytes, _Entry] = {}

    def get(self, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The answer from the cache, else from the source; raises what the source raises."""
        key = cloudpickle.dumps((method, args, sorted(kwargs.items())))
        with self._lock:
            entry = self._entries.setdefault(key, _Entry((method, args, kwargs)))
            entry.asked = True
            if self._is_fresh(entry):
                return entry.answer
            pending, entry_is_mine = self._join(entry)
        if entry_is_mine:
            self._fetch(entry, pending)
        return pending.result()

    def refresh(self) -> None:
        """Gets anew what was asked for since the last time, and forgets what nobody asks for."""
        due: list[tuple[_Entry, futures.Future[Any]]] = []
        with self._lock:
            for key, entry in list(self._entries.items()):
                if not entry.asked and entry.pending is None and not self._is_fresh(entry):
                    del self._entries[key]
                elif entry.asked and entry.pending is None:
                    entry.asked = False
                    due.append((entry, self._join(entry)[0]))
        for entry, pending in due:
            self._fetch(entry, pending)
            if (error := pending.exception()) is not None:
                logging.warning("cannot refresh the cache of %r: %s", entry.call[0], error)

    def _is_fresh(self, entry: _Entry) -> bool:
        return entry.made_at is not None and self._now() - entry.made_at <= self._stale_after

    def _join(self, entry: _Entry) -> tuple[futures.Future[Any], bool]:
        mine = entry.pending is None
        if entry.pending is None:
            entry.pending = futures.Future()
        return entry.pending, mine

    def _fetch(self, entry: _Entry, pending: futures.Future[Any]) -> None:
        asked_at = self._now()  # The answer is at least as old.
        try:
            answer = self._call(*entry.call)
        except BaseException as error:
            with self._lock:
                entry.pending = None
            pending.set_exception(error)
            return
        with self._lock:
            entry.answer, entry.made_at, entry.pending = answer, asked_at, None
        pending.set_result(answer)


class _Cacher:
    """What a CacherNode serves: the methods of its source."""

    def __init__(self, source: Any, refresh_interval: float, stale_after: float) -> None:
        self._source = source
        self._refresh_interval = refresh_interval
        self._cache = Cache(self._ask, stale_after)
        for method in list_methods(source):
            setattr(self, method, functools.partial(self._get, method))

    def _ask(self, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        answer = getattr(self._source, method)(*args, **kwargs)
        if isinstance(answer, Stream):
            answer.close()
            raise TypeError(
                f"{method!r} gives a stream, which a cache cannot keep: call its node itself"
            )
        return answer

    def _get(self, method: str, *args: Any, **kwargs: Any) -> Any:
        return self._cache.get(method, args, kwargs)

    def _keep_fresh(self, context: _core.Context) -> None:
        while not context.wait_for_stop(self._refresh_interval):
            self._cache.refresh()


class CacherNode(CourierNode):
    """Serves the methods of another node from a cache.

    Args:
      source_handle: the other node's.
      refresh_interval_ms: how often answers that are asked for are renewed, in the background.
      stale_after_ms: an older answer is not given; who asks waits for a new one.
    """

    def __init__(
        self,
        source_handle: base.Handle[Any],
        refresh_interval_ms: float,
        stale_after_ms: float,
        courier_kwargs: dict[str, Any] | None = None,
        courier_client_kwargs: dict[str, Any] | None = None,
    ) -> None:
        if refresh_interval_ms <= 0 or stale_after_ms <= 0:
            raise ValueError(
                "refresh_interval_ms and stale_after_ms must be positive, they are "
                f"{refresh_interval_ms} and {stale_after_ms}"
            )
        if not isinstance(source_handle, base.Handle):
            raise TypeError(
                "a CacherNode needs the handle of a CourierNode, as add_node or create_handle "
                f"gives it, not {source_handle!r}"
            )
        super().__init__(
            _Cacher,
            source_handle,
            refresh_interval_ms / 1000,
            stale_after_ms / 1000,
            courier_kwargs=courier_kwargs,
            courier_client_kwargs=courier_client_kwargs,
        )
        self.disable_run()  # `run` is the source's, to be called.

    @property
    def kind(self) -> str:
        return type(self).__name__

    def run(self) -> None:
        context = _core.context()
        assert context is not None
        cacher = self._construct_instance()
        threading.Thread(
            target=cacher._keep_fresh, args=(context,), name="cacher", daemon=True
        ).start()
        super().run()
