"""reverb.Server and reverb.Table: what they accept, what they say, how they end."""

from __future__ import annotations

import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

import numpy as np
import pytest
from reverb_tables import LIMIT, Background, table, wait_until

import reverb
from reverb import local_servers, pybind

S = reverb.selectors
R = reverb.rate_limiters


@pytest.fixture
def serve():
    """serve(*tables) starts a server; it is stopped at the end."""
    servers = []

    def serve(*tables, **options):
        servers.append(reverb.Server(tables, **options))
        return servers[-1]

    yield serve
    for server in servers:
        server.stop()


def test_a_second_stop_leaves_the_next_server_at_the_port_alone(serve):
    first = serve(table())
    first.stop()
    second = serve(table(), port=first.port)
    first.stop()
    for address in (
        local_servers.inner_address(second.port),
        local_servers.socket_address(second.port),
    ):
        assert reverb.Client(address).server_info(LIMIT)["t"].current_size == 0


def insert(client, name="t", count=1, priority=1.0):
    for i in range(count):
        client.insert([np.int64(i)], {name: priority}, timeout=LIMIT)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"name": ""}, "name must be nonempty"),
        ({"max_size": 0}, r"max_size \(0\) must be a positive integer"),
        ({"max_size": -1}, r"max_size \(-1\) must be a positive integer"),
        ({"max_bytes": -1}, "max_bytes"),
        ({"signature": {"a": 3}}, "Unsupported signature spec: 3"),
    ],
)
def test_tables_that_cannot_be_are_refused(options, text):
    with pytest.raises(ValueError, match=text):
        table(**options)


def test_what_is_no_selector_or_limiter_is_refused():
    with pytest.raises(TypeError, match=r"sampler must be one of reverb.selectors"):
        table(sampler="uniform")
    with pytest.raises(TypeError, match=r"rate_limiter must be one of reverb.rate_limiters"):
        table(rate_limiter=None)


def test_a_rate_limiter_belongs_to_one_table():
    limiter = R.MinSize(1)
    first = table("a", rate_limiter=limiter)
    with pytest.raises(ValueError, match=r"is table 'a''s already"):
        table("b", rate_limiter=limiter)
    assert first.name == "a"


def test_one_selector_may_both_sample_and_remove(serve):
    fifo = S.Fifo()
    client = serve(table(sampler=fifo, remover=fifo, max_size=2)).localhost_client()
    insert(client, count=3)
    assert client.server_info()["t"].current_size == 2


def test_servers_need_tables_of_different_names(serve):
    with pytest.raises(ValueError, match=r"At least one table must be provided"):
        serve()
    with pytest.raises(ValueError, match=r"Multiple items in tables have the same name: a"):
        serve(table("a"), table("a"), table("b"))


@pytest.mark.parametrize("port", [None, 0])
def test_a_server_finds_a_port_of_its_own(serve, port):
    server = serve(table(), port=port)
    assert server.port > 0
    with socket.create_connection(("localhost", server.port), LIMIT):
        pass


def test_a_port_that_is_taken_is_refused(serve):
    taken = serve(table()).port
    with pytest.raises(ValueError, match=r"Failed to BuildAndStart gRPC server"):
        serve(table(), port=taken)


@pytest.mark.parametrize(
    "sampler", [S.Fifo(), S.Lifo(), S.Uniform(), S.Prioritized(0.5), S.MinHeap()]
)
@pytest.mark.parametrize("remover", [S.Fifo(), S.MaxHeap()])
def test_info_says_how_a_table_is_made(sampler, remover):
    made = table(sampler=sampler, remover=remover, max_size=7, max_times_sampled=3, min_size=2)
    info = made.info
    assert pybind.selector_from_proto(info.sampler_options) == sampler
    assert pybind.selector_from_proto(info.remover_options) == remover
    assert info.sampler_options.is_deterministic == (
        not isinstance(sampler, (pybind.UniformSelector, pybind.PrioritizedSelector))
    )
    assert (info.name, info.max_size, info.max_times_sampled) == ("t", 7, 3)
    assert info.rate_limiter_info.min_size_to_sample == 2
    assert info.rate_limiter_info.max_diff == sys.float_info.max
    assert info.signature is None


def test_info_counts_what_happens(serve):
    made = table(max_size=2)
    client = serve(made).localhost_client()
    insert(client, count=3)
    list(client.sample("t", 5))
    for info in (made.info, client.server_info()["t"]):
        assert info.current_size == 2
        assert info.rate_limiter_info.insert_stats.completed == 3
        assert info.rate_limiter_info.sample_stats.completed == 5
        assert 1 <= info.num_unique_samples <= 2
        assert info.num_episodes - info.num_deleted_episodes <= 3
        assert info.num_bytes > 0


def test_queue_and_stack_are_what_they_say(serve):
    queue, stack = reverb.Table.queue("q", 3), reverb.Table.stack("s", 3)
    for made in (queue, stack):
        assert made.info.max_times_sampled == 1
        assert made.info.rate_limiter_info.max_diff == 3
    client = serve(queue, stack).localhost_client()
    for name in "qs":
        insert(client, name, 3)
    assert [int(s[0].data[0]) for s in client.sample("q", 3)] == [0, 1, 2]
    assert [int(s[0].data[0]) for s in client.sample("s", 3)] == [2, 1, 0]


def test_a_full_queue_holds_inserts_back_until_it_is_sampled(serve):
    queue = reverb.Table.queue("q", 2)
    client = serve(queue).localhost_client()
    insert(client, "q", 2)
    assert not queue.can_insert(1)
    with pytest.raises(reverb.DeadlineExceededError):
        client.insert([np.int64(0)], {"q": 1.0}, timeout=0.02)
    assert queue.can_sample(2) and not queue.can_sample(3)


