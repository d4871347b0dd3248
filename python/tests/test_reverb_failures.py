"""What happens when the server of a writer, a dataset or a client dies and comes back."""

from __future__ import annotations

import pathlib
import signal

import numpy as np
import pytest
from reverb_tables import LIMIT, drain

import reverb

SERVER = """
    import sys
    import numpy as np
    import reverb

    folder, port = sys.argv[1], int(sys.argv[2])
    signature = {"x": reverb.TensorSpec([1], np.int64)}
    server = reverb.Server(
        [reverb.Table.queue("q", 1000, signature=signature)],
        port,
        reverb.checkpointers.DefaultCheckpointer(folder),
    )
    print("port", server.port, flush=True)
    server.wait()
"""


@pytest.fixture
def serve(start, tmp_path):
    """serve(port=0) starts a server; it has `port`."""

    def serve(port=0):
        process = start(SERVER, str(tmp_path / "checkpoints"), str(port))
        process.port = process.number_after("port")
        return process

    return serve


def kill(process):
    process.send(signal.SIGKILL)
    process.end()


def write(writer, numbers):
    for i in numbers:
        writer.append({"x": np.int64(i)})
        writer.create_item("q", 1.0, {"x": writer.history["x"][-1:]})


def test_a_writer_delivers_each_item_once_over_the_death_of_its_server(serve):
    server = serve()
    client = reverb.Client(f"localhost:{server.port}")
    writer = client.trajectory_writer(1)
    write(writer, range(10))
    writer.flush(timeout_ms=20_000)
    client.checkpoint(timeout=LIMIT)
    kill(server)
    write(writer, range(10, 20))
    with pytest.raises(reverb.DeadlineExceededError):
        writer.flush(timeout_ms=100)
    serve(server.port)
    writer.flush(timeout_ms=20_000)
    write(writer, range(20, 25))
    writer.flush(timeout_ms=20_000)
    assert client.server_info(LIMIT)["q"].current_size == 25
    assert sorted(x for ((x,),) in drain(client, "q", 25)) == list(range(25))
    writer.close()


def test_a_dataset_goes_on_with_the_server_that_comes_back(serve):
    server = serve()
    client = reverb.Client(f"localhost:{server.port}")
    client.insert([np.int64(1)], {"q": 1.0})
    dataset = reverb.TrajectoryDataset.from_table_signature(client.server_address, "q", 1)
    iterator = iter(dataset)
    assert next(iterator).data["x"] == [1]
    kill(server)
    serve(server.port)
    client.insert([np.int64(2)], {"q": 1.0}, timeout=LIMIT)
    assert next(iterator).data["x"] == [2]


def test_a_dataset_gives_a_dead_server_up_after_its_time(serve):
    server = serve()
    address = f"localhost:{server.port}"
    dataset = reverb.TrajectoryDataset.from_table_signature(
        address, "q", 1, retry_timeout_secs=0.05
    )
    iterator = iter(dataset)
    reverb.Client(address).insert([np.int64(1)], {"q": 1.0})
    next(iterator)
    kill(server)
    with pytest.raises(RuntimeError):
        next(iterator)


def test_calls_of_a_dead_server_end_within_their_time(serve):
    server = serve()
    client = reverb.Client(f"localhost:{server.port}")
    client.server_info(LIMIT)
    kill(server)
    for call in (
        lambda: client.insert([np.int64(1)], {"q": 1.0}, timeout=0.05),
        lambda: next(client.sample("q", timeout=0.05)),
        lambda: client.checkpoint(timeout=0.05),
    ):
        with pytest.raises((RuntimeError, reverb.DeadlineExceededError)):
            call()


def test_tables_start_from_the_checkpoint_with_their_counts(serve):
    server = serve()
    client = reverb.Client(f"localhost:{server.port}")
    for i in range(5):
        client.insert([np.int64(i)], {"q": 1.0 + i})
    assert drain(client, "q", 2) == [[[0]], [[1]]]
    path = client.checkpoint(timeout=LIMIT)
    assert path
    kill(server)
    serve(server.port)
    info = client.server_info(LIMIT)["q"]
    assert info.current_size == 3
    assert info.rate_limiter_info.insert_stats.completed == 5
    assert info.rate_limiter_info.sample_stats.completed == 2
    found = [
        (int(s.data[0][0]), s.info.priority) for s in client.sample("q", 3, emit_timesteps=False)
    ]
    assert found == [(2, 3.0), (3, 4.0), (4, 5.0)]


