"""What the tests share: programs as real processes, and servers in processes of their own.

Nothing waits by sleeping: a process is waited for by its pidfd, a program by what it prints.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pathlib
import queue
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import types
from collections.abc import Callable, Iterator
from typing import IO

import pytest
from absl import flags

import courier
import launchpad  # noqa: F401  Defines flags.

ROOT = pathlib.Path(__file__).parents[2]
# No process of a test lives longer.
LIMIT_SECS = 30

# A shell starts its background jobs with these ignored, and programs would inherit that: the tests
# send them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGQUIT) is signal.SIG_IGN:
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)


@pytest.fixture
def examples() -> pathlib.Path:
    """Where the built examples are."""
    return pathlib.Path(os.environ.get("LAUNCHPAD_BUILD_DIR", ROOT / "build/dev")) / "examples"


class Process:
    """A running Python script (or another command), with its output to read line by line."""

    def __init__(self, command: list[str], cwd: pathlib.Path, env: dict[str, str]) -> None:
        self._errors: list[str] = []
        self._process = subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._process.stderr is not None
        self._error_lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read_errors, args=(self._process.stderr,))
        self._reader.start()
        self.pid = self._process.pid
        self._seen: list[str] = []

    def read_until(self, text: str) -> str:
        """The first line that has the text. Fails if the output ends before."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._seen.append(line)
            if text in line:
                return line.rstrip("\n")
        raise AssertionError(f"no line has {text!r}; stdout: {self._seen}, stderr: {self.err}")

    def _read_errors(self, stream: IO[str]) -> None:
        for line in stream:
            self._errors.append(line)
            self._error_lines.put(line)
        self._error_lines.put(None)

    def read_until_error(self, text: str) -> str:
        """As read_until, of stderr."""
        for line in iter(lambda: self._error_lines.get(timeout=LIMIT_SECS), None):
            if text in line:
                return line.rstrip("\n")
        raise AssertionError(f"no line has {text!r}; stderr: {self.err}")

    def number_after(self, text: str) -> int:
        """What follows `text` and a blank in the first line that has it."""
        return int(self.read_until(text).split(text + " ")[1])

    def send(self, number: int) -> None:
        os.kill(self.pid, number)

    def end(self) -> int:
        """Its exit status, once it has ended."""
        assert self._process.stdout is not None
        self._seen += self._process.stdout.readlines()
        self._reader.join(LIMIT_SECS)
        return self._process.wait(LIMIT_SECS)

    @property
    def out(self) -> str:
        return "".join(self._seen)

    @property
    def err(self) -> str:
        return "".join(self._errors)

    def clear_away(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait(LIMIT_SECS)
        self._reader.join(LIMIT_SECS)
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()


@pytest.fixture
def run_dir() -> Iterator[pathlib.Path]:
    """Where launchers make their run directories: a short path, for the sake of sockets."""
    path = tempfile.mkdtemp(prefix="lp")
    yield pathlib.Path(path)
    shutil.rmtree(path, ignore_errors=True)


Start = Callable[..., Process]


@pytest.fixture
def start(tmp_path: pathlib.Path, run_dir: pathlib.Path) -> Iterator[Start]:
    """start(script, *args, env={}) starts a Python script; start(command=[...]) any command."""
    started: list[Process] = []

    def start(
        script: str = "",
        *args: str,
        command: list[str] | None = None,
        env: dict[str, str] = {},  # noqa: B006
    ) -> Process:
        if command is None:
            path = tmp_path / f"script_{len(started)}.py"
            path.write_text(textwrap.dedent(script))
            command = [sys.executable, str(path), *args]
        whole = {**os.environ, "LAUNCHPAD_RUN_DIR": str(run_dir), **env}
        started.append(Process(command, tmp_path, whole))
        return started[-1]

    yield start
    for process in started:
        process.clear_away()


@pytest.fixture
def run(start: Start) -> Start:
    """As start, and waits for the end; the Process has `status`."""

    def run(*args: str, **kwargs: object) -> Process:
        process = start(*args, **kwargs)
        process.status = process.end()  # type: ignore[attr-defined]
        return process

    return run


STAND_INS = str(pathlib.Path(__file__).parent / "stand_ins")


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], types.ModuleType]:
    """stand_in(name): what stands in for a library that is too large to install, until the end."""
    monkeypatch.syspath_prepend(STAND_INS)

    def stand_in(name: str) -> types.ModuleType:
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
        del sys.modules[name]
        return importlib.import_module(name)

    return stand_in


def wait_until_gone(pid: int) -> None:
    """Until the process has ended, be it ours or not."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ready, _, _ = select.select([watched], [], [], LIMIT_SECS)
        assert ready, f"process {pid} still runs"
    finally:
        os.close(watched)


if not flags.FLAGS.is_parsed():  # As absltest.main does; pytest's own arguments are none of them.
    flags.FLAGS(sys.argv[:1])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(pathlib.Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(LIMIT_SECS))


@pytest.fixture
def start_server(start: Start) -> Callable[..., Process]:
    """start_server(*args) starts values_server.py; the Process has `address`."""

    def start_server(*args: str) -> Process:
        script = str(pathlib.Path(__file__).with_name("values_server.py"))
        process = start(command=[sys.executable, script, *args])
        process.address = process.read_until("address").split()[1]  # type: ignore[attr-defined]
        return process

    return start_server


@pytest.fixture(scope="module")
def shared_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a values_server.py that the module's tests share."""
    script = str(pathlib.Path(__file__).with_name("values_server.py"))
    folder = tmp_path_factory.mktemp("server")
    process = Process([sys.executable, script], folder, dict(os.environ))
    yield process.read_until("address").split()[1]
    process.clear_away()


@pytest.fixture
def client(shared_address: str) -> courier.Client:
    """A client of the shared server, with a time limit."""
    return courier.Client(shared_address, call_timeout=LIMIT_SECS)


Serve = Callable[..., courier.Server]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """serve(name=function, ...) starts a server in this process; it is stopped at the end."""
    servers: list[courier.Server] = []

    def serve(
        thread_pool_size: int = 16,
        port: int | None = None,
        token: str | bytes | pathlib.Path | None = None,
        **methods: Callable[..., object],
    ) -> courier.Server:
        server = courier.Server("test", port, thread_pool_size, token=token)
        for name, function in methods.items():
            server.Bind(name, function)
        server.Start()
        servers.append(server)
        return server

    yield serve
    for server in servers:
        server.Stop()


@pytest.fixture
def free_address(run_dir: pathlib.Path) -> str:
    """Where no server listens yet."""
    return f"unix:{run_dir}/server.sock"
