"""The servers of this process, by their ports: a client of one of them needs no socket. Any
thread.
"""

from __future__ import annotations

import itertools
import os
import re
import threading

_LOCAL = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\]):(\d+)")
_lock = threading.Lock()
_numbers = itertools.count()
_addresses: dict[tuple[int, int], str] = {}


def new_address() -> str:
    """A name to serve at within this process."""
    return f"inproc:reverb-{os.getpid()}-{next(_numbers)}"


def add(port: int, address: str) -> None:
    """The server at that port of localhost serves at `address`, too."""
    with _lock:
        _addresses[os.getpid(), port] = address


def remove(port: int, address: str) -> None:
    """What `add` was told; another server may have the port by now, and stays."""
    with _lock:
        if _addresses.get((os.getpid(), port)) == address:
            del _addresses[os.getpid(), port]


def address_of(server_address: str) -> str:
    """The shortest way to a server."""
    match = _LOCAL.fullmatch(server_address)
    if match is None:
        return server_address
    with _lock:
        return _addresses.get((os.getpid(), int(match[1])), server_address)
