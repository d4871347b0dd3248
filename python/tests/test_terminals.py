"""Where the nodes of local_mp print: each terminal shows the output and leaves nothing behind."""

from __future__ import annotations

import os
import pathlib
import pty
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator

import pytest
from conftest import wait_until_gone

from launchpad.launch import terminals

PROGRAM = r"""
import os, sys, threading
import launchpad as lp

def say(where):
    with open(where, "w") as said:
        said.write(f"{os.getpid()} {os.getppid()} {os.isatty(0)} {os.isatty(1)}\n")

def talk(channel):
    print("hello from a node", flush=True)
    say(channel)
    lp.wait_for_stop()

def fail(channel):
    say(channel)
    raise KeyError("nothing there")

def stubborn(channel):
    say(channel)
    threading.Event().wait()

def main():
    program = lp.Program("p")
    with program.group("node"):
        for number, name in enumerate(sys.argv[2].split(",")):
            program.add_node(lp.PyNode(globals()[name], sys.argv[3] + str(number)))
    print("launcher", os.getpid(), flush=True)
    lp.launch(program, launch_type="local_mp", terminal=sys.argv[1] or None)

if __name__ == "__main__":
    main()
"""


class Channel:
    """What nodes tell the test through named pipes."""

    def __init__(self, prefix: str, nodes: int) -> None:
        self.prefix = prefix
        self._paths = [f"{prefix}{number}" for number in range(nodes)]
        for path in self._paths:
            os.mkfifo(path)

    def read(self, number: int) -> list[str]:
        return pathlib.Path(self._paths[number]).read_text().split()


MakeChannel = Callable[[int], Channel]


@pytest.fixture
def channel(tmp_path: pathlib.Path) -> MakeChannel:
    return lambda nodes: Channel(str(tmp_path / "said"), nodes)


