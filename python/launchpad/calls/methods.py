"""Methods: a server's methods by name. What calling one gives (a future, a coroutine, a future of
each server) is its maker's business. Any thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Methods:
    """Makes each method when it is first used: make(name). Names with two leading underscores are
    never remote, but for `__call__`.
    """

    def __init__(self, make: Callable[[str], Callable[..., Any]]) -> None:
        self._make = make

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        method = self._make(name)
        self.__dict__[name] = method
        return method

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._make("__call__")(*args, **kwargs)
