"""Tokens of servers and clients, as they are given: `token=` arguments. Nothing is kept here."""

from __future__ import annotations

import os
from typing import Union

from launchpad import _core

Given = Union[str, bytes, "os.PathLike[str]"]


def of(given: Given | None) -> _core.Token | None:
    """The token that a str or bytes is, or that lies in the file of a path.

    Raises:
      TypeError: something else.
      ValueError: a token of less than 16 bytes.
      FileNotFoundError, PermissionError: no such file, or one that others can read.
    """
    if given is None:
        return None
    if isinstance(given, str):
        return _core.Token(given.encode())
    if isinstance(given, bytes):
        return _core.Token(given)
    if isinstance(given, os.PathLike):
        os.stat(given)  # A file that is not there is the system's error.
        return _core.Token.read(os.fspath(given))
    raise TypeError(
        "token must be a str or bytes, or the pathlib.Path of a file that has it, "
        f"not {type(given).__name__}"
    )
