"""courier.Client(compress=True): fewer bytes on a tcp connection, both ways, the same values."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import courier


class Relay:
    """Hands on what comes at its port to a server, and counts it."""

    def __init__(self, port: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.sent = self.answered = 0
        self._target = port
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        near, _ = self._listener.accept()
        far = socket.create_connection(("127.0.0.1", self._target))
        threading.Thread(target=self._pump, args=(near, far, "sent"), daemon=True).start()
        self._pump(far, near, "answered")

    def _pump(self, source: socket.socket, sink: socket.socket, counter: str) -> None:
        with contextlib.suppress(OSError):  # The other direction ended first.
            while data := source.recv(1 << 16):
                setattr(self, counter, getattr(self, counter) + len(data))
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def relay() -> Iterator[Relay]:
    server = courier.Server()
    server.Bind("echo", lambda value: value)
    server.Start()
    relay = Relay(server.port)
    yield relay
    relay.close()
    server.Stop()


VALUES: list[Any] = [
    "x" * 100_000,
    b"ab" * 50_000,
    [1.0] * 20_000,
    {"set": {1, 2}, "a": "y" * 90_000},
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_messages_take_less_room_in_both_directions(relay: Relay, value: Any) -> None:
    client = courier.Client(f"localhost:{relay.port}", compress=True)
    assert client.echo(value) == value
    assert client.futures.echo(value).result() == value
    assert 0 < relay.sent < 40_000 and 0 < relay.answered < 40_000


def test_arrays_come_back_equal_aligned_and_writable(relay: Relay) -> None:
    client = courier.Client(f"localhost:{relay.port}", compress=True)
    array = np.tile(np.arange(1000, dtype=np.float64), 100)
    back = client.echo({"pickled": {1}, "array": array})["array"]
    assert np.array_equal(back, array) and back.flags.writeable and back.flags.aligned
    assert relay.sent < array.nbytes / 2 and relay.answered < array.nbytes / 2


def test_noise_travels_as_it_is(relay: Relay) -> None:
    client = courier.Client(f"localhost:{relay.port}", compress=True)
    noise = np.random.default_rng(0).bytes(200_000)
    assert client.echo(noise) == noise
    assert 200_000 <= relay.sent < 202_000


def test_without_it_nothing_is_compressed(relay: Relay) -> None:
    client = courier.Client(f"localhost:{relay.port}")
    assert client.echo("x" * 100_000) == "x" * 100_000
    assert relay.sent > 100_000 and relay.answered > 100_000
