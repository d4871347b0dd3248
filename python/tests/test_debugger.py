"""Post-mortem pdb of a node that crashed, at a pseudo-terminal."""

from __future__ import annotations

import os
import pathlib
import pty
import select
import subprocess
import sys
from collections.abc import Iterator

import pytest
from conftest import LIMIT_SECS

PROGRAM = r"""
import os, sys, threading
import launchpad as lp

def fail(secret):
    raise KeyError("lost")

def after(fifo):
    # Fails once it is told to.
    open(fifo).read()
    raise IndexError("second")

def main():
    program = lp.Program("p")
    with program.group("node"):
        program.add_node(lp.PyNode(fail, 1234))
        if len(sys.argv) > 2 and not sys.argv[2].startswith("-"):
            program.add_node(lp.PyNode(after, sys.argv[2]))
    lp.launch(program, launch_type=sys.argv[1])

if __name__ == "__main__":
    main()
"""


class Console:
    """A launcher whose controlling terminal is the test's."""

    def __init__(self, arguments: list[str], folder: pathlib.Path, run_dir: pathlib.Path) -> None:
        script = folder / "script.py"
        script.write_text(PROGRAM)
        os.environ["LAUNCHPAD_RUN_DIR"] = str(run_dir)
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.execv(sys.executable, [sys.executable, str(script), *arguments])
        self.said = ""
        self._heard = 0  # Up to where it was expected.

    def expect(self, text: str) -> None:
        """Reads until it says the text, behind what was expected before."""
        while text not in self.said[self._heard :]:
            ready, _, _ = select.select([self._fd], [], [], LIMIT_SECS)
            assert ready, f"it never said {text!r}: {self.said}"
            try:
                self.said += os.read(self._fd, 4096).decode()
            except OSError:
                raise AssertionError(f"it ended without {text!r}: {self.said}") from None
        self._heard = self.said.index(text, self._heard) + len(text)

    def type(self, line: str) -> None:
        os.write(self._fd, (line + "\n").encode())

    def end(self) -> int:
        while True:
            try:
                piece = os.read(self._fd, 4096)
            except OSError:
                break
            self.said += piece.decode()
            if not piece:
                break
        _, status = os.waitpid(self.pid, 0)
        self.pid = 0
        return os.waitstatus_to_exitcode(status)

    def clear_away(self) -> None:
        if self.pid:
            os.kill(self.pid, 9)
            os.waitpid(self.pid, 0)
        os.close(self._fd)


@pytest.fixture
def console(
    tmp_path: pathlib.Path, run_dir: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[object]:
    monkeypatch.setenv("LAUNCHPAD_RUN_DIR", str(run_dir))
    made: list[Console] = []

    def start(*arguments: str) -> Console:
        made.append(Console(list(arguments), tmp_path, run_dir))
        return made[-1]

    yield start
    for one in made:
        one.clear_away()


@pytest.mark.parametrize("launch_type", ["local_mt", "local_mp"])
def test_a_crashed_node_is_debugged_where_it_failed(console, launch_type):
    program = console(launch_type)
    program.expect("Node node/0 failed with KeyError: 'lost'")
    program.expect("(Pdb) ")
    program.type("print('it is', secret + 1)")
    program.expect("it is 1235")
    program.type("quit")
    assert program.end() == 1
    assert "KeyError" in program.said


@pytest.mark.parametrize("launch_type", ["local_mt", "local_mp"])
def test_only_the_first_node_that_fails_is_debugged(console, launch_type, tmp_path):
    fifo = str(tmp_path / "fifo")
    os.mkfifo(fifo)
    program = console(launch_type, fifo)
    program.expect("(Pdb) ")
    with open(fifo, "w") as now:
        now.write("x")
    program.type("print('still', 'here')")
    program.expect("still here")
    program.type("quit")
    assert program.end() == 1
    assert program.said.count("The debugger shows where") == 1


@pytest.mark.parametrize("launch_type", ["local_mt", "local_mp"])
def test_a_flag_turns_it_off(console, launch_type):
    program = console(launch_type, "--nolp_pdb_post_mortem")
    assert program.end() == 1
    assert "Pdb" not in program.said


@pytest.mark.parametrize("launch_type", ["local_mt", "local_mp"])
def test_nothing_is_debugged_without_a_terminal(run, launch_type):
    ended = run(PROGRAM, launch_type)
    assert ended.status == 1
    assert "Pdb" not in ended.out + ended.err


def test_nothing_is_debugged_when_the_input_is_no_terminal(tmp_path, run_dir):
    script = tmp_path / "script.py"
    script.write_text(PROGRAM)
    ours, theirs = pty.openpty()
    ended = subprocess.run(
        [sys.executable, str(script), "local_mt"],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
        timeout=LIMIT_SECS,
        check=False,
    )
    os.close(theirs)
    os.close(ours)
    assert ended.returncode == 1
    assert b"Pdb" not in ended.stderr
