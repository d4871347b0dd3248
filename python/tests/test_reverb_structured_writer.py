"""reverb.StructuredWriter over a server. Which items come of which conditions: also
test_reverb_patterns.py.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
from reverb_tables import clean_client, drain, serving, table

import reverb
from reverb import structured_writer as sw

C = sw.Condition
STEP = {"a": 0, "b": {"c": 0, "d": 0}}
SIGNATURE = {"x": reverb.TensorSpec((2,), np.int64)}


@pytest.fixture(scope="module")
def server():
    with serving(reverb.Table.queue("q", 1000), table("signed", signature=SIGNATURE)) as server:
        yield server


@pytest.fixture
def client(server):
    return clean_client(server)


def config(pattern, *conditions, table="q", priority=None):
    return sw.create_config(pattern(sw.create_reference_step(STEP)), table, conditions, priority)


def step(i):
    return {"a": i, "b": {"c": 10 * i, "d": float(i)}}


def items(client):
    size = client.server_info()["q"].current_size
    return drain(client, "q", size) if size else []


def write(client, configs, count, ends=(), clear=True):
    with client.structured_writer(configs) as writer:
        for i in range(count):
            writer.append(step(i))
            if i in ends:
                writer.end_episode(clear, timeout_ms=20_000)
    return items(client)


def test_items_come_by_the_pattern(client):
    found = write(client, [config(lambda r: {"s": r["a"][-3::2], "c": r["b"]["c"][-1]})], 5)
    assert found == [[20, [0, 2]], [30, [1, 3]], [40, [2, 4]]]


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_strided_windows_are_right_over_hundreds_of_steps(client, stride):
    found = write(client, [config(lambda r: {"x": r["a"][-9::stride]})], 333)
    assert found == [[list(range(i - 9, i, stride))] for i in range(9, 334)]


@pytest.mark.parametrize(
    ("condition", "clear", "expected"),
    [(C.steps_since_applied() >= 3, True, [[1, 2], [4, 5]]),
     (C.step_index() % 2 == 0, False, [[1, 2], [3, 4], [5, 6]]),
     (C.is_end_episode(), True, [[2, 3]]),
     (C.data(STEP)["b"]["c"] == 50, True, [[4, 5]])],
)  # fmt: skip
def test_conditions_choose_the_steps(client, condition, clear, expected):
    found = write(client, [config(lambda r: [r["a"][-2:]], condition)], 8, ends=(3,), clear=clear)
    assert [data[0] for data in found] == expected


def test_a_step_in_parts_makes_an_item_as_soon_as_its_columns_are_there(client):
    configs = [config(lambda r: [r["a"][-1]]), config(lambda r: [r["b"]["c"][-1], r["a"][-1]])]
    with client.structured_writer(configs) as writer:
        writer.append({"a": 1, "b": {"c": None, "d": None}}, partial_step=True)
        assert writer.step_is_open
        writer.flush(timeout_ms=20_000)
        assert items(client) == [[1]]
        writer.append({"a": None, "b": {"c": 2, "d": 3.0}})
        assert not writer.step_is_open
        writer.flush(timeout_ms=20_000)
        assert items(client) == [[2, 1]]


def test_missing_values_make_no_item(client):
    with client.structured_writer([config(lambda r: [r["a"][-2:]])]) as writer:
        for i in range(5):
            writer.append({"a": None if i == 2 else i, "b": {"c": 0, "d": 0}})
    assert items(client) == [[[0, 1]], [[3, 4]]]


def test_columns_that_no_config_uses_may_be_anything(client):
    with client.structured_writer([config(lambda r: [r["a"][-1]])]) as writer:
        writer.append({"a": 1, "b": {"c": object(), "d": object()}})
        writer.append({"a": 2, "b": {"c": "text", "d": 1}})
    assert items(client) == [[1], [2]]


def test_priorities_are_constant_or_computed_from_errors(client):
    td_error = sw.td_error(0.25, STEP, lambda s: s["b"]["d"])
    configs = [
        config(lambda r: {"e": r["b"]["d"][-2:]}, priority=td_error),
        config(lambda r: {"e": r["b"]["d"][-2:]}, priority=sw.constant_priority_fn(7.0)),
    ]
    with client.structured_writer(configs) as writer:
        for error in (-4.0, 2.0):
            writer.append({"a": 0, "b": {"c": 0, "d": error}})
    priorities = [s.info.priority for s in client.sample("q", 2, emit_timesteps=False)]
    assert priorities == [0.25 * 4 + 0.75 * 3, 7.0]


def test_a_step_has_as_many_leaves_each_time(client):
    writer = client.structured_writer([config(lambda r: [r["a"][-1]])])
    writer.append(step(0))
    with pytest.raises(ValueError, match=r"unexpected length, got 1 but wanted 3."):
        writer.append([1])
    writer.close()


def test_a_column_keeps_its_dtype(client):
    writer = client.structured_writer([config(lambda r: r["b"]["c"][-1])])
    writer.append(step(0))
    text = re.escape(
        "Tensor of wrong dtype provided for column 1 (path=('b', 'c')). Got double but expected "
        "int64."
    )
    with pytest.raises(ValueError, match=text):
        writer.append({"a": 0, "b": {"c": 1.5, "d": 0.0}})
    writer.close()


def test_items_are_checked_against_the_signature(client):
    writer = client.structured_writer([config(lambda r: {"x": r["a"][-3:]}, table="signed")])
    writer.append(step(0))
    writer.append(step(1))
    with pytest.raises(ValueError, match=re.escape("expects column 0 to be a int64 [2] tensor")):
        writer.append(step(2))
    writer.close()


def test_configs_are_checked_when_the_writer_is_made(client):
    with pytest.raises(ValueError, match=r"At least one config must be provided."):
        client.structured_writer([])
    bad = [config(lambda r: r["a"][-1]), config(lambda r: r["a"][0])]
    with pytest.raises(
        ValueError, match=r"Invalid configuration at position 1: `stop` must be < 0"
    ):
        client.structured_writer(bad)
    writer = client.structured_writer([config(lambda r: r["b"]["d"][-1])])
    with pytest.raises(ValueError, match=r"A config uses column 2, but the steps have 1 columns"):
        writer.append([1])
    writer.close()