def test_can_sample_and_can_insert_need_a_count():
    for call in (table().can_sample, table().can_insert):
        with pytest.raises(ValueError):
            call(0)


def test_replace_copies_what_is_not_given():
    signature = {"x": reverb.TensorSpec((2,), np.float32)}
    made = table(sampler=S.Prioritized(0.7), max_times_sampled=4, signature=signature, max_bytes=99)
    other = made.replace(
        name="u", rate_limiter=R.RateLimiter(1, 3, -sys.float_info.max, sys.float_info.max)
    )
    assert (other.name, other.info.max_size, other.info.max_times_sampled) == ("u", 1000, 4)
    assert other.info.sampler_options == made.info.sampler_options
    assert other.info.rate_limiter_info.min_size_to_sample == 3
    assert other.info.signature == signature
    assert other.info.max_bytes == 99
    assert made.replace(max_size=5).info.max_size == 5


def test_signatures_come_back_with_their_names(serve):
    signature = {"b": [reverb.TensorSpec((None, 3), np.float32, "n")], "a": np.zeros(2, np.int8)}
    info = serve(table(signature=signature)).localhost_client().server_info()
    found = info["t"].signature
    assert found == {
        "b": [reverb.TensorSpec((None, 3), np.float32, "n")],
        "a": reverb.TensorSpec((2,), np.int8),
    }


def test_stop_wakes_who_waits_for_a_sample(serve):
    made = table(min_size=5)
    server = serve(made)
    client = server.localhost_client()
    remote = reverb.Client(f"127.0.0.1:{server.port}")
    waiting = [Background(lambda c=c: next(c.sample("t"))) for c in (client, remote)]
    wait_until(lambda: made.internal_table.info()["waiting_samples"] == 2)
    server.stop()
    for thread in waiting:
        with pytest.raises(RuntimeError):
            thread.result()


def test_wait_returns_when_the_server_is_stopped(serve):
    server = serve(table())
    waiting = Background(server.wait)
    server.stop()
    waiting.result()


def test_a_deleted_server_frees_its_port():
    server = reverb.Server([table()])
    port = server.port
    del server
    again = reverb.Server([table()], port=port)
    assert again.port == port
    again.stop()


def test_max_bytes_lets_items_go(serve):
    made = table(max_bytes=50_000)
    client = serve(made).localhost_client()
    rng = np.random.default_rng(0)
    for _ in range(20):
        client.insert([rng.integers(0, 255, 10_000, np.uint8)], {"t": 1.0}, timeout=LIMIT)
    assert 1 <= made.info.current_size <= 5
    assert made.info.num_bytes < 60_000


def test_a_seeded_table_draws_the_same(serve):
    drawn = []
    for _ in range(2):
        client = serve(table(seed=7)).localhost_client()
        insert(client, count=20)
        drawn.append([int(s[0].data[0]) for s in client.sample("t", 20)])
    assert drawn[0] == drawn[1]


def test_a_default_server_leaves_no_folder_behind(serve, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    server = serve(table())
    server.stop()
    assert os.listdir(tmp_path) == []


def test_a_client_in_another_process_calls_by_a_unix_socket_and_by_tcp_where_there_is_none(
    serve, tmp_path, monkeypatch
):
    server = serve(table())
    code = (
        "import contextlib, os, socket, stat, sys, reverb\n"
        "client = reverb.Client(sys.argv[1])\n"
        "client.insert([1], {'t': 1.0})\n"
        "for fd in map(int, os.listdir('/proc/self/fd')):\n"
        "    with contextlib.suppress(OSError):\n"
        "        if stat.S_ISSOCK(os.fstat(fd).st_mode):\n"
        "            print(socket.socket(fileno=os.dup(fd)).family.name)"
    )
    address = f"localhost:{server.port}"

    def way():
        command = [sys.executable, "-c", code, address]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    path = local_servers.socket_address(server.port)
    assert way() == "AF_UNIX"
    os.unlink(path.removeprefix("unix:"))
    assert way() == "AF_INET"
    assert server.localhost_client().server_info()["t"].current_size == 2


FORGETFUL = """
import threading
import reverb
from reverb import local_servers

def hold():
    server = reverb.Server([reverb.Table.queue("q", 1)])
    print(local_servers.socket_address(server.port))
    ready.set()
    threading.Event().wait()

ready = threading.Event()
threading.Thread(target=hold, daemon=True).start()
ready.wait()
"""


def test_a_server_that_nobody_stops_ends_with_its_script_and_leaves_no_socket():
    ended = subprocess.run([sys.executable, "-c", FORGETFUL], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    path = ended.stdout.strip().removeprefix("unix:")
    assert path.startswith("/") and not os.path.exists(path)


def test_sockets_of_servers_that_were_killed_are_removed_by_the_next(serve, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    served = serve(table())
    folder = pathlib.Path(local_servers.socket_address(served.port).removeprefix("unix:")).parent
    assert folder.is_relative_to(tmp_path)
    for name, age in (("1", 3600.0), ("2", 0.0)):
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(folder / name))
        made = time.time() - age
        os.utime(folder / name, (made, made))
    (folder / "3").touch()
    for path in (folder / "3", folder / str(served.port)):
        os.utime(path, (1.0, 1.0))
    other = serve(table())
    left = {path.name for path in folder.iterdir()}
    assert left == {"2", "3", str(served.port), str(other.port)}
