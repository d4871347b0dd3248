"""batched_handler: a function that is called one by one and runs on whole batches;
priority_handler: one that runs although its server is busy; and make_courier_server. A call that
waits for its batch costs no thread of a server.
"""

from __future__ import annotations

import datetime
import functools
import inspect
import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast

from launchpad import _core
from launchpad.calls.server import Server
from launchpad.nodes.courier import batching

Function = TypeVar("Function", bound=Callable[..., Any])


class Batches:
    """The batches of one wrapped function. Its threads start with the first call; pickled, it
    arrives without any.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        batch_size: int,
        max_parallelism: int,
        timeout: datetime.timedelta,
        pad_batch: bool,
    ) -> None:
        self._function = function
        self._batch_size = batch_size
        self._max_parallelism = max_parallelism
        self._timeout = timeout
        self._pad_batch = pad_batch
        self._lock = threading.Lock()
        self._batcher: _core.Batcher | None = None

    def batcher(self) -> _core.Batcher:
        with self._lock:
            if self._batcher is None:
                self._batcher = _core.Batcher(
                    self._batch_size,
                    self._max_parallelism,
                    self._timeout.total_seconds(),
                    self._run,
                )
            return self._batcher

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return self.batcher().call(args, kwargs)

    def _run(self, requests: list[batching.Request]) -> list[Any]:
        count = len(requests)
        if self._pad_batch:
            requests = requests + [requests[0]] * (self._batch_size - count)
        args, kwargs = batching.batch_requests(requests)
        result = self._function(*args, **kwargs)
        return batching.unbatch_result(result, count, len(requests))

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k not in ("_lock", "_batcher")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock(), _batcher=None)


def _is_unbound_method(function: Callable[..., Any]) -> bool:
    # As a decorator inside a class it gets the plain function, whose first parameter is self.
    if inspect.ismethod(function):
        return False
    try:
        parameters = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # A builtin without a signature.
        return False
    return bool(parameters) and parameters[0] == "self"


def batched_handler(
    batch_size: int,
    max_parallelism: int = 1,
    timeout: datetime.timedelta = datetime.timedelta(milliseconds=200),
    pad_batch: bool = False,
) -> Callable[[Function], Function]:
    """Makes a function that takes batches one that is called one by one, by clients or locally.

    For functions and bound methods: `self.f = lp.batched_handler(batch_size=8)(self.f)` in the
    constructor.

    Args:
      batch_size: a batch of so many calls runs at once.
      max_parallelism: how many batches run at the same time, at most.
      timeout: a smaller batch runs so long after its first call.
      pad_batch: a smaller batch is filled up to batch_size by repeating its first call.

    Raises:
      ValueError: batch_size or max_parallelism below 1, a negative timeout.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, not {batch_size}")
    if max_parallelism < 1:
        raise ValueError(f"max_parallelism must be at least 1, not {max_parallelism}")
    if timeout < datetime.timedelta(0):
        raise ValueError(f"timeout must not be negative, it is {timeout}")

    def decorate(function: Function) -> Function:
        assert not _is_unbound_method(function), (
            "Do not decorate class methods with @lp.batched_handler. "
            "Wrap them in the object constructor instead."
        )
        batches = Batches(function, batch_size, max_parallelism, timeout, pad_batch)

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return batches.call(args, kwargs)

        # A bound method's attributes are its function's; what it is bound to stays behind.
        functools.update_wrapper(wrapper, function, updated=())
        wrapper.__dict__.update(
            _batched_handler=True,
            _batch_size=batch_size,
            _max_parallelism=max_parallelism,
            _timeout=timeout,
            _pad_batch=pad_batch,
            _func=function,
            _batches=batches,
            _is_priority=getattr(function, "_is_priority", None) is True,
        )
        return cast(Function, wrapper)

    return decorate


def priority_handler(function: Function) -> Function:
    """Gives a method priority: calls of it go before others, and run although all threads of the
    node's server are busy with methods that have none. As many of them run at the same time as the
    server has threads.

    A decorator of a method in a class body, or of a function for `courier.Server.Bind`. It stays
    with a method that `lp.batched_handler` wraps.

    Raises:
      TypeError: what is given is no function, e.g. a bound method: decorate it in its class.
    """
    if not inspect.isfunction(function):
        raise TypeError(
            f"priority_handler decorates functions, not {function!r}: put it before the `def` in "
            "the class, or pass is_priority=True to Bind"
        )
    function.__dict__["_is_priority"] = True
    return function


def make_courier_server(instance: Any, *courier_args: Any, **courier_kwargs: Any) -> Server:
    """A server, not started, of the object's public methods."""
    from launchpad.nodes.courier.node import public_methods

    server = Server(*courier_args, **courier_kwargs)
    for name, method in public_methods(instance).items():
        server.Bind(name, method)
    return server
