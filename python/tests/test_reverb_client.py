"""reverb.Client: insert, sample, priorities, info; their errors and time limits."""

from __future__ import annotations

import pickle
import re

import ml_dtypes
import numpy as np
import pytest
from reverb_tables import LIMIT, Background, drain, empty, serving, table, wait_until

import reverb

SIGNATURE = {"a": reverb.TensorSpec((2,), np.float32, "a"), "b": reverb.TensorSpec((), np.int64)}


@pytest.fixture(scope="module")
def server():
    with serving(
        table("t", sampler=reverb.selectors.Prioritized(1.0)),
        table("signed", signature=SIGNATURE),
        reverb.Table.queue("q", 100),
        table("late", min_size=1000),
    ) as server:
        yield server


@pytest.fixture(params=["in_process", "tcp"])
def client(server, request):
    client = server.localhost_client()
    if request.param == "tcp":
        # A name that is not looked up among this process's servers.
        client._native = reverb.client._core.ReplayClient(f"localhost:{server.port}")
        client._pid = reverb.client.os.getpid()
    empty(client)
    return client


def only(iterator):
    (value,) = iterator
    return value


def test_a_client_is_its_address(server):
    client = server.localhost_client()
    assert client.server_address == f"localhost:{server.port}"
    assert repr(client) == f"Client, server_address=localhost:{server.port}"
    copy = pickle.loads(pickle.dumps(client))
    assert copy.server_address == client.server_address
    assert set(copy.server_info(LIMIT)) == {"t", "signed", "q", "late"}


def test_an_insert_comes_back_as_one_step(client):
    client.insert({"b": np.float32([1, 2]), "a": 7}, {"t": 3.0})
    (step,) = only(client.sample("t"))
    assert step.info._replace(key=0) == (0, 1.0, 1, 3.0, 1)
    assert (step.data[0].dtype, step.data[0].shape, int(step.data[0])) == (np.int64, (), 7)
    assert step.data[1].tolist() == [1, 2]
    whole = only(client.sample("t", emit_timesteps=False))
    assert [column.tolist() for column in whole.data] == [[7], [[1, 2]]]
    assert isinstance(whole.info.key, int) and whole.info.times_sampled == 2


def test_an_insert_goes_to_several_tables(client):
    client.insert([1], {"t": 1.0, "q": 2.0})
    assert client.server_info()["t"].current_size == client.server_info()["q"].current_size == 1


