"""Client: calls the methods of a server as if they were its own. Any thread.

`client.f(x)` waits for the result, `client.futures.f(x)` gives a Future of it, `client.aio.f(x)` a
coroutine. It connects at the first call, and again after a break. Names with two leading
underscores are never remote, but for `__call__`.
"""

from __future__ import annotations

import datetime
import os
import weakref
from collections.abc import Sequence
from typing import Any

from launchpad import _core
from launchpad.calls import tokens
from launchpad.calls.methods import Methods
from launchpad.calls.retry import RetryPolicy

_clients: weakref.WeakSet[Client] = weakref.WeakSet()


def _seconds(timeout: Any) -> float | None:
    if timeout is None:
        return None
    seconds = timeout.total_seconds() if isinstance(timeout, datetime.timedelta) else float(timeout)
    if seconds < 0:
        raise ValueError(f"call_timeout must not be negative, got {timeout!r}")
    return seconds or None


class Client:
    """A client of the server at `server_address`.

    Args:
      server_address: "host:port", "unix:/path" or "inproc:name"; or several of them that offer the
          same, as "a,b" (also "ipv4:a,b") or as a list.
      compress: compress messages (lz4), in both directions, where that makes them smaller by an
          eighth; on tcp connections only: within a host it costs more than it saves.
      call_timeout: seconds (or a timedelta) after which a call fails with DEADLINE_EXCEEDED; None
          or 0: never.
      wait_for_ready: wait for a server that does not listen yet; False: UNAVAILABLE at once.
      chunk_tensors: accepted for upstream's sake; large arrays always travel in pieces.
      load_balancing_policy: how each call's server is chosen if there are several: "pick_first"
          (also None): the first that is up and healthy, until it is not; "round_robin": those that
          are, in turn. Others are tried again later, in the background.
      propagate_deadline: calls made by a method while it answers a call end when that one does: at
          its deadline, or when it is cancelled. A deadline always travels with its call.
      retry: which calls that fail as UNAVAILABLE are made again; None: none, a call runs at most
          once.
      token: the server's: its text, or the pathlib.Path of a file that has it. Servers that other
          hosts reach have one; the server proves it, too. None: in a program, the program's own.

    Raises:
      ValueError: a bad address, call_timeout, load_balancing_policy or token.
    """

    def __init__(
        self,
        server_address: str | Sequence[str],
        compress: bool = False,
        call_timeout: float | datetime.timedelta | None = None,
        wait_for_ready: bool = True,
        chunk_tensors: bool = False,
        *,
        load_balancing_policy: str | None = None,
        propagate_deadline: bool = True,
        retry: RetryPolicy | None = None,
        token: tokens.Given | None = None,
        _server_name: str = "",
        _prebound: bool = False,
    ) -> None:
        if retry is not None and not isinstance(retry, RetryPolicy):
            raise TypeError(f"retry must be a RetryPolicy or None, not {retry!r}")
        self._kwargs = dict(
            compress=compress,
            call_timeout=call_timeout,
            wait_for_ready=wait_for_ready,
            chunk_tensors=chunk_tensors,
            load_balancing_policy=load_balancing_policy,
            propagate_deadline=propagate_deadline,
            retry=retry,
            token=token,
            _server_name=_server_name,
            _prebound=_prebound,
        )
        if isinstance(server_address, (list, tuple)):
            server_address = ",".join(map(str, server_address))
        self._address = str(server_address)
        self._channel = _core.Channel(
            self._address,
            timeout=_seconds(call_timeout),
            wait_for_ready=wait_for_ready,
            prebound=_prebound,
            server_name=_server_name,
            retry=retry,
            policy=load_balancing_policy or "",
            inherits_deadline=propagate_deadline,
            compress=bool(compress),
            token=tokens.of(token),
        )
        self._futures = Methods(self._channel.future_method)
        self._aio: Any = None
        _clients.add(self)

    def _begin_anew(self) -> None:
        """In a forked process: the connection stays the parent's, with the threads that serve
        it.
        """
        import ctypes

        before = self.__dict__.copy()
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(before))  # Its end would wait for them.
        self.__dict__.clear()
        Client.__init__(self, before["_address"], **before["_kwargs"])

    @property
    def address(self) -> str:
        """The server's address, as it was given."""
        return self._address

    @property
    def futures(self) -> Any:
        """The same methods, each giving a Future."""
        return self._futures

    @property
    def aio(self) -> Any:
        """The same methods as coroutines, for asyncio: `await client.aio.method(x)`."""
        if self._aio is None:
            from launchpad.calls import aio

            self._aio = aio.methods(self._channel)
        return self._aio

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(f"'Client' object has no attribute {name!r}")
        method = self._channel.method(name)
        self.__dict__[name] = method
        return method

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._channel.method("__call__")(*args, **kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self._address, self._kwargs)

    def __repr__(self) -> str:
        name = f" of {self._channel.server_name}" if self._channel.server_name else ""
        return f"<courier.Client{name} at {self._address!r}>"


def _after_fork() -> None:
    for client in list(_clients):
        client._begin_anew()


os.register_at_fork(after_in_child=_after_fork)


def _rebuild(address: str, kwargs: dict[str, Any]) -> Client:
    return Client(address, **kwargs)


def list_methods(client: Client) -> list[str]:
    """The names of the methods that the client's server offers, sorted."""
    return client._channel.list_methods()


def is_healthy(client: Client, timeout: float = 1.0) -> bool:
    """Whether the client's server answers within `timeout` seconds, and says that it is healthy
    (see Server.SetIsHealthy).
    """
    return client._channel.is_healthy(timeout)
