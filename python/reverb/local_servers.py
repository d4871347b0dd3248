"""Servers that are near, by their ports: a client of one in this process needs no socket, and one
on this host a Unix socket, over which large samples travel in shared memory. Any thread.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import socket
import stat
import tempfile
import threading
import time

_LOCAL = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\]):(\d+)")
# A socket that is younger may not be listened at yet.
_SETTLED_SECS = 60.0
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


def socket_address(port: int) -> str:
    """Where the server at that port of localhost serves this user's other processes, too.

    Raises:
      OSError: there is no folder that is this user's alone.
    """
    return "unix:" + os.path.join(_folder(), str(port))


def sweep() -> None:
    """Removes the sockets that servers left who were killed."""
    with contextlib.suppress(OSError), os.scandir(_folder()) as entries:
        for entry in entries:
            if time.time() - entry.stat(follow_symlinks=False).st_mtime > _SETTLED_SECS:
                _remove_dead(entry.path)


def _remove_dead(path: str) -> None:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            if stat.S_ISSOCK(os.lstat(path).st_mode):
                os.unlink(path)


def tidy() -> None:
    """Removes the sockets' folder, if none is left in it."""
    with contextlib.suppress(OSError):
        os.rmdir(_path())


def address_of(server_address: str) -> str:
    """The shortest way to a server, or to each of several: by what is there now."""
    return ",".join(map(_address_of_one, server_address.split(",")))


def _address_of_one(server_address: str) -> str:
    match = _LOCAL.fullmatch(server_address)
    if match is None:
        return server_address
    port = int(match[1])
    with _lock:
        here = _addresses.get((os.getpid(), port))
    return here or _living_socket(port) or server_address


def _path() -> str:
    # Ports mean the same only within a network namespace.
    namespace = os.stat("/proc/self/ns/net").st_ino
    return os.path.join(tempfile.gettempdir(), f"launchpad-{os.getuid()}-{namespace}")


def _folder() -> str:
    path = _path()
    os.makedirs(path, 0o700, exist_ok=True)
    found = os.lstat(path)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{path} is not this user's alone")
    return path


def _living_socket(port: int) -> str | None:
    """A server that was killed leaves its socket behind, so somebody has to answer there."""
    try:
        address = socket_address(port)
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(address.removeprefix("unix:"))
        return address
    except OSError:
        return None
