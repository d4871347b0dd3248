"""Where the nodes of local_mp print: which terminal is meant. What each does is the C++ launcher's
(launch/terminal.h).
"""

from __future__ import annotations

import sys

from launchpad import _core

CHOICES = tuple(_core.terminal_names())


def chosen(terminal: str | None) -> str:
    """The argument, else the environment's, else current_terminal. ValueError for another name."""
    return _core.chosen_terminal(terminal or "")


def has_keyboard(name: str) -> bool:
    """Whether somebody sits at the launcher's terminal or has a window for each node, to debug."""
    if name == "current_terminal":
        return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()
    return name != "output_to_files"
