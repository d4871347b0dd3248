"""Server: offers Python functions to clients, on threads of its own. Names are upstream's. Any
thread.

It listens on the loopback interface, or at a running node's own address, or, with a token, on
others.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from launchpad import _core
from launchpad.calls import tokens


class Server:
    """Answers calls.

    Args:
      name: how errors name it.
      port: the tcp port to listen at, on localhost; None: a free one.
      thread_pool_size: how many methods run at the same time, at most; as many more with priority.
      host: the name or address of the interface to listen at, e.g. "0.0.0.0" for all; None:
          localhost.
      token: what clients have to prove, as they have it, too: its text (16 bytes at least), or the
          pathlib.Path of a file that has it. None: a server on localhost lets in every process of
          this user; one that other hosts reach has to have a token, in a program the program's own.

    Raises:
      ValueError: a bad token; when the address is first needed: others reach it, and there is no
          token.
    """

    def __init__(
        self,
        name: str | None = None,
        port: int | None = None,
        thread_pool_size: int = 16,
        *,
        host: str | None = None,
        token: tokens.Given | None = None,
    ) -> None:
        self._server = _core.Server(name or "", thread_pool_size, tokens.of(token))
        self._port = port
        self._host = host or "localhost"
        self._address = ""

    def Bind(
        self, method_name: str, py_func: Callable[..., Any], is_priority: bool = False
    ) -> None:
        """Offers a function under a name; "*" takes every name without one of its own.

        Calls of a function with priority (`is_priority`, or `lp.priority_handler`) go before
        others, and run although the whole pool is busy with others.
        """
        if not callable(py_func):
            raise TypeError(f"the handler of {method_name!r} is not callable: {py_func!r}")
        priority = is_priority or getattr(py_func, "_is_priority", None) is True
        # What lp.batched_handler made says so; other callables may have any attribute.
        marks = vars(py_func) if inspect.isfunction(py_func) else {}
        endpoint = marks.get("_endpoint", method_name)
        if endpoint != method_name:
            raise ValueError(
                f"Mismatched endpoint name. The handler is {endpoint!r}'s: bind it under that "
                f"name, not {method_name!r}"
            )
        batches = marks.get("_batches")
        if batches is None:
            self._server.bind(method_name, py_func, priority)
        else:
            self._server.bind_batched(method_name, batches.batcher(), priority)

    BindHandler = Bind

    def Unbind(self, method_name: str) -> None:
        """Takes the function back; an unknown name is ignored."""
        self._server.unbind(method_name)

    @property
    def address(self) -> str:
        """Where clients reach it; known before Start."""
        self._ensure_bound()
        return self._address

    def _ensure_bound(self) -> None:
        if not self._address:
            self._address = self._server.listen(f"{_bracketed(self._host)}:{self._port or 0}")

    @property
    def port(self) -> int:
        """The tcp port it listens at."""
        return int(self.address.rsplit(":", 1)[1])

    @property
    def has_started(self) -> bool:
        """True for ever after Start."""
        return self._server.started

    def Start(self) -> None:
        """Answers calls from now on."""
        if self.has_started:
            raise ValueError("Server already started: to serve again, make another Server")
        self._ensure_bound()
        self._start()

    def _start(self) -> None:
        self._server.start()

    def Stop(self, grace: float | None = None) -> None:
        """Takes no more calls, and waits for those that run (`grace` seconds at most)."""
        if not self.has_started:
            raise ValueError("Server not started yet: call Start() first")
        self._server.stop(grace)

    def Join(self) -> None:
        """Waits until it is stopped."""
        if not self.has_started:
            raise ValueError("Server not started: call Start() first")
        self._server.join()

    def SetIsHealthy(self, is_healthy: bool) -> None:
        """What clients are told of the server's health: one that spreads its calls over several
        servers leaves out one that is not healthy; `courier.is_healthy` says so. It answers all
        the same. Healthy until told otherwise.
        """
        if not self.has_started:
            raise ValueError("Cannot set health status; server not started. Call Start() first.")
        self._server.set_healthy(bool(is_healthy))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


class NodeServer(Server):
    """The server of a node: at the node's own address in a running program, else at `address`.
    `number` is the node's; a node inside of another one has one of its own. `node_port` is a tcp
    port of `host` at which it answers as well. Who calls at `address` has to prove the run's token.
    """

    def __init__(
        self,
        name: str,
        address: str | None,
        thread_pool_size: int = 16,
        number: int | None = None,
        node_port: int | None = None,
        host: str | None = None,
        token: tokens.Given | None = None,
    ) -> None:
        super().__init__(name, node_port, thread_pool_size, host=host, token=token)
        self._listen_at = address
        self._number = number

    def _ensure_bound(self) -> None:
        if self._address:
            return
        if self._listen_at is not None:
            self._address = self._server.listen(self._listen_at, of_run=True)
            return
        context = _core.context()
        assert context is not None
        number = context.task if self._number is None else self._number
        self._address = context.address_of(number)

    @property
    def port(self) -> int:
        """The tcp port it listens at. ValueError: it was given none."""
        if self._port is None:
            return super().port
        return self._port

    def _start(self) -> None:
        context = _core.context()
        if self._port is not None:
            self._server.also_listen(f"{_bracketed(self._host)}:{self._port}")
        if self._number is None or context is None or self._number == context.task:
            super()._start()
        else:
            self._server.start_inner(self._number)
