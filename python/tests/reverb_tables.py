"""What the tests of reverb share: tables, servers, and threads with a limit."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import reverb

LIMIT = 20.0


def table(
    name: str = "t", *, max_size: int = 1000, min_size: int = 1, **options: Any
) -> reverb.Table:
    """A uniform table."""
    known: dict[str, Any] = {
        "sampler": reverb.selectors.Uniform(),
        "remover": reverb.selectors.Fifo(),
        "rate_limiter": reverb.rate_limiters.MinSize(min_size),
    }
    return reverb.Table(name=name, max_size=max_size, **{**known, **options})


@contextlib.contextmanager
def serving(*tables: reverb.Table, **options: Any) -> Iterator[reverb.Server]:
    """A server until the block's end."""
    server = reverb.Server(tables, **options)
    try:
        yield server
    finally:
        server.stop()


def clean_client(server: reverb.Server) -> reverb.Client:
    """A client of a server whose tables are empty now."""
    client = server.localhost_client()
    empty(client)
    return client


def empty(client: reverb.Client) -> None:
    """Resets all tables."""
    for name in client.server_info(LIMIT):
        client.reset(name)


def data_of(sample: Any) -> Any:
    """The data of a sample as lists."""
    return [np.asarray(column).tolist() for column in sample.data]


def drain(client: reverb.Client, name: str, count: int) -> list[Any]:
    """The data of the next items."""
    return [data_of(s) for s in client.sample(name, count, emit_timesteps=False, timeout=LIMIT)]


class Background(threading.Thread):
    """Runs a function; `result()` gives what it returned or raises what it raised."""

    def __init__(self, function: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._function = function
        self._value: Any = None
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._value = self._function()
        except BaseException as error:
            self._error = error

    def result(self) -> Any:
        self.join(LIMIT)
        assert not self.is_alive(), "it still waits"
        if self._error is not None:
            raise self._error
        return self._value


def wait_until(condition: Callable[[], bool]) -> None:
    """Until it holds: for what another thread does and tells nobody of."""
    end = threading.Event()
    for _ in range(int(LIMIT / 0.005)):
        if condition():
            return
        end.wait(0.005)
    raise AssertionError("it never came to hold")
