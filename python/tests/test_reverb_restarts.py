"""What clients, writers and datasets do when a server is stopped, and another takes its port."""

from __future__ import annotations

import signal

import numpy as np
import pytest
from reverb_tables import LIMIT, Background, drain, wait_until

import reverb

MILLISECONDS = 1000 * LIMIT
SIGNATURE = reverb.TensorSpec((None,), np.int64)
ELSEWHERE = """
    import sys
    import numpy as np
    import reverb

    signature = reverb.TensorSpec((None,), np.int64)
    tables = [reverb.Table.queue("q", 100, signature=signature)]
    server = reverb.Server(tables, int(sys.argv[1]))
    print("serves", flush=True)
    server.wait()
"""


def queue(name="q", size=100):
    return reverb.Table.queue(name, size, signature=SIGNATURE)


@pytest.fixture
def serve(start):
    """serve(*tables, port=None) starts a server in this process; with `elsewhere` in another."""
    servers = []

    def serve(*tables, port=None, elsewhere=False):
        if elsewhere:
            process = start(ELSEWHERE, str(port))
            process.read_until("serves")
            return process
        servers.append(reverb.Server(tables or [queue()], port))
        return servers[-1]

    yield serve
    for server in servers:
        server.stop()


def write(writer, *values):
    for value in values:
        writer.append(np.int64(value))
        writer.create_item("q", 1.0, writer.history[-1:])


@pytest.mark.parametrize("shards", [1, 2])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_who_knows_a_port_follows_it_to_the_next_server(serve, elsewhere, shards):
    servers = [serve() for _ in range(shards)]
    client = reverb.Client(",".join(f"localhost:{server.port}" for server in servers))
    writer = client.trajectory_writer(1)
    write(writer, 1)
    writer.flush(timeout_ms=MILLISECONDS)
    dataset = reverb.TrajectoryDataset.from_table_signature(client.server_address, "q", 1)
    iterator = iter(dataset)
    assert next(iterator).data == [1]
    for server in servers:
        server.stop()
    for server in servers:
        serve(port=server.port, elsewhere=elsewhere)
    assert client.server_info(LIMIT)["q"].current_size == 0
    client.insert(np.int64(2), {"q": 1.0}, timeout=LIMIT)
    assert Background(lambda: next(iterator)).result().data == [2]
    write(writer, 3)
    writer.flush(timeout_ms=MILLISECONDS)
    assert Background(lambda: next(iterator)).result().data == [3]


def test_a_client_goes_from_a_server_elsewhere_to_one_of_its_own_process(serve):
    first = serve()
    port = first.port
    first.stop()
    process = serve(port=port, elsewhere=True)
    client = reverb.Client(f"localhost:{port}")
    client.insert(np.int64(1), {"q": 1.0}, timeout=LIMIT)
    process.send(signal.SIGKILL)
    process.end()
    serve(port=port)
    client.insert(np.int64(2), {"q": 1.0}, timeout=LIMIT)
    assert drain(client, "q", 1) == [[[2]]]


def dataset_of(client):
    return reverb.TrajectoryDataset.from_table_signature(client.server_address, "empty", 1)


def trajectory_writer(client):
    writer = client.trajectory_writer(1)
    writer.append(np.int64(1))
    writer.create_item("full", 1.0, writer.history[-1:])
    return writer


def plain_writer(client, limit=None):
    writer = client.writer(1, max_in_flight_items=limit)
    for _ in range(2):
        writer.append(np.int64(1))
        writer.create_item("full", 1, 1.0)
    return writer


WAITS = {
    "insert": lambda client: client.insert(np.int64(1), {"full": 1.0}),
    "sample": lambda client: list(client.sample("empty")),
    "flush": lambda client: trajectory_writer(client).flush(),
    "end_episode": lambda client: trajectory_writer(client).end_episode(),
    "create_item": lambda client: plain_writer(client, 1),
    "close": lambda client: plain_writer(client).close(),
    "dataset": lambda client: next(iter(dataset_of(client))),
    "batch": lambda client: next(iter(dataset_of(client).batch(2))),
    "prefetch": lambda client: next(iter(dataset_of(client).prefetch(2))),
}


@pytest.mark.parametrize("wait", WAITS)
def test_stop_ends_each_wait_with_an_error_that_names_the_server(serve, wait):
    full, empty = queue("full", 1), queue("empty", 1)
    server = serve(full, empty)
    client = server.localhost_client()
    client.insert(np.int64(0), {"full": 1.0})
    waiting = Background(lambda: WAITS[wait](client))
    wait_until(
        lambda: (
            full.internal_table.info()["waiting_inserts"]
            or empty.internal_table.info()["waiting_samples"]
        )
    )
    server.stop()
    with pytest.raises(RuntimeError, match=rf"localhost:{server.port}.*(stops|stopped)"):
        waiting.result()


def test_stop_ends_a_dataset_of_several_servers(serve):
    tables = [queue(), queue()]
    servers = [serve(each) for each in tables]
    address = ",".join(f"localhost:{server.port}" for server in servers)
    dataset = reverb.TrajectoryDataset.from_table_signature(address, "q", 1)
    waiting = Background(lambda: next(iter(dataset)))
    wait_until(lambda: any(each.internal_table.info()["waiting_samples"] for each in tables))
    servers[0].stop()
    with pytest.raises(RuntimeError, match=r"stops|has stopped"):
        waiting.result()


def test_a_writer_that_was_told_of_a_stop_delivers_to_the_next_server(serve):
    table = queue(size=1)
    server = serve(table)
    writer = server.localhost_client().trajectory_writer(1)
    write(writer, 1, 2, 3)
    waiting = Background(writer.flush)
    wait_until(lambda: table.internal_table.info()["waiting_inserts"] == 2)
    server.stop()
    with pytest.raises(RuntimeError, match=r"stops|has stopped"):
        waiting.result()
    # As long as nobody serves there, and the server had said so, nobody waits for it.
    write(writer, 4)
    with pytest.raises(RuntimeError, match=r"stops|has stopped"):
        writer.flush(timeout_ms=MILLISECONDS)
    following = serve(port=server.port).localhost_client()
    writer.flush(timeout_ms=MILLISECONDS)
    assert drain(following, "q", 3) == [[[2]], [[3]], [[4]]]


def test_a_sample_does_not_stay_at_a_shard_that_has_nothing_while_another_has(serve):
    tables = [queue(), queue()]
    servers = [serve(each) for each in tables]
    client = reverb.Client(",".join(f"localhost:{server.port}" for server in servers))
    alone = [server.localhost_client() for server in servers]
    for trial in range(6):
        here, there = trial % 2, 1 - trial % 2
        alone[here].insert(np.int64(1), {"q": 1.0})
        assert drain(client, "q", 1) == [[[1]]]
        # What it knows of the weights says still that the item is here.
        waiting = Background(lambda: drain(client, "q", 1))
        wait_until(lambda: any(each.internal_table.info()["waiting_samples"] for each in tables))
        alone[there].insert(np.int64(2), {"q": 1.0})
        assert waiting.result() == [[[2]]]
