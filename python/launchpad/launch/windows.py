"""Windows of terminal programs, one for each node: each runs a placeholder that tells the name of
its terminal device, and the node, a child of the launcher, prints to that. Used by one thread.

A window closes when its placeholder ends: when the run is over, or the launcher died.
"""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from typing import Protocol

# How long a window may take to open.
_OPEN_SECS = 20.0
# $1: where to report; $2: the launcher. `tail` ends with that process, and reads nothing, so that
# what is typed is the node's.
_PLACEHOLDER = (
    'trap \'\' INT QUIT TSTP; echo $$ $(tty) >"$1"; exec tail -s 0.2 --pid="$2" -f /dev/null'
)


class Windows(Protocol):
    """A terminal program that can open windows."""

    def command(self, title: str, first: bool, inner: list[str]) -> list[str]:
        """The command that opens a window which runs `inner`."""
        ...

    def opened(self) -> None:
        """All windows are there."""
        ...


class Tmux:
    """A session of its own, with a window for each node; `launcher` is tmux or byobu."""

    def __init__(self, tmux: str, launcher: str) -> None:
        self._tmux = tmux
        self._launcher = launcher
        self.session = ""

    def command(self, title: str, first: bool, inner: list[str]) -> list[str]:
        line = "exec " + shlex.join(inner)
        if first:
            self.session = self._free_name()
            return [self._tmux, "new-session", "-d", "-s", self.session, "-n", title, line]
        return [self._tmux, "new-window", "-d", "-t", f"={self.session}:", "-n", title, line]

    def _free_name(self) -> str:
        from launchpad import flags

        wanted = flags.TMUX_SESSION_NAME.value
        listed = subprocess.run(
            [self._tmux, "list-sessions", "-F", "#{session_name}"],
            capture_output=True,
            text=True,
            check=False,
        )
        taken = set(listed.stdout.split("\n"))
        name, number = wanted, 0
        while name in taken:
            name, number = f"{wanted}_{number}", number + 1
        return name

    def opened(self) -> None:
        from launchpad import flags

        print(
            f"The nodes' output is in the session {self.session!r}: "
            f"{self._launcher} attach -t {self.session}",
            flush=True,
        )
        if flags.TMUX_OPEN_WINDOW.value:
            # Works inside of tmux only; elsewhere the line above says how.
            subprocess.run(
                [self._tmux, "switch-client", "-t", f"={self.session}"],
                capture_output=True,
                check=False,
            )


class Xterm:
    """A window of its own for each node."""

    def __init__(self, xterm: str) -> None:
        self._xterm = xterm

    def command(self, title: str, first: bool, inner: list[str]) -> list[str]:
        del first
        return [self._xterm, "-title", title, "-e", *inner]

    def opened(self) -> None:
        pass


class GnomeTerminal:
    """A window for each node, or a tab for each in one window."""

    def __init__(self, program: str, tabs: bool) -> None:
        self._program = program
        self._tabs = tabs

    def command(self, title: str, first: bool, inner: list[str]) -> list[str]:
        place = "--tab" if self._tabs and not first else "--window"
        return [self._program, place, "--title", title, "--", *inner]

    def opened(self) -> None:
        pass


class WindowTerminal:
    """Opens a window for each node, and closes them all."""

    def __init__(self, windows: Windows) -> None:
        self._windows = windows
        self._holders: list[int] = []  # pidfds of the placeholders.
        self._programs: list[subprocess.Popen[bytes]] = []

    def open(self, names: Sequence[str]) -> list[str]:
        folder = tempfile.mkdtemp(prefix="launchpad-")
        try:
            devices = [
                self._open_one(name, os.path.join(folder, str(number)), number == 0)
                for number, name in enumerate(names)
            ]
            self._windows.opened()
            return devices
        except BaseException:
            self.close()
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _open_one(self, name: str, report: str, first: bool) -> str:
        os.mkfifo(report, 0o600)
        reading = os.open(report, os.O_RDONLY | os.O_NONBLOCK)
        try:
            inner = ["/bin/sh", "-c", _PLACEHOLDER, "sh", report, str(os.getpid())]
            command = self._windows.command(name, first, inner)
            program = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            self._programs.append(program)
            pid, device = _reported(reading, program, name)
        finally:
            os.close(reading)
        self._holders.append(os.pidfd_open(pid))
        return device

    def close(self) -> None:
        for holder in self._holders:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(holder, signal.SIGKILL)
            os.close(holder)
        self._holders.clear()
        for program in self._programs:
            with contextlib.suppress(subprocess.TimeoutExpired):
                program.wait(2)
            if program.poll() is None:
                program.kill()
                program.wait()
            assert program.stderr is not None
            program.stderr.close()
        self._programs.clear()


def _reported(reading: int, program: subprocess.Popen[bytes], name: str) -> tuple[int, str]:
    """The placeholder's process and terminal device."""
    limit = time.monotonic() + _OPEN_SECS
    text = b""
    while not text.endswith(b"\n"):
        ready, _, _ = select.select([reading], [], [], 0.1)
        piece = os.read(reading, 1024) if ready else b""
        text += piece
        if piece:
            continue
        failed = program.poll() not in (None, 0)
        if failed or time.monotonic() > limit:
            program.kill()
            assert program.stderr is not None
            said = program.stderr.read().decode(errors="replace").strip()
            raise RuntimeError(
                f"no window could be opened for node '{name}': "
                f"{program.args!r} " + (f"said: {said}" if said else "hangs")
            )
        if ready:  # Not opened for writing yet: the descriptor says "end" till then.
            time.sleep(0.01)
    pid, device = text.decode().split()
    return int(pid), device
