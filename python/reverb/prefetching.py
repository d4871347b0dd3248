"""The threads behind Dataset.prefetch, .map and .interleave. Used by dataset.py.

A consumer that waits hears Ctrl-C, and ends when its scope is closed; a thread ends then too, or
with its last element.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from typing import TYPE_CHECKING, Any

from launchpad.calls.future import TICK_SECS

if TYPE_CHECKING:
    from reverb.dataset import Scope

_END = object()


class _Failure:
    def __init__(self, error: BaseException) -> None:
        self.error = error


class _Pipe:
    """A queue that closing empties and wakes. Any thread."""

    def __init__(self, size: int, scope: Scope) -> None:
        self._size = size
        self._items: list[Any] = []
        self._changed = threading.Condition()
        self._closed = False
        scope.add(self.close)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._items.clear()
            self._changed.notify_all()

    def put(self, item: Any) -> bool:
        """Waits for room; false: it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._items) < self._size)
            if not self._closed:
                self._items.append(item)
                self._changed.notify_all()
            return not self._closed

    def get(self) -> Any:
        """Waits for an item; _END: it is closed."""
        with self._changed:
            while not self._changed.wait_for(lambda: self._closed or self._items, TICK_SECS):
                pass
            if self._closed:
                return _END
            self._changed.notify_all()
            return self._items.pop(0)


def _feed(elements: Iterator[Any], pipe: _Pipe) -> None:
    try:
        for element in elements:
            if not pipe.put(element):
                return
        pipe.put(_END)
    except BaseException as error:
        pipe.put(_Failure(error))


def _start(target: Callable[..., None], *args: Any) -> None:
    threading.Thread(target=target, args=args, name="reverb-prefetch", daemon=True).start()


def prefetch(elements: Iterator[Any], size: int, scope: Scope) -> Iterator[Any]:
    """The elements, up to `size` of which a thread has ready."""
    pipe = _Pipe(size, scope)
    _start(_feed, elements, pipe)
    while (element := pipe.get()) is not _END:
        if isinstance(element, _Failure):
            raise element.error
        yield element


def parallel_map(
    function: Callable[[Any], Any], elements: Iterator[Any], calls: int, scope: Scope
) -> Iterator[Any]:
    """function(element) in order, by several threads."""
    pool = futures.ThreadPoolExecutor(calls if calls > 0 else None, "reverb-map")
    scope.add(lambda: pool.shutdown(wait=False, cancel_futures=True))
    closed: futures.Future[None] = futures.Future()
    scope.add(lambda: closed.set_result(None))
    running: list[futures.Future[Any]] = []

    def submit(count: int) -> None:
        for element in itertools.islice(elements, count):
            try:
                running.append(pool.submit(function, element))
            except RuntimeError:
                if not scope.closed:
                    raise
                return

    submit(pool._max_workers)
    while running:
        first = running.pop(0)
        while not (first.done() or closed.done()):
            futures.wait((first, closed), TICK_SECS, return_when=futures.FIRST_COMPLETED)
        if scope.closed:
            return
        result = first.result()
        submit(1)
        yield result
    pool.shutdown()


def round_robin(inner: Iterable[Iterator[Any]], width: int, block: int) -> Iterator[Any]:
    """`block` elements of each of `width` iterators in turn; the next replaces one at its end."""
    waiting = iter(inner)
    open_ones = list(itertools.islice(waiting, width))
    place = 0
    while open_ones:
        place %= len(open_ones)
        given = 0
        for element in itertools.islice(open_ones[place], block):
            given += 1
            yield element
        if given == block:
            place += 1
            continue
        replacement = list(itertools.islice(waiting, 1))
        open_ones[place : place + 1] = replacement
        place += len(replacement)


def first_ready(
    inner: Iterable[Iterator[Any]], width: int, block: int, scope: Scope
) -> Iterator[Any]:
    """Elements of `width` iterators at a time, as they come."""
    pipe = _Pipe(width * block, scope)
    waiting = iter(inner)
    lock = threading.Lock()

    def feed() -> None:
        try:
            while True:
                with lock:
                    mine = next(waiting, None)
                if mine is None:
                    break
                if not all(map(pipe.put, mine)):
                    return
            pipe.put(_END)
        except BaseException as error:
            pipe.put(_Failure(error))

    for _ in range(width):
        _start(feed)
    ended = 0
    while ended < width:
        element = pipe.get()
        if isinstance(element, _Failure):
            raise element.error
        if element is _END:
            if scope.closed:
                return
            ended += 1
        else:
            yield element