class Tmux:
    """A tmux server of the test's own."""

    def __init__(self, folder: str) -> None:
        self.env = {"TMUX_TMPDIR": folder, "TMUX": "", "TERM": "xterm", "LC_ALL": "C.UTF-8"}

    def __call__(self, *args: str) -> str:
        done = subprocess.run(
            ["tmux", *args],
            env={**os.environ, **self.env},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout


@pytest.fixture
def tmux() -> Iterator[Tmux]:
    with tempfile.TemporaryDirectory(prefix="lp") as folder:
        server = Tmux(folder)
        yield server
        server("kill-server")


def test_an_unknown_terminal_is_named_with_the_choices(run):
    ended = run(PROGRAM, "hologram", "talk", "x")
    assert ended.status != 0
    assert "ValueError: `terminal` got a mode that it does not understand: 'hologram'" in ended.err
    for choice in terminals.CHOICES:
        assert choice in ended.err


def test_an_unknown_terminal_of_the_environment_is_named_too(monkeypatch):
    monkeypatch.setenv("LAUNCHPAD_LAUNCH_LOCAL_TERMINAL", "hologram")
    with pytest.raises(ValueError, match=r"LAUNCHPAD_LAUNCH_LOCAL_TERMINAL.*'hologram'.*xterm"):
        terminals.chosen(None)


def test_the_argument_prevails_over_the_environment(monkeypatch):
    monkeypatch.setenv("LAUNCHPAD_LAUNCH_LOCAL_TERMINAL", "xterm")
    assert terminals.chosen(None) == "xterm"
    assert terminals.chosen("output_to_files") == "output_to_files"
    monkeypatch.delenv("LAUNCHPAD_LAUNCH_LOCAL_TERMINAL")
    assert terminals.chosen(None) == "current_terminal"


def test_a_terminal_whose_program_is_missing_says_so(run):
    ended = run(PROGRAM, "tmux_session", "talk", "x", env={"PATH": "/nowhere"})
    assert ended.status != 0
    assert "RuntimeError: terminal 'tmux_session' needs the program tmux" in ended.err


def test_windows_without_a_display_are_an_error(run):
    ended = run(PROGRAM, "gnome-terminal-tabs", "talk", "x", env={"DISPLAY": ""})
    assert ended.status != 0
    assert "RuntimeError: terminal 'gnome-terminal-tabs' needs an X display" in ended.err


@pytest.mark.parametrize("by_environment", [False, True])
def test_output_goes_to_files_that_each_run_makes_anew(run, channel, tmp_path, by_environment):
    folder = tmp_path / "logs"
    (folder / "node").mkdir(parents=True)
    (folder / "node/0").write_text("what the run before printed, longer than what comes now")
    said = channel(2)
    env = {"LAUNCHPAD_LOGGING_DIR": str(folder)}
    if by_environment:
        env["LAUNCHPAD_LAUNCH_LOCAL_TERMINAL"] = "output_to_files"
    script = PROGRAM.replace("    lp.wait_for_stop()", "").replace("    say(channel)", "")
    terminal = "" if by_environment else "output_to_files"
    ended = run(script, terminal, "talk,talk", said.prefix, env=env)
    assert ended.status == 0, ended.err
    for number in range(2):
        assert (folder / f"node/{number}").read_text() == "hello from a node\n"
        assert str(folder / f"node/{number}") in ended.out
    assert "hello" not in ended.out


def test_a_failure_is_seen_also_when_output_goes_to_files(start, channel, tmp_path):
    said = channel(2)
    env = {"LAUNCHPAD_LOGGING_DIR": str(tmp_path)}
    program = start(PROGRAM, "output_to_files", "talk,fail", said.prefix, env=env)
    said.read(0), said.read(1)
    assert program.end() == 1
    assert "node 'node/1' failed" in program.err and "KeyError" in program.err


@pytest.mark.parametrize("terminal", ["tmux_session", "byobu_session"])
def test_a_session_has_a_window_for_each_node_that_shows_its_output(start, channel, tmux, terminal):
    said = channel(2)
    program = start(PROGRAM, terminal, "talk,talk", said.prefix, env=tmux.env)
    launcher = program.number_after("launcher")
    nodes = [said.read(number) for number in range(2)]
    # A node has its window's terminal, and is the launcher's child all the same.
    assert [node[1:] for node in nodes] == [[str(launcher), "True", "True"]] * 2
    assert tmux("list-windows", "-t", "=launchpad:", "-F", "#{window_name}") == "node/0\nnode/1\n"
    shown = tmux("capture-pane", "-p", "-t", "=launchpad:1")
    while "hello from a node" not in shown:  # tmux reads it in its own time.
        shown = tmux("capture-pane", "-p", "-t", "=launchpad:1")
    program.send(2)
    assert program.end() == 0, program.err
    for pid, *_ in nodes:
        wait_until_gone(int(pid))
    while "launchpad" in tmux("list-sessions"):
        os.sched_yield()


def test_a_session_name_that_is_taken_gets_a_number(start, channel, tmux):
    tmux("new-session", "-d", "-s", "mine", "sleep 1000")
    tmux("new-session", "-d", "-s", "mine_0", "sleep 1000")
    said = channel(1)
    command = ("tmux_session", "talk", said.prefix, "--tmux_session_name=mine")
    program = start(PROGRAM, *command, env=tmux.env)
    said.read(0)
    assert sorted(tmux("list-sessions", "-F", "#{session_name}").split()) == [
        "mine",
        "mine_0",
        "mine_1",
    ]
    program.send(2)
    assert program.end() == 0, program.err


def test_a_node_that_crashes_in_a_window_ends_the_program(start, channel, tmux):
    said = channel(2)
    options = (said.prefix, "--nolp_pdb_post_mortem")
    program = start(PROGRAM, "tmux_session", "talk,fail", *options, env=tmux.env)
    pid = int(said.read(0)[0])
    said.read(1)
    assert program.end() == 1
    assert "KeyError" in program.err
    wait_until_gone(pid)


def test_nodes_and_windows_end_with_a_launcher_that_is_killed(start, channel, tmux):
    said = channel(1)
    program = start(PROGRAM, "tmux_session", "stubborn", said.prefix, env=tmux.env)
    pid = int(said.read(0)[0])
    program.send(9)
    program.end()
    wait_until_gone(pid)
    while "launchpad" in tmux("list-sessions"):
        os.sched_yield()


def test_a_stubborn_node_in_a_window_is_killed(start, channel, tmux):
    said = channel(1)
    program = start(PROGRAM, "tmux_session", "stubborn", said.prefix, env=tmux.env)
    pid = int(said.read(0)[0])
    program.send(3)
    assert program.end() != 0
    wait_until_gone(pid)


@pytest.fixture
def attached(tmux: Tmux) -> Iterator[Tmux]:
    """A tmux server with a client, as somebody at a terminal has it, in the session `mine`."""
    tmux("new-session", "-d", "-s", "mine", "sleep 1000")
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe("tmux", ["tmux", "attach", "-t", "mine"], {**os.environ, **tmux.env})
    while "mine" not in tmux("list-clients", "-F", "#{client_session}"):
        os.sched_yield()
    yield tmux
    os.close(terminal)
    os.kill(pid, 9)
    os.waitpid(pid, 0)


def test_a_launcher_inside_of_tmux_switches_to_its_session_if_told_to(attached, channel, tmp_path):
    said = channel(1)
    script = tmp_path / "script.py"
    script.write_text(PROGRAM)
    arguments = ["tmux_session", "talk", said.prefix, "--tmux_open_window"]
    command = shlex.join([sys.executable, str(script), *arguments])
    attached("new-window", "-t", "=mine:", f"{command} >{tmp_path}/launcher")
    said.read(0)
    while "launchpad" not in attached("list-clients", "-F", "#{client_session}"):
        os.sched_yield()
    launcher = int((tmp_path / "launcher").read_text().split()[1])
    os.kill(launcher, 2)
    wait_until_gone(launcher)


@pytest.fixture
def display(tmp_path: pathlib.Path) -> Iterator[str]:
    """An X server without a screen."""
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-nolisten", "tcp"],
        pass_fds=[writing],
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    with os.fdopen(reading) as numbers:
        number = numbers.readline().strip()
        yield f":{number}"
    server.terminate()
    server.wait()


@pytest.mark.parametrize("terminal", ["gnome-terminal", "gnome-terminal-tabs"])
def test_gnome_terminal_shows_each_nodes_output(start, channel, display, tmp_path, terminal):
    said = channel(2)
    script = tmp_path / "script.py"
    script.write_text(PROGRAM)
    home = tmp_path / "home"
    home.mkdir(0o700)
    env = {
        "DISPLAY": display,
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(home),
        "LC_ALL": "C.UTF-8",
        "NO_AT_BRIDGE": "1",
    }
    # Its windows belong to a server, which is found through D-Bus.
    arguments = [sys.executable, str(script), terminal, "talk,talk", said.prefix]
    program = start(command=["dbus-run-session", "--", *arguments], env=env)
    launcher = program.number_after("launcher")
    nodes = [said.read(number) for number in range(2)]
    assert [node[1:] for node in nodes] == [[str(launcher), "True", "True"]] * 2
    os.kill(launcher, 2)
    assert program.end() == 0, program.err
    for pid, *_ in nodes:
        wait_until_gone(int(pid))


def test_xterm_shows_a_window_for_each_node(start, channel, display):
    said = channel(2)
    program = start(PROGRAM, "xterm", "talk,talk", said.prefix, env={"DISPLAY": display})
    launcher = program.number_after("launcher")
    nodes = [said.read(number) for number in range(2)]
    assert [node[1:] for node in nodes] == [[str(launcher), "True", "True"]] * 2
    program.send(2)
    assert program.end() == 0, program.err
    for pid, *_ in nodes:
        wait_until_gone(int(pid))
