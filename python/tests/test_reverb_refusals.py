"""What is refused: with which error, and that nothing is changed or lost by it."""

from __future__ import annotations

import contextlib
import signal

import numpy as np
import pytest
from reverb_tables import LIMIT, data_of, drain, serving, table

import reverb
from reverb import structured_writer as sw

BAD_PRIORITIES = [-1.0, float("inf"), float("nan")]
STEP = {"x": 0}


@pytest.fixture
def server():
    prioritized = reverb.selectors.Prioritized(1.0)
    with serving(
        table("uniform"), table("prioritized", sampler=prioritized), reverb.Table.queue("q", 100)
    ) as server:
        yield server


@pytest.fixture
def client(server):
    return server.localhost_client()


def sizes(client):
    return {name: info.current_size for name, info in client.server_info(LIMIT).items()}


def config(name, value=1.0, *conditions):
    pattern = {"x": sw.create_reference_step(STEP)["x"][-1:]}
    return sw.create_config(pattern, name, conditions, sw.constant_priority_fn(value))


@pytest.mark.parametrize("bad", BAD_PRIORITIES)
def test_a_trajectory_writer_refuses_a_priority_at_the_call_and_loses_nothing(client, bad):
    with client.trajectory_writer(2) as writer:
        writer.append({"x": 1})
        last = {"x": writer.history["x"][-1:]}
        writer.create_item("q", 1.0, last)
        with pytest.raises(ValueError, match=r"(?i)priority.* must not be"):
            writer.create_item("prioritized", bad, last)
        writer.create_item("prioritized", 1.0, last)
        writer.append({"x": 2})
        writer.create_item("q", 1.0, {"x": writer.history["x"][-1:]})
        writer.flush(timeout_ms=20_000)
    assert drain(client, "q", 2) == [[[1]], [[2]]]
    assert sizes(client)["prioritized"] == 1


@pytest.mark.parametrize("bad", BAD_PRIORITIES)
def test_the_legacy_writer_refuses_a_priority_at_the_call_and_loses_nothing(client, bad):
    with client.writer(2) as writer:
        writer.append({"x": 1})
        with pytest.raises(ValueError, match=r"(?i)priority.* must not be"):
            writer.create_item("prioritized", 1, bad)
        writer.create_item("prioritized", 1, 1.0)
        writer.create_item("q", 1, 1.0)
    assert sizes(client) == {"uniform": 0, "prioritized": 1, "q": 1}


@pytest.mark.parametrize("bad", BAD_PRIORITIES)
def test_a_structured_writer_refuses_a_priority_and_makes_the_other_items(client, bad):
    odd = sw.Condition.step_index() % 2 == 1
    configs = [config("prioritized", bad, odd), config("prioritized"), config("q")]
    with client.structured_writer(configs) as writer:
        writer.append({"x": 0})
        with pytest.raises(ValueError, match=r"(?i)priority.* must not be"):
            writer.append({"x": 1})
        writer.append({"x": 2})
        writer.flush(timeout_ms=20_000)
    assert drain(client, "q", 3) == [[[0]], [[1]], [[2]]]
    assert sizes(client)["prioritized"] == 3


def test_an_episode_ends_though_an_item_of_its_end_is_refused(client):
    at_end = config("prioritized", -1.0, sw.Condition.is_end_episode())
    with client.structured_writer([at_end, config("q", 1.0, sw.Condition.step_index() == 0)]) as w:
        w.append({"x": 1})
        with pytest.raises(ValueError, match=r"Priority must not be negative"):
            w.end_episode(timeout_ms=20_000)
        w.append({"x": 2})
        w.flush(timeout_ms=20_000)
    assert drain(client, "q", 2) == [[[1]], [[2]]]


@pytest.mark.parametrize("bad", BAD_PRIORITIES)
def test_an_insert_into_several_tables_is_into_all_or_none(client, bad):
    with pytest.raises(ValueError, match=r"Priority must not be"):
        client.insert(1, {"uniform": 1.0, "prioritized": bad, "q": 1.0})
    assert sizes(client) == {"uniform": 0, "prioritized": 0, "q": 0}


@pytest.mark.parametrize("bad", BAD_PRIORITIES)
def test_new_priorities_of_several_servers_are_set_all_or_none(bad):
    with contextlib.ExitStack() as stack:
        servers = [
            stack.enter_context(serving(table(sampler=reverb.selectors.Prioritized(1.0))))
            for _ in range(2)
        ]
        client = reverb.Client(",".join(f"localhost:{server.port}" for server in servers))
        for value in range(4):
            client.insert(value, {"t": 1.0})
        keys = {}
        while len(keys) < 4:
            (sample,) = client.sample("t", emit_timesteps=False, timeout=LIMIT)
            keys[int(sample.info.key)] = data_of(sample)
        first, *others = sorted(keys)
        with pytest.raises(ValueError, match=r"Priority must not be"):
            client.mutate_priorities("t", {first: bad, **dict.fromkeys(others, 5.0)}, [first])
        priorities = set()
        for server in servers:
            one = server.localhost_client()
            for sample in one.sample("t", 20, emit_timesteps=False, timeout=LIMIT):
                priorities.add(float(sample.info.priority))
        assert priorities == {1.0}
        assert client.server_info(LIMIT)["t"].current_size == 4


def test_none_is_no_value_of_the_legacy_writer_and_of_insert(client):
    with client.writer(3) as writer:
        with pytest.raises(TypeError, match=r"NoneType"):
            writer.append([1, None])
        writer.append([1, 2])
        writer.create_item("q", 1, 1.0)
    with pytest.raises(TypeError, match=r"NoneType"):
        client.insert({"a": None, "b": 1}, {"q": 1.0})
    assert drain(client, "q", 1) == [[[1], [2]]]
    assert sizes(client)["q"] == 0


