"""Servers that are near, by their ports: a client of one in this process needs no socket, and one
on this host a Unix socket, over which large samples travel in shared memory. Each port has its own
addresses for both, so that a client finds whoever serves there now. Any thread.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import stat
import tempfile
import time

_LOCAL = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\]):(\d+)")
# A socket that is younger may not be listened at yet.
_SETTLED_SECS = 60.0


def inner_address(port: int) -> str:
    """Where the server at that port of localhost serves its own process, too."""
    # A fork has the names of its parent's servers, but not the servers.
    return f"inproc:reverb-{os.getpid()}-{port}"


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


def nearer(server_address: str) -> list[list[str]]:
    """Of each server that an address names, the addresses that are shorter ways to it, if it serves
    there: the shortest first.
    """
    return [_nearer(each) for each in server_address.split(",")]


def _nearer(server_address: str) -> list[str]:
    match = _LOCAL.fullmatch(server_address)
    if match is None:
        return []
    port = int(match[1])
    ways = [inner_address(port)]
    # A client makes no folder: whose the socket is, it sees when it connects.
    with contextlib.suppress(OSError):
        ways.append("unix:" + os.path.join(_path(), str(port)))
    return ways


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
