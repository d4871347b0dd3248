"""CourierNode: an object whose public methods other nodes can call. CourierHandle: what they are
given.

A handle becomes a courier.Client in the node that it is given to. Drawing is done by one thread.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from launchpad import _core
from launchpad.address import Address, NodeAddressBuilder
from launchpad.calls.client import Client as CourierClient
from launchpad.calls.server import NodeServer, Server
from launchpad.nodes import base
from launchpad.nodes.python import node as python

WorkerType = TypeVar("WorkerType")
COURIER_PORT_NAME = "courier"

# How long methods that still run get to answer when their node ends.
_STOP_GRACE_SECS = 1.0


class CourierHandle(base.Handle[CourierClient]):
    """A handle of a CourierNode."""

    def __init__(self, address: Address, **kwargs: Any) -> None:
        self._address = address
        self._kwargs = kwargs

    def set_client_kwargs(self, **kwargs: Any) -> None:
        """Replaces the arguments of the clients that it becomes (call_timeout and so on)."""
        self._kwargs = kwargs

    @property
    def address(self) -> Address:
        """The node's."""
        return self._address

    def dereference(self) -> CourierClient:
        """A new client of the node."""
        address = self._address.resolve()
        builder = self._address.builder
        if not isinstance(builder, NodeAddressBuilder):
            return CourierClient(address, **self._kwargs)
        return CourierClient(
            address, **self._kwargs, _server_name=f"node '{builder.name}'", _prebound=True
        )

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"'CourierHandle' object has no attribute '{name}'. Most likely you need to "
            "dereference handle before use (see launchpad.maybe_dereference)."
        )

    def __getstate__(self) -> dict[str, Any]:
        return {"_address": self._address, "_kwargs": self._kwargs}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


def public_methods(instance: Any) -> dict[str, Callable[..., Any]]:
    """What others may call: callables without a leading underscore, and `__call__`. Properties
    are left alone.
    """
    methods = {}
    for name in dir(instance):
        if (name.startswith("_") and name != "__call__") or name == "set_courier_server":
            continue
        if isinstance(inspect.getattr_static(instance, name, None), property):
            continue
        value = getattr(instance, name, None)
        if callable(value):
            methods[name] = value
    return methods


class CourierNode(python.PyClassNode[Any]):
    """Builds constructor(*args, **kwargs), offers its public methods, and calls its run(), if it
    has one.

    Without run() it serves until the program stops.

    Args:
      constructor: what builds the object.
      *args, **kwargs: for the constructor; handles inside become clients.
      courier_kwargs: for the server, e.g. {"thread_pool_size": 4}, or {"port": 1234} to be reached
        from outside of the program, too: by this user's processes on localhost, and with
        {"port": 1234, "host": "0.0.0.0", "token": ...} by whoever has the token.
      courier_client_kwargs: for every client made of this node's handles, e.g. {"call_timeout": 5}.
    """

    def __init__(
        self,
        constructor: Callable[..., Any],
        *args: Any,
        courier_kwargs: dict[str, Any] | None = None,
        courier_client_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(constructor, *args, **kwargs)
        self._address = Address(COURIER_PORT_NAME)
        self.allocate_address(self._address)
        self._courier_kwargs = dict(courier_kwargs or {})
        self._client_kwargs = dict(courier_client_kwargs or {})

    @property
    def core(self) -> _core.Node:
        core = super().core
        core.serves = True
        return core

    def configure(self, *args: Any, **kwargs: Any) -> None:
        """Sets the constructor's arguments, again: for cycles of handles."""
        self._args = args
        self._kwargs = kwargs
        self._collect_input_handles()

    @property
    def courier_address(self) -> Address:
        """Where its server listens; resolved while the program runs."""
        return self._address

    @property
    def thread_pool_size(self) -> int | None:
        """Its server's, as courier_kwargs say; None: they do not."""
        return self._courier_kwargs.get("thread_pool_size")

    @property
    def number(self) -> int | None:
        """Its place in the program's graph, once that is launched."""
        builder = self._address.builder
        return builder.number if isinstance(builder, NodeAddressBuilder) else None

    def create_handle(self) -> CourierHandle:
        handle = CourierHandle(self._address, **self._client_kwargs)
        self._track_handle(handle)
        return handle

    def run(self) -> None:
        instance = self._construct_instance()
        server = self._make_server()
        if hasattr(instance, "set_courier_server"):
            # The object starts and stops it itself.
            for name, method in public_methods(instance).items():
                server.Bind(name, method)
            instance.set_courier_server(server)
            if hasattr(instance, "run") and self._should_run:
                instance.run()
            return
        for name, method in public_methods(instance).items():
            server.Bind(name, method)
        server.Start()
        try:
            if hasattr(instance, "run") and self._should_run:
                instance.run()
            else:
                _wait_for_stop(server)
        finally:
            server.Stop(_STOP_GRACE_SECS)

    def _make_server(self) -> Server:
        context = _core.context()
        kwargs = dict(self._courier_kwargs)
        port = kwargs.pop("port", None)
        pool = kwargs.pop("thread_pool_size", 16)
        host = kwargs.pop("host", None)
        token = kwargs.pop("token", None)
        if kwargs:
            raise TypeError(
                f"unknown courier_kwargs: {', '.join(kwargs)}; there is: host, port, "
                "thread_pool_size, token"
            )
        builder = self._address.builder
        if isinstance(builder, NodeAddressBuilder) and context is not None:
            return NodeServer(builder.name, None, pool, builder.number, port, host, token)
        if port is not None:
            return Server("", port, pool, host=host, token=token)
        return NodeServer("", self._address.resolve(), pool, token=token)


def _wait_for_stop(server: Server) -> None:
    context = _core.context()
    if context is None:
        server.Join()
    else:
        context.wait_for_stop(None)