def test_a_value_where_a_step_without_it_had_a_nest_is_refused(client):
    with client.trajectory_writer(5) as writer:
        writer.append({"x": 1, "y": {"a": 1}})
        writer.append({"x": 2, "y": None})
        with pytest.raises(ValueError, match=r"a dict was appended before, where now there is a s"):
            writer.append({"x": 3, "y": 7})
        writer.append({"x": 4, "y": None})
        writer.append({"x": 5, "y": {"a": 2}})
        assert writer.history["x"][:].numpy().tolist() == [1, 2, 4, 5]
        assert writer.history["y"]["a"][-1].numpy() == 2


def test_numbers_that_must_be_whole_are_not_rounded(client):
    with pytest.raises(TypeError, match=r"ge must be a whole number, it is 2\.5"):
        _ = sw.Condition.step_index() >= 2.5
    with pytest.raises(TypeError):
        _ = sw.Condition.step_index() % 1.5 == 1
    assert (sw.Condition.step_index() >= np.int64(2)).ge == 2
    client.insert(1, {"uniform": 1.0})
    for changes in ({"deletes": [1.5]}, {"updates": {1.5: 1.0}}):
        with pytest.raises(TypeError):
            client.mutate_priorities("uniform", **changes)
    client.mutate_priorities("uniform", {np.uint64(1): 1.0}, np.array([2**64 - 1], np.uint64))


def test_a_table_is_free_for_another_server_if_its_port_was_taken(server):
    one = reverb.Table.queue("one", 10)
    with pytest.raises(ValueError, match=r"Failed to BuildAndStart gRPC server"):
        reverb.Server([one], port=server.port)
    with serving(one) as second:
        second.localhost_client().insert(1, {"one": 1.0}, timeout=LIMIT)
        assert one.info.current_size == 1


def test_a_table_is_free_for_another_server_if_the_checkpoint_was_not_its(tmp_path):
    checkpointer = reverb.checkpointers.DefaultCheckpointer(str(tmp_path))
    with serving(reverb.Table.queue("other", 10), checkpointer=checkpointer) as first:
        first.localhost_client().checkpoint()
    one = reverb.Table.queue("one", 10)
    with pytest.raises(ValueError, match=r"Trying to load table 'other'"):
        reverb.Server([one], checkpointer=checkpointer)
    with serving(one) as second:
        second.localhost_client().insert(1, {"one": 1.0}, timeout=LIMIT)


def test_a_table_is_one_servers():
    one, two = reverb.Table.queue("one", 10), reverb.Table.queue("two", 10)
    with serving(one) as first:
        with pytest.raises(ValueError, match=r"table 'one' is another server's already"):
            reverb.Server([two, one])
        with serving(two):  # Was not taken.
            first.localhost_client().insert(1, {"one": 1.0}, timeout=LIMIT)
    with pytest.raises(ValueError, match=r"table 'one' was closed with its server"):
        reverb.Server([one])


def test_a_rate_limiter_is_free_if_its_table_could_not_be_made():
    limiter = reverb.rate_limiters.MinSize(1)
    with pytest.raises(TypeError) as refused:  # Its traceback keeps the table alive.
        table(rate_limiter=limiter, seed=-1)
    with pytest.raises(ValueError, match=r"must be less than 2\*\*63"):
        table(rate_limiter=limiter, max_size=10**30)
    made = table("made", rate_limiter=limiter)
    with pytest.raises(ValueError, match=r"is table 'made''s already"):
        table("second", rate_limiter=limiter)
    assert made.info.current_size == 0
    assert refused.tb is not None


def test_too_many_columns_are_refused_with_the_limit(client):
    with pytest.raises(ValueError, match=r"20000 columns.*at most 16384"):
        client.insert([1] * 20_000, {"q": 1.0})
    writer = client.trajectory_writer(1)
    with pytest.raises(ValueError, match=r"at most 16384"):
        writer.append([1] * 20_000)


SERVER = """
    import sys
    import numpy as np
    import reverb

    port, dtype = int(sys.argv[1]), sys.argv[2]
    signature = None if dtype == "none" else {"x": reverb.TensorSpec((), np.dtype(dtype))}
    server = reverb.Server([reverb.Table.queue("q", 100, signature=signature)], port)
    print("port", server.port, flush=True)
    server.wait()
"""


@pytest.mark.parametrize("before", ["int64", "none"])
def test_inserts_are_checked_against_the_signature_that_a_restarted_server_has(start, before):
    first = start(SERVER, "0", before)
    port = first.number_after("port")
    client = reverb.Client(f"localhost:{port}")
    client.insert({"x": np.int64(1)}, {"q": 1.0}, timeout=LIMIT)
    first.send(signal.SIGKILL)
    first.end()
    start(SERVER, str(port), "float32").number_after("port")
    with pytest.raises(ValueError, match=r"signature"):
        client.insert({"x": np.int64(1)}, {"q": 1.0}, timeout=LIMIT)
    client.insert({"x": np.float32(1)}, {"q": 1.0}, timeout=LIMIT)
    assert client.server_info(LIMIT)["q"].current_size == 1


def test_a_server_without_a_checkpointer_says_so(run_dir):
    address = f"unix:{run_dir}/s"
    server = reverb.server.NodeServer([reverb.Table.queue("q", 1)], None, address=address)
    try:
        with pytest.raises(ValueError, match=r"no Checkpointer configured"):
            reverb.Client(address).checkpoint()
    finally:
        server.stop()
