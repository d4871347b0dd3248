"""A courier server in a process of its own, for the tests of calls: prints its address.

Usage: values_server.py [address]. Without one it listens at a free port.
"""

from __future__ import annotations

import os
import sys
import threading

import courier
from launchpad.calls.server import NodeServer

entered = threading.Semaphore(0)
released = threading.Event()


class MineError(ValueError):
    def __init__(self, word, number):
        super().__init__(word)
        self.number = number


class LockedError(Exception):
    """Does not pickle."""

    def __init__(self):
        super().__init__("locked")
        self.lock = threading.Lock()


class MuteError(Exception):
    """Has no text."""

    def __str__(self):
        raise RuntimeError("no text")


class BadReduceError(Exception):
    """Pickles, and cannot be rebuilt."""

    def __reduce__(self):
        return (BadReduceError, (1, 2, 3, 4))

    def __init__(self):
        super().__init__("bad reduce")


def fail(name, *args):
    kinds = {**vars(__builtins__), **globals()}
    raise kinds[name](*args)


def chained():
    try:
        raise KeyError("inner")
    except KeyError as error:
        raise ValueError("outer") from error


def block():
    """Until release() is called. wait_for_entry() returns once it runs."""
    entered.release()
    released.wait()
    return "released"


def call_back(client, *args):
    return client.answer(*args)


def main():
    server = NodeServer("", sys.argv[1]) if len(sys.argv) > 1 else courier.Server()
    server.Bind("echo", lambda *args, **kwargs: (args, kwargs))
    server.Bind("same", lambda value: value)
    server.Bind("kind", lambda value: f"{type(value).__module__}.{type(value).__qualname__}")
    server.Bind("evaluate", lambda text: eval(text))
    server.Bind("apply", lambda function, *args: function(*args))
    server.Bind("describe", lambda a: (str(a.dtype), a.shape, a.flags.c_contiguous, a.tolist()))
    server.Bind("add_in_place", lambda a: a.__iadd__(1))
    server.Bind("writable", lambda a: (a.flags.writeable, a.flags.owndata or a.base is not None))
    server.Bind("fail", fail)
    server.Bind("chained", chained)
    server.Bind("block", block)
    server.Bind("wait_for_entry", entered.acquire)
    server.Bind("release", released.set)
    server.Bind("call_back", call_back)
    server.Bind("die", lambda: os._exit(1))
    server.Bind("__call__", lambda *args: ("called", args))
    server.Bind("_private", lambda: "private")
    server.Start()
    print("address", server.address, flush=True)
    server.Join()


if __name__ == "__main__":
    main()
