"""Where the nodes of local_mp print: one class for each `terminal`. The nodes stay the launcher's
own children in all of them: a window only lends them its terminal device. Used by one thread.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import Protocol

from launchpad.launch import windows

TERMINAL_VARIABLE = "LAUNCHPAD_LAUNCH_LOCAL_TERMINAL"
LOGGING_VARIABLE = "LAUNCHPAD_LOGGING_DIR"
_DEFAULT_LOGGING_DIR = "/tmp/launchpad_out/"


class Terminal(Protocol):
    """What shows the output of a run's nodes."""

    def open(self, names: Sequence[str]) -> list[str]:
        """For each node ("label/index") the file or terminal device that it prints to; empty: the
        launcher's output.
        """
        ...

    def close(self) -> None:
        """The run is over."""
        ...


class CurrentTerminal:
    """The launcher's own output: lines behind the nodes' names."""

    def open(self, names: Sequence[str]) -> list[str]:
        return [""] * len(names)

    def close(self) -> None:
        pass


class OutputToFiles:
    """A file for each node, made anew by each run."""

    def open(self, names: Sequence[str]) -> list[str]:
        folder = os.path.abspath(os.environ.get(LOGGING_VARIABLE) or _DEFAULT_LOGGING_DIR)
        paths = []
        for name in names:
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            print(f"Output of {name} goes to {path}", flush=True)
            paths.append(path)
        return paths

    def close(self) -> None:
        pass


def _tmux() -> Terminal:
    return windows.WindowTerminal(windows.Tmux(_program("tmux_session", "tmux"), "tmux"))


def _byobu() -> Terminal:
    _program("byobu_session", "byobu")
    tmux = _program("byobu_session", "tmux")
    return windows.WindowTerminal(windows.Tmux(tmux, "byobu"))


def _xterm() -> Terminal:
    return windows.WindowTerminal(windows.Xterm(_x_program("xterm", "xterm")))


def _gnome(name: str, tabs: bool) -> Callable[[], Terminal]:
    return lambda: windows.WindowTerminal(
        windows.GnomeTerminal(_x_program(name, "gnome-terminal"), tabs)
    )


_KINDS: dict[str, Callable[[], Terminal]] = {
    "current_terminal": CurrentTerminal,
    "output_to_files": OutputToFiles,
    "tmux_session": _tmux,
    "byobu_session": _byobu,
    "xterm": _xterm,
    "gnome-terminal": _gnome("gnome-terminal", False),
    "gnome-terminal-tabs": _gnome("gnome-terminal-tabs", True),
}
CHOICES = tuple(_KINDS)


def chosen(terminal: str | None) -> str:
    """The argument, else the environment's, else current_terminal. ValueError for another name."""
    source = "`terminal`"
    if terminal is None:
        terminal = os.environ.get(TERMINAL_VARIABLE) or "current_terminal"
        source = f"the environment's {TERMINAL_VARIABLE}"
    if terminal not in _KINDS:
        raise ValueError(
            f"{source} got a mode that it does not understand: {terminal!r}; "
            f"there is {', '.join(CHOICES)}"
        )
    return terminal


def make(name: str) -> Terminal:
    """The terminal of that name. RuntimeError if what it needs is not there."""
    return _KINDS[name]()


def has_keyboard(name: str) -> bool:
    """Whether somebody sits at the launcher's terminal or has a window for each node, to debug."""
    if name == "current_terminal":
        return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()
    return name != "output_to_files"


def _program(terminal: str, name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise RuntimeError(
            f"terminal {terminal!r} needs the program {name}, which is not in PATH: install it, or "
            "use terminal='current_terminal' or 'output_to_files'"
        )
    return path


def _x_program(terminal: str, name: str) -> str:
    if not os.environ.get("DISPLAY"):
        raise RuntimeError(
            f"terminal {terminal!r} needs an X display, and DISPLAY is not set: use "
            "terminal='tmux_session', 'current_terminal' or 'output_to_files'"
        )
    return _program(terminal, name)