def test_a_restored_table_is_the_one_that_the_program_holds(tmp_path):
    def start():
        table = reverb.Table.queue("q", 10)
        checkpointer = reverb.checkpointers.DefaultCheckpointer(str(tmp_path))
        return table, reverb.Server([table], checkpointer=checkpointer)

    _, server = start()
    server.localhost_client().insert([1], {"q": 1.0})
    server.localhost_client().checkpoint()
    server.stop()
    table, server = start()
    assert table.info.current_size == 1
    assert table.can_sample(1)
    server.stop()


NO_ROOM = """
    import resource, sys
    import numpy as np
    import reverb

    server = reverb.Server(
        [reverb.Table.queue("q", 10)],
        checkpointer=reverb.checkpointers.DefaultCheckpointer(sys.argv[1]),
    )
    client = server.localhost_client()
    client.insert(np.random.default_rng(1).bytes(50_000), {"q": 1.0})
    # As a full disk does, it refuses what goes beyond.
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
    for checkpoint in (client.checkpoint, server._server.checkpoint):
        try:
            checkpoint()
        except RuntimeError as error:
            print("refused:", error, flush=True)
"""


def test_a_checkpoint_without_room_is_a_runtime_error(start, tmp_path):
    process = start(NO_ROOM, str(tmp_path / "checkpoints"))
    process.end()
    assert process.out.count("refused: cannot write") == 2, process.out


def test_a_checkpointer_needs_a_folder_that_can_be_read(tmp_path):
    (tmp_path / "file").write_text("")
    checkpointer = reverb.checkpointers.DefaultCheckpointer(str(tmp_path / "file" / "folder"))
    with pytest.raises(RuntimeError, match=r"Not a directory"):
        reverb.Server([reverb.Table.queue("q", 10)], checkpointer=checkpointer)


def test_groups_are_not_there(tmp_path):
    checkpointer = reverb.checkpointers.DefaultCheckpointer(str(tmp_path), group="g")
    with pytest.raises(ValueError, match=r"Setting non-empty group is not supported"):
        reverb.Server([reverb.Table.queue("q", 10)], checkpointer=checkpointer)
    with pytest.raises(ValueError, match=r"keep \(0\) must be a positive integer"):
        reverb.checkpointers.DefaultCheckpointer(str(tmp_path), keep=0)


def test_a_fallback_is_loaded_if_there_is_nothing_else(tmp_path):
    def server(folder, fallback=None):
        return reverb.Server(
            [reverb.Table.queue("q", 10)],
            checkpointer=reverb.checkpointers.DefaultCheckpointer(
                str(tmp_path / folder), fallback_checkpoint_path=fallback
            ),
        )

    first = server("a")
    first.localhost_client().insert([1], {"q": 1.0})
    first.localhost_client().checkpoint()
    first.stop()
    second = server("b", str(tmp_path / "a"))
    assert second.localhost_client().server_info()["q"].current_size == 1
    second.stop()


def test_a_damaged_checkpoint_is_skipped_for_the_one_before(tmp_path):
    def server():
        checkpointer = reverb.checkpointers.DefaultCheckpointer(str(tmp_path))
        return reverb.Server([reverb.Table.queue("q", 10)], checkpointer=checkpointer)

    def save(server, value):
        client = server.localhost_client()
        client.insert(value, {"q": 1.0})
        return pathlib.Path(client.checkpoint())

    first = server()
    kept, newest = save(first, 1), save(first, 2)
    first.stop()
    damaged = bytearray(newest.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    newest.write_bytes(damaged)
    second = server()
    assert second.localhost_client().server_info()["q"].current_size == 1
    assert kept.exists()
    # The damaged one is none of the two that are kept.
    third = save(second, 3)
    assert kept.exists()
    fourth = save(second, 4)
    second.stop()
    assert sorted(tmp_path.glob("checkpoint-*")) == [third, fourth]