VALUES = [
    True, 3, 1.5, 2 + 1j, np.float16(1.5), np.uint8(200), np.int64(-1), np.complex64(1j),
    np.zeros((0, 3), np.float32), np.arange(12).reshape(3, 4)[:, ::2], np.asfortranarray(np.eye(3)),
    np.arange(3, dtype=">i4"), np.array(2.5, ">f8"), 2**63 + 1,
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_values_come_back_as_they_were(client, value):
    client.insert([value], {"t": 1.0})
    (column,) = only(client.sample("t", emit_timesteps=False)).data
    expected = np.asarray(value)
    np.testing.assert_array_equal(column[0], expected)
    assert column.dtype == expected.dtype.newbyteorder("=")
    assert column.flags.writeable


def test_bfloat16_comes_back_as_it_was(client):
    values = np.array([1.5, -2.0], ml_dtypes.bfloat16)
    client.insert([values, values[0]], {"t": 1.0})
    (array, scalar) = only(client.sample("t", emit_timesteps=False)).data
    assert array.dtype == scalar.dtype == ml_dtypes.bfloat16
    assert (array[0].tolist(), scalar.tolist()) == ([1.5, -2.0], [1.5])


@pytest.mark.parametrize(
    ("value", "expected"),
    [("text", b"text"), (b"by\0tes", b"by\0tes"), (np.array(["a", "bcd"]), [b"a", b"bcd"]),
     (np.array([["x", b"y"]], dtype=object), [[b"x", b"y"]]), (np.bytes_(b"z"), b"z"),
     (b"end\0\0", b"end\0\0"), ("end\0", b"end\0"), (np.array([b"end\0"], object), [b"end\0"])],
)  # fmt: skip
def test_texts_come_back_as_bytes(client, value, expected):
    client.insert([value], {"t": 1.0})
    (column,) = only(client.sample("t", emit_timesteps=False)).data
    assert column.dtype == object
    assert column.tolist() == [expected]


@pytest.mark.parametrize(
    "value", [np.datetime64("2020-01-01"), object(), np.longdouble(1), np.zeros(2, "i4,f4")]
)
def test_values_that_no_column_can_hold_are_refused(client, value):
    with pytest.raises(TypeError, match=r"a column cannot hold"):
        client.insert([value], {"t": 1.0})


def test_samples_come_one_at_a_time(client):
    for i in range(3):
        client.insert([i], {"q": 1.0})
    samples = client.sample("q", 3)
    next(samples)
    assert client.server_info()["q"].current_size == 2
    assert len(list(samples)) == 2


def test_samples_can_be_unpacked_as_the_signature_says(client):
    client.insert({"a": np.float32([1, 2]), "b": 3}, {"signed": 1.0, "t": 1.0})
    whole = only(client.sample("signed", emit_timesteps=False, unpack_as_table_signature=True))
    assert {key: value.tolist() for key, value in whole.data.items()} == {"a": [[1, 2]], "b": [3]}
    (step,) = only(client.sample("signed", unpack_as_table_signature=True))
    assert step.data["b"] == 3
    flat = only(client.sample("t", emit_timesteps=False, unpack_as_table_signature=True))
    assert isinstance(flat.data, list)


def test_how_often_an_item_is_drawn_is_proportional_to_its_priority(client):
    for i in range(3):
        client.insert([i], {"t": float(i)})
    counts = np.bincount([int(s[0].data[0]) for s in client.sample("t", 1500)], minlength=3)
    assert counts[0] == 0
    assert abs(counts[2] / 1500 - 2 / 3) < 0.06
    assert next(client.sample("t"))[0].info.probability in (
        pytest.approx(1 / 3),
        pytest.approx(2 / 3),
    )


def test_priorities_can_be_changed_and_items_deleted(client):
    for i in range(3):
        client.insert([i], {"t": 1.0})
    keys = {}
    while len(keys) < 3:
        (step,) = only(client.sample("t"))
        keys[int(step.data[0])] = step.info.key
    client.mutate_priorities(
        "t", updates={np.uint64(keys[0]): np.float32(0), 12345: 1.0}, deletes=[keys[1], 999]
    )
    assert client.server_info()["t"].current_size == 2
    step = only(client.sample("t"))[0]
    assert (int(step.data[0]), step.info.priority) == (2, 1.0)


def test_deletes_come_before_updates(client):
    client.insert([0], {"t": 1.0})
    key = only(client.sample("t"))[0].info.key
    client.mutate_priorities("t", updates={key: 5.0}, deletes=[key])
    assert client.server_info()["t"].current_size == 0


@pytest.mark.parametrize("priority", [float("nan"), -1.0, float("inf")])
def test_a_priority_that_cannot_be_changes_nothing_and_harms_nobody(client, priority):
    client.insert([0], {"t": 2.0})
    key = only(client.sample("t"))[0].info.key
    with pytest.raises(ValueError):
        client.mutate_priorities("t", updates={key: priority})
    with pytest.raises(ValueError):
        client.insert([1], {"t": priority}, timeout=LIMIT)
    step = only(client.sample("t", timeout=LIMIT))[0]
    assert step.info.priority == 2.0
    client.insert([2], {"t": 1.0}, timeout=LIMIT)


def test_reset_drops_items_and_counts(client):
    client.insert([0], {"t": 1.0})
    client.reset("t")
    info = client.server_info()["t"]
    assert info.current_size == info.rate_limiter_info.insert_stats.completed == 0


def test_unknown_tables_are_named(client):
    with pytest.raises(RuntimeError, match=r"Priority table x was not found"):
        next(client.sample("x"))
    with pytest.raises(RuntimeError, match=r"Priority table x was not found"):
        client.mutate_priorities("x", {1: 1.0})
    with pytest.raises(RuntimeError, match=r"Priority table x was not found"):
        client.reset("x")
    tables = re.escape("Available tables: ['t', 'signed', 'q', 'late'].")
    with pytest.raises(ValueError, match=r"Unable to find signatures for table 'x'.*" + tables):
        client.insert([1], {"x": 1.0})
    with pytest.raises(
        ValueError, match=r'Could not find table "x". The following tables exists: t,'
    ):
        next(client.sample("x", unpack_as_table_signature=True))


def test_counts_and_priorities_must_be_there(client):
    with pytest.raises(ValueError, match=r"priorities must contain at least one item"):
        client.insert([1], {})
    with pytest.raises(ValueError, match=r"`num_samples` must be > 0"):
        next(client.sample("t", 0))
    assert list(client.sample("t", -1)) == []


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"a": np.zeros(2, np.float32)}, "was called with 1 tensors, but table requires 2 tensors"),
        ({"a": np.zeros(2), "b": 1}, "flattened index 0, saw a tensor of dtype double, shape [2], "
         "but expected tensor 'a/a' of dtype float and shape compatible with [2]."),
        ({"a": np.zeros(3, np.float32), "b": 1}, "saw a tensor of dtype float, shape [3], but"),
    ],
)  # fmt: skip
def test_data_must_fit_the_signature(client, data, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        client.insert(data, {"signed": 1.0})


def test_every_call_that_can_wait_takes_a_time_limit(client):
    client.insert([0], {"late": 1.0})
    with pytest.raises(reverb.DeadlineExceededError):
        next(client.sample("late", timeout=0.02))
    for _ in range(100):
        client.insert([0], {"q": 1.0})
    with pytest.raises(reverb.DeadlineExceededError):
        client.insert([0], {"q": 1.0}, timeout=0.02)


def test_calls_of_a_server_that_is_not_there_take_a_time_limit(run_dir):
    client = reverb.Client(f"unix:{run_dir}/no.sock")
    text = "ServerInfo call did not complete within provided timeout of 0.05s"
    with pytest.raises(reverb.DeadlineExceededError, match=text):
        client.server_info(timeout=0.05)
    for call in (
        lambda: next(client.sample("t", timeout=0.02)),
        lambda: client.mutate_priorities("t", {1: 1.0}, timeout=0.02),
        lambda: client.reset("t", timeout=0.02),
        lambda: client.insert([1], {"t": 1.0}, timeout=0.02),
        lambda: client.trajectory_writer(1, timeout=0.02),
    ):
        with pytest.raises(reverb.DeadlineExceededError):
            call()


def test_a_waiting_sample_is_served_by_an_insert(server, client):
    waiting = Background(lambda: drain(server.localhost_client(), "q", 1))
    wait_until(lambda: client.server_info()["q"].rate_limiter_info.sample_stats.completed == 0)
    client.insert([5], {"q": 1.0})
    assert waiting.result() == [[[5]]]


def test_many_threads_share_a_client(client):
    def work(thread):
        for i in range(20):
            client.insert([thread * 100 + i], {"t": 1.0})
            next(client.sample("t"))

    threads = [Background(lambda t=t: work(t)) for t in range(8)]
    for thread in threads:
        thread.result()
    assert client.server_info()["t"].current_size == 160


CTRL_C = """
    import os, signal, sys, threading
    import numpy as np
    import reverb

    server = reverb.Server([reverb.Table.queue("q", 1)])
    client = server.localhost_client()
    writer = client.trajectory_writer(1)
    writer.append({"x": 1})
    table = server._tables[0].internal_table

    def interrupt():
        while not (table.info()["waiting_samples"] or table.info()["waiting_inserts"]):
            pass
        os.kill(os.getpid(), signal.SIGINT)

    def insert_twice():
        for _ in range(2):
            client.insert([1], {"q": 1.0})

    def flush_many():
        for _ in range(4):
            writer.create_item("q", 1.0, {"x": writer.history["x"][-1:]})
        writer.flush()

    def iterate():
        next(iter(reverb.TrajectoryDataset(client.server_address, "q", [np.int64], [(1,)], 1)))

    calls = {"sample": lambda: next(client.sample("q")), "insert": insert_twice,
             "flush": flush_many, "dataset": iterate}
    threading.Thread(target=interrupt, daemon=True).start()
    try:
        calls[sys.argv[1]]()
    except KeyboardInterrupt:
        print("interrupted")
"""


@pytest.mark.parametrize("call", ["sample", "insert", "flush", "dataset"])
def test_ctrl_c_ends_what_waits(run, call):
    ended = run(CTRL_C, call)
    assert (ended.status, ended.out) == (0, "interrupted\n"), ended.err


def test_a_client_works_in_a_forked_child(start):
    child = start(
        """
        import os
        import reverb

        server = reverb.Server([reverb.Table.queue("q", 10)])
        client = reverb.Client(f"127.0.0.1:{server.port}")
        client.insert([1], {"q": 1.0})
        pid = os.fork()
        if pid == 0:
            client.insert([2], {"q": 1.0}, timeout=20)
            os._exit(0)
        os.waitpid(pid, 0)
        print([int(s[0].data[0]) for s in client.sample("q", 2, timeout=20)])
        """
    )
    assert child.end() == 0, child.err
    assert child.out == "[1, 2]\n"
