"""A stand-in for Docker's client and engine in tests: it builds by copying, and runs a container's
own command as a process of this machine. Names of containers become ports of 127.0.0.2, where
nobody is reached who listens only at his own localhost, as between containers.

Its folder DOCKER_FOLDER has: `log`, each command line; `images/NAME`; `pids/NAME`. DOCKER_PORTS are
ports that are free.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import urllib.parse

FOLDER = pathlib.Path(os.environ["DOCKER_FOLDER"])


# An image's name, as engines take it (distribution's reference grammar).
NAME = re.compile(r"[a-z0-9.-]+(/[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*)+:[a-zA-Z0-9_][a-zA-Z0-9_.-]*")


def build(tag: str, context: str) -> None:
    if not NAME.fullmatch(tag):
        sys.exit(f'invalid argument "{tag}" for "-t, --tag" flag: invalid reference format')
    shutil.copytree(context, FOLDER / "images" / urllib.parse.quote(tag, safe=""))


def mapped(spec: str) -> str:
    """With 127.0.0.2:PORT instead of container:2222, two ports each."""
    names = sorted(set(re.findall(r'"([^"]+):2222"', spec)))
    ports = os.environ["DOCKER_PORTS"].split()
    for name, port in zip(names, ports):
        spec = spec.replace(f"{name}:2222", f"127.0.0.2:{port}")
    return spec


def run(arguments: list[str]) -> int:
    environment = dict(os.environ)
    while arguments[0].startswith("-"):
        option = arguments.pop(0)
        if option in ("--network", "--name", "-e"):
            value = arguments.pop(0)
            if option == "--name":
                name = value
            elif option == "-e":
                variable, _, text = value.partition("=")
                environment[variable] = mapped(text)
    image = FOLDER / "images" / urllib.parse.quote(arguments[0], safe="")
    dockerfile = (image / "Dockerfile").read_text()
    command = json.loads(re.findall(r"^CMD (.*)$", dockerfile, re.MULTILINE)[-1])
    command = [sys.executable, *command[1:-1], str(image / "nodes")]
    environment["PYTHONPATH"] = os.pathsep.join([str(image / "code"), environment["PYTHONPATH"]])
    process = subprocess.Popen(command, env=environment, cwd=image / "code")
    (FOLDER / "pids").mkdir(exist_ok=True)
    (FOLDER / "pids" / name).write_text(str(process.pid))
    return process.wait()


def stop(name: str) -> None:
    os.kill(int((FOLDER / "pids" / name).read_text()), signal.SIGTERM)


def main() -> int:
    verb, *arguments = sys.argv[1:]
    with (FOLDER / "log").open("a") as log:
        log.write(" ".join(sys.argv[1:]) + "\n")
    if verb == "build":
        build(arguments[1], arguments[2])
    elif verb == "run":
        return run(arguments)
    elif verb == "stop":
        stop(arguments[-1])
    return 0


if __name__ == "__main__":
    sys.exit(main())
