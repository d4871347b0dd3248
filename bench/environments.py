"""Makes what a contender needs: virtual environments of the peers, and the C++ programs.

Everything is made on demand and kept. What cannot be made is a `Missing` with its reason, never a
made-up number.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import entries

INSTALL_SECONDS = 900
OUR_PROGRAMS = ("courier", "ours", "replay")  # Built with the project; others stand alone.


class Missing(Exception):
    """Why a contender cannot run here."""


def last_line(text):
    """The last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "no output"


def reason(text):
    """The line that says why a command failed: the first that names an error, or the last."""
    for line in text.splitlines():
        if re.search(r"\berror\b|undefined reference", line, re.IGNORECASE):
            return line.strip()[:200]
    return last_line(text)


def attempt(command, seconds=INSTALL_SECONDS, **more):
    """Runs a command to its end; Missing with its reason if it fails."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            check=False,
            **more,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"{command[0]}: {error}") from error
    if done.returncode != 0:
        raise Missing(reason(done.stdout))
    return done.stdout


def find_python(version):
    """An interpreter of that version: on the path, or among pyenv's."""
    candidates = [shutil.which("python" + version)]
    root = pathlib.Path(os.environ.get("PYENV_ROOT", pathlib.Path.home() / ".pyenv"))
    candidates += sorted(root.glob(f"versions/{version}*/bin/python"))
    for python in filter(None, candidates):
        try:
            attempt(
                [str(python), "-c", f'import sys; assert sys.version.startswith("{version}.")'], 20
            )
            return str(python)
        except Missing:
            continue
    raise Missing(f"no Python {version} on this machine")


def python_of(name, root):
    """The interpreter of a peer's environment below `root`, made if it is not there yet."""
    environment = entries.ENVIRONMENTS[name]
    folder = root / name
    python, stamp = folder / "bin" / "python", folder / "complete"
    wanted = "\n".join((environment.python or sys.version, *environment.packages))
    if stamp.exists() and stamp.read_text() == wanted:
        return str(python)
    print(f"installing {' '.join(environment.packages)}", file=sys.stderr, flush=True)
    base = find_python(environment.python) if environment.python else sys.executable
    root.mkdir(parents=True, exist_ok=True)
    attempt([base, "-m", "venv", "--clear", str(folder)])
    if environment.python:
        attempt([str(python), "-m", "pip", "install", "-q", "-U", "pip"])
    attempt([str(python), "-m", "pip", "install", "-q", *environment.packages])
    stamp.write_text(wanted)
    return str(python)


def version_of(name, python):
    """The peer's version, as its environment has it."""
    distribution = entries.ENVIRONMENTS[name].distribution
    code = (
        "import sys, importlib.metadata as m; "
        f'print("{distribution}", m.version("{distribution}"), "on Python", sys.version.split()[0])'
    )
    return attempt([python, "-c", code], 60).strip()


def need_grpc():
    """gRPC's C++ development files, from Debian if we may install them."""
    probe = ["pkg-config", "--modversion", "grpc++"]
    try:
        return attempt(probe, 60).strip()
    except Missing:
        if not shutil.which("apt-get") or os.geteuid() != 0:
            raise Missing("libgrpc++-dev is not installed, and only root can install it") from None
    print("installing libgrpc++-dev", file=sys.stderr, flush=True)
    attempt(["apt-get", "update", "-q"])
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    attempt(
        [
            "apt-get",
            "install",
            "-y",
            "-q",
            "--no-install-recommends",
            "libgrpc++-dev",
            "pkg-config",
        ],
        env=environment,
    )
    return attempt(probe, 60).strip()


class Programs:
    """The C++ programs: ours from the project's own build, the others from one of bench/ alone."""

    def __init__(self, source, build_dir):
        self.source, self.build_dir = source, build_dir
        self.alone = build_dir.parent / "bench-programs"
        self.built = {}
        self.grpc_version = ""

    def path(self, name):
        """The program, built if need be; raises Missing, and remembers it."""
        if name not in self.built:
            try:
                self.built[name] = self._build(name)
            except Missing as error:
                self.built[name] = error
        if isinstance(self.built[name], Missing):
            raise self.built[name]
        return str(self.built[name])

    def _build(self, name):
        if name in OUR_PROGRAMS:
            program = self.build_dir / "bench" / name
            if not (self.build_dir / "CMakeCache.txt").exists():
                raise Missing(f"{self.build_dir} is not configured")
            attempt(["cmake", "--build", str(self.build_dir), "--target", f"bench_{name}"])
            return program
        flags = []
        if name == "grpc_peer":
            self.grpc_version = "gRPC " + need_grpc()
            flags = ["-DLAUNCHPAD_BENCH_GRPC=ON"]
        print(f"building {name}", file=sys.stderr, flush=True)
        attempt(["cmake", "-S", str(self.source), "-B", str(self.alone), *flags])
        attempt(["cmake", "--build", str(self.alone), "--target", "bench_" + name])
        return self.alone / "bench" / name
