"""local_docker: nodes in containers stop, wait for the stop, fail and print as others do.

The engine is docker_engine.py, which runs what the images have; nothing here needs Docker.
"""

from __future__ import annotations

import os
import pathlib
import socket
import sys

import pytest

import launchpad as lp
from launchpad.cloud import stopper

PROGRAM = """
import os, sys
import launchpad as lp
import reverb
from absl import app

class Service:
    def __init__(self, name):
        self._name = name
    def whoami(self):
        return self._name

class Waiter:
    def run(self):
        print("stopped", lp.wait_for_stop(), flush=True)

def ask(stop, *services):
    print("says", [service.whoami() for service in services], flush=True)
    stop()

def fail():
    raise KeyError("inside")

def write_and_read(client):
    client.insert([5], {"queue": 1.0})
    [step] = next(client.sample("queue", emit_timesteps=True))
    print("read", int(step.data[0]), flush=True)
    lp.stop()

def main(argv):
    program = lp.Program("contained")
    stop = {"stop": lp.stop, "stopper": lp.make_program_stopper("local_docker")}.get(argv[1])
    if argv[1] == "fail":
        program.add_node(lp.PyNode(fail), label="fails")
    elif argv[1] == "replay":
        node = lp.ReverbNode(lambda: [reverb.Table.queue("queue", 1)])
        program.add_node(lp.PyNode(write_and_read, program.add_node(node, "replay")), label="ask")
    elif argv[1] == "colocated":
        nodes = [lp.CourierNode(Service, "a"), lp.CourierNode(Service, "b")]
        handles = [node.create_handle() for node in nodes]
        program.add_node(getattr(lp, argv[2])(nodes), label="pair")
        program.add_node(lp.PyNode(ask, lp.stop, *handles), label="ask")
    elif argv[1] != "wait":
        one = program.add_node(lp.CourierNode(Service, "one"), label="one")
        program.add_node(lp.PyNode(ask, stop, one), label="ask")
    if argv[1] != "colocated":
        program.add_node(lp.PyClassNode(Waiter), label="waiter")
    config = lp.DockerConfig("code", "requirements.txt")
    lp.launch(program, "local_docker", {label: config for label in program.groups})
    print("launch returned", flush=True)

if __name__ == "__main__":
    app.run(main)
"""


@pytest.fixture
def engine(tmp_path: pathlib.Path) -> dict[str, str]:
    """The environment of a launcher that finds docker_engine.py as `docker`."""
    folder = tmp_path / "docker"
    (folder / "bin").mkdir(parents=True)
    (tmp_path / "code").mkdir()
    (tmp_path / "requirements.txt").write_text("")
    tests = pathlib.Path(__file__).parent
    client = folder / "bin/docker"
    client.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{tests}/docker_engine.py" "$@"\n')
    client.chmod(0o755)
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(8)]
    ports = sorted(one.getsockname()[1] for one in sockets)
    for one in sockets:
        one.close()
    # A node with two addresses needs two ports in a row.
    apart = [p for i, p in enumerate(ports) if i == 0 or p > ports[i - 1] + 1]
    return {
        "PATH": f"{folder}/bin:{os.environ['PATH']}",
        "DOCKER_FOLDER": str(folder),
        "DOCKER_PORTS": " ".join(map(str, apart)),
        "PYTHONPATH": str(tests.parent),
    }


@pytest.mark.parametrize("how", ["stop", "stopper"])
def test_a_node_stops_the_program_and_the_others_hear_it(run, engine, how):
    ended = run(PROGRAM, how, env=engine)
    assert ended.status == 0, ended.err
    assert "[ask/0] says ['one']" in ended.out
    assert "[waiter/0] stopped True" in ended.out
    assert "launch returned" in ended.out
    assert "stop the program" not in ended.err
    said = pathlib.Path(engine["DOCKER_FOLDER"], "log").read_text().splitlines()
    assert [line.split()[0] for line in said[:3]] == ["version", "build", "network"]
    assert [line.split()[0] for line in said[-2:]] == ["rm", "network"]


def test_ctrl_c_reaches_the_nodes(start, engine):
    program = start(PROGRAM.replace('print("stopped"', 'print("up", flush=True); print("stopped"'),
                    "wait", env=engine)  # fmt: skip
    program.read_until("up")
    program.send(2)
    assert program.end() == 0, program.err
    assert "stopped True" in program.out


def test_a_node_that_fails_ends_the_program(run, engine):
    ended = run(PROGRAM, "fail", env=engine)
    assert ended.status == 1
    assert "[waiter/0] stopped True" in ended.out
    assert "KeyError: 'inside'" in ended.err
    assert "node 'fails/0' failed: RuntimeError: its container exited with status 1" in ended.err


@pytest.mark.parametrize("kind", ["MultiThreadingColocation", "MultiProcessingColocation"])
def test_nodes_inside_of_a_node_have_ports_of_their_own(run, engine, kind):
    ended = run(PROGRAM, "colocated", kind, env=engine)
    assert ended.status == 0, ended.err
    assert "[ask/0] says ['a', 'b']" in ended.out


def test_a_replay_node_is_reached_from_other_containers(run, engine):
    ended = run(PROGRAM, "replay", env=engine)
    assert ended.status == 0, ended.err
    assert "[ask/0] read 5" in ended.out


def test_a_stopper_outside_of_a_container_says_where_it_works(monkeypatch):
    monkeypatch.delenv(stopper.CONTAINER_VARIABLE, raising=False)
    with pytest.raises(RuntimeError, match="only from one of its containers"):
        lp.make_program_stopper("local_docker")()
    assert stopper.of_this_container() is None
    monkeypatch.setenv(stopper.CONTAINER_VARIABLE, "vertex_ai")
    assert isinstance(stopper.of_this_container(), stopper.VertexAiStopper)
