"""A process that has servers forks, as multiprocessing does: they stay its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

PRELUDE = """
import gc, os, sys
import courier
import reverb

def courier_server():
    server = courier.Server()
    server.Bind("f", lambda: 1)
    server.Start()
    return server, lambda: courier.Client(server.address).f()

def reverb_server():
    server = reverb.Server([reverb.Table.queue("q", 10)])
    clients = [reverb.Client(f"{host}:{server.port}") for host in ("localhost", "127.0.0.1")]
    return server, lambda: [client.server_info(20)["q"].max_size for client in clients]
"""

FORKS = """
def exits():
    sys.exit(0)

def drops():
    global server, ask
    del server, ask
    gc.collect()
    os._exit(0)

def stops():
    stop = getattr(server, "Stop", None) or server.stop
    stop()
    os._exit(0)

server, ask = globals()[sys.argv[1]]()
before = ask()
pid = os.fork()
if pid == 0:
    globals()[sys.argv[2]]()
assert os.waitpid(pid, 0)[1] == 0
assert ask() == before
print("alive")
"""


@pytest.mark.parametrize("how", ["exits", "drops", "stops"])
@pytest.mark.parametrize("server", ["courier_server", "reverb_server"])
def test_a_forked_child_leaves_its_parents_servers_alone(server, how):
    ended = subprocess.run(
        [sys.executable, "-c", PRELUDE + FORKS, server, how],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout) == (0, "alive\n"), ended.stderr
