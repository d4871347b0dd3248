"""Whatever waits takes a time limit, and Ctrl-C ends it."""

from __future__ import annotations

import pytest
from reverb_tables import LIMIT, serving, table

import reverb

# What waits for ever, by name, until the interrupt that comes once it waits.
CTRL_C = """
    import os, signal, sys, threading
    import numpy as np
    import reverb
    from reverb.dataset import Dataset

    server = reverb.Server([reverb.Table.queue("q", 1)])
    client = server.localhost_client()
    absent = reverb.Client(f"unix:{os.getcwd()}/absent.sock")
    absent_shards = reverb.Client(",".join(f"unix:{os.getcwd()}/absent{i}.sock" for i in (1, 2)))
    dataset = reverb.TrajectoryDataset(client.server_address, "q", [np.int64], [(1,)], 1)

    def stuck(writer):
        for _ in range(4):
            writer.append({"x": 1})
            writer.create_item("q", 1.0, {"x": writer.history["x"][-1:]})
        return writer

    def plain(limit):
        writer = client.writer(1, max_in_flight_items=limit)
        for _ in range(4):
            writer.append({"x": 1})
            writer.create_item("q", 1, 1.0)
        return writer

    def structured():
        pattern = reverb.structured_writer.pattern_from_transform({"x": 0}, lambda x: x["x"][-1:])
        config = reverb.structured_writer.create_config(pattern, "q")
        writer = client.structured_writer([config])
        for _ in range(4):
            writer.append({"x": 1})
        return writer

    calls = {
        "server.wait": lambda: server.wait(),
        "server_info": lambda: absent.server_info(),
        "insert": lambda: absent.insert([1], {"q": 1.0}),
        "mutate_priorities": lambda: absent.mutate_priorities("q", {1: 1.0}),
        "reset": lambda: absent.reset("q"),
        "checkpoint": lambda: absent.checkpoint(),
        "trajectory_writer": lambda: absent.trajectory_writer(1),
        "server_info of shards": lambda: absent_shards.server_info(),
        "mutate_priorities of shards": lambda: absent_shards.mutate_priorities("q", {1: 1, 2: 1}),
        "reset of shards": lambda: absent_shards.reset("q"),
        "checkpoint of shards": lambda: absent_shards.checkpoint(),
        "trajectory_writer of shards": lambda: absent_shards.trajectory_writer(1),
        "end_episode": lambda: stuck(client.trajectory_writer(1)).end_episode(),
        "structured flush": lambda: structured().flush(),
        "structured end_episode": lambda: structured().end_episode(),
        "create_item": lambda: plain(1),
        "close": lambda: plain(None).close(),
        "batch": lambda: next(iter(dataset.batch(2))),
        "prefetch": lambda: next(iter(dataset.prefetch(2))),
        "map": lambda: next(iter(dataset.map(lambda x: x, num_parallel_calls=2))),
        "interleave": lambda: next(
            iter(Dataset.range(2).interleave(lambda _: dataset, num_parallel_calls=2))
        ),
        "from_table_signature": lambda: reverb.TrajectoryDataset.from_table_signature(
            absent.server_address, "q", 1
        ),
    }

    main, frame_of = threading.main_thread(), sys._current_frames

    # It waits when, again and again, its thread sleeps at the same instruction.
    def waits():
        seen, before = 0, None
        while seen < 300:
            frame = frame_of()[main.ident]
            at = (frame.f_code, frame.f_lasti)
            with open(f"/proc/self/task/{main.native_id}/stat") as file:
                sleeps = file.read().rsplit(")", 1)[1].split()[0] == "S"
            seen = seen + 1 if sleeps and at == before else 0
            before = at

    def interrupt():
        waits()
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    try:
        calls[sys.argv[1]]()
        print("returned")
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    os._exit(0)
"""
CALLS = (
    "server.wait", "server_info", "insert", "mutate_priorities", "reset", "checkpoint",
    "trajectory_writer", "server_info of shards", "mutate_priorities of shards", "reset of shards",
    "checkpoint of shards", "trajectory_writer of shards", "end_episode", "structured flush",
    "structured end_episode", "create_item", "close", "batch", "prefetch", "map", "interleave",
    "from_table_signature",
)  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_ctrl_c_ends_it(run, call):
    ended = run(CTRL_C, call)
    assert (ended.status, ended.out) == (0, "interrupted\n"), ended.err


def test_a_server_is_waited_for_only_so_long():
    with serving(table()) as server:
        assert not server.wait(timeout=0.01)
        server.stop()
        assert server.wait(timeout=LIMIT)


def test_an_item_waits_for_those_before_it_only_so_long():
    with serving(reverb.Table.queue("q", 1)) as server:
        writer = server.localhost_client().writer(1, max_in_flight_items=1)
        writer.append([1])
        writer.create_item("q", 1, 1.0)
        with pytest.raises(reverb.DeadlineExceededError):
            for _ in range(3):
                writer.create_item("q", 1, 1.0, timeout_ms=20)
        writer.close(timeout_ms=1)


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.sample("q", [0], timeout=0.02),
        lambda client: client.insert([1], ["q"], [1.0], timeout=0.02),
        lambda client: client.update_priorities("q", [1], [1.0], timeout=0.02),
    ],
)
def test_calls_of_a_tf_client_take_a_time_limit(run_dir, call):
    with pytest.raises(reverb.DeadlineExceededError):
        call(reverb.TFClient(f"unix:{run_dir}/absent.sock"))
