"""reverb.TrajectoryWriter: steps, history, columns, items, flush and episodes."""

from __future__ import annotations

import collections
import re

import numpy as np
import pytest
from reverb_tables import Background, drain, serving, table, wait_until

import reverb

SIGNATURE = {
    "a": reverb.TensorSpec((None, 2), np.float32),
    "b": reverb.TensorSpec((), np.int64),
}


@pytest.fixture
def server():
    with serving(
        reverb.Table.queue("q", 1000),
        table("signed", signature=SIGNATURE),
        reverb.Table.queue("small", 1),
    ) as server:
        yield server


@pytest.fixture
def client(server):
    return server.localhost_client()


@pytest.fixture
def writer(client):
    writer = client.trajectory_writer(5)
    yield writer
    writer.close()


def numbers(writer, count, first=0):
    for i in range(first, first + count):
        writer.append({"x": i, "y": np.float32([i, -i])})


def item(client, writer, column, table="q"):
    """What a column is, once it was in a table."""
    writer.create_item(table, 1.0, column)
    writer.flush(timeout_ms=20_000)
    (data,) = drain(client, table, 1)
    return data[0]


def test_an_item_has_the_steps_that_it_was_made_of(client, writer):
    numbers(writer, 3)
    trajectory = {"late": writer.history["x"][-2:], "first": writer.history["y"][0]}
    writer.create_item("q", 2.5, trajectory)
    writer.end_episode(timeout_ms=20_000)
    (sample,) = client.sample("q", emit_timesteps=False)
    first, late = sample.data  # In the order of dm-tree.
    assert (sample.info.priority, first.tolist(), late.tolist()) == (2.5, [0, 0], [1, 2])


def test_equal_lengths_can_be_given_as_steps(client, writer):
    numbers(writer, 3)
    writer.create_item("q", 1.0, [writer.history["x"][:], writer.history["y"][:]])
    writer.flush()
    (steps,) = client.sample("q")
    assert [int(step.data[0]) for step in steps] == [0, 1, 2]
    assert steps[2].data[1].tolist() == [2, -2]


@pytest.mark.parametrize(
    "key",
    [0, 4, -1, -5, np.int64(2), slice(None), slice(1, 3), slice(-3, None), slice(2, 5),
     slice(5, None), slice(None, None, 2), slice(-1, None, -1), slice(None, None, -2),
     slice(0, 100),
     [0, 2], [0, -1], [3, 1, 4], [2, 2, 2], [np.int32(1), 0]],
    ids=str,
)  # fmt: skip
def test_history_is_indexed_as_a_list(client, writer, key):
    numbers(writer, 5)
    column = writer.history["x"][key]
    values = list(range(5))
    expected = [values[i] for i in key] if isinstance(key, list) else values[key]
    if expected == []:
        assert len(column) == 0
    else:
        assert column.numpy().tolist() == expected
        assert item(client, writer, [column]) == expected


@pytest.mark.parametrize("key", [5, -6, [0, 5], [-6]])
def test_an_index_beyond_the_history_is_an_error(writer, key):
    numbers(writer, 5)
    with pytest.raises(IndexError):
        writer.history["x"][key]


@pytest.mark.parametrize("key", ["x", 1.5, None, (0, 1)])
def test_other_keys_are_type_errors(writer, key):
    numbers(writer, 1)
    with pytest.raises(TypeError):
        writer.history["x"][key]


def test_expired_steps_count_but_cannot_be_used(writer):
    numbers(writer, 8)
    assert len(writer.history["x"]) == 8
    assert writer.history["x"][3:].numpy().tolist() == [3, 4, 5, 6, 7]
    text = re.escape(
        "TrajectoryColumns cannot contain any None data references: TrajectoryColumn at "
        "path ('x', slice(2, 4, None)) got [None, "
    )
    with pytest.raises(ValueError, match=text):
        writer.history["x"][2:4]
    with pytest.raises(ValueError, match=r"path \('x', -6\) got \[None\]"):
        writer.history["x"][-6]


def test_a_column_that_expires_says_so(writer):
    numbers(writer, 1)
    column = writer.history["x"][-1]
    numbers(writer, 4)
    assert column.numpy() == 0
    numbers(writer, 1)
    with pytest.raises(RuntimeError, match=r"with expired data references"):
        column.numpy()
    with pytest.raises(ValueError, match=r"Error in column 0: Column contains expired CellRef."):
        writer.create_item("q", 1.0, [column])


def test_columns_have_shapes_and_dtypes_and_can_be_cut_again(writer):
    numbers(writer, 4)
    column = writer.history["y"][-3:]
    assert (column.shape, column.dtype, len(column)) == ((3, 2), np.float32, 3)
    assert column[-1].shape == (2,) and column[-1].is_squeezed
    assert column[1:].numpy().tolist() == [[2, -2], [3, -3]]
    assert column[[0, 2]].numpy()[:, 0].tolist() == [1, 3]
    assert [reference.numpy().tolist() for reference in column] == [[1, -1], [2, -2], [3, -3]]
    again = reverb.TrajectoryColumn(list(column), path=("y",))
    assert again.numpy().tolist() == column.numpy().tolist()
    with pytest.raises(ValueError, match=r"exactly one data reference when squeeze set, got 3"):
        reverb.TrajectoryColumn(list(column), squeeze=True)
    with pytest.raises(ValueError, match=r"cannot contain any None data references"):
        reverb.TrajectoryColumn([None])


def test_history_needs_a_step(writer):
    with pytest.raises(RuntimeError, match=r"history cannot be accessed before `append`"):
        writer.history  # noqa: B018


Pair = collections.namedtuple("Pair", "left right")


def test_structures_may_grow_and_new_columns_have_no_past(client, writer):
    writer.append({"x": 0})
    writer.append({"x": 1, "new": [2, Pair(3, 4)]})
    writer.append({"new": [5, Pair(6, 7)]})
    history = writer.history
    assert len(history["new"][1].left) == len(history["x"]) == 3
    assert history["new"][1].right[1:].numpy().tolist() == [4, 7]
    with pytest.raises(ValueError, match=r"path \('new', 0, 0\) got \[None\]"):
        history["new"][0][0]
    with pytest.raises(ValueError, match=r"got"):
        history["x"][-1]
    assert item(client, writer, [history["x"][:2]]) == [0, 1]


def test_steps_of_two_structures_may_take_turns(writer):
    for i in range(4):
        writer.append({"x": i}, partial_step=True)
        writer.append({"more": {"y": 10 * i}})
    assert writer.history["x"][:].numpy().tolist() == [0, 1, 2, 3]
    assert writer.history["more"]["y"][-2:].numpy().tolist() == [20, 30]


def test_a_structure_that_changes_is_an_error(writer):
    writer.append({"x": 0})
    with pytest.raises(ValueError, match=r"The structure of a step changed"):
        writer.append({"x": {"y": 0}})


def test_partial_steps_make_one_step(client, writer):
    writer.append({"x": 1, "y": None}, partial_step=True)
    assert writer.episode_steps == 0
    assert writer.history["x"][-1].numpy() == 1
    writer.append({"y": 2})
    assert (writer.episode_steps, len(writer.history["x"])) == (1, 1)
    assert item(client, writer, [writer.history["y"][-1]]) == 2


def test_a_column_is_set_once_in_a_step(writer):
    writer.append({"x": 1, "z": [3]}, partial_step=True)
    text = re.escape(
        "Field ('x',) has already been set in the active step by previous (partial) append call "
        "and thus must be omitted or set to None but got: 4"
    )
    with pytest.raises(ValueError, match=text):
        writer.append({"x": 4})
    writer.append({"x": None})
    writer.append({"x": 4})


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "Tensor of wrong dtype provided for column ('b', 'c'). Got double but expected int64."),
     (np.zeros(2, int), "Tensor of incompatible shape provided for column ('b', 'c'). "
      "Got [2] which is incompatible with []."),
     ("s", "Tensor of wrong dtype provided for column ('b', 'c'). Got string but expected int64.")],
)  # fmt: skip
def test_a_column_keeps_its_dtype_and_shape(writer, value, text):
    writer.append({"b": {"c": 1}})
    with pytest.raises(ValueError, match=re.escape(text)):
        writer.append({"b": {"c": value}})
    writer.append({"b": {"c": 2}})
    assert writer.history["b"]["c"][:].numpy().tolist() == [1, 2]


def test_a_trajectory_is_made_of_columns(writer):
    numbers(writer, 1)
    with pytest.raises(TypeError, match=r"All leaves of `trajectory` must be `TrajectoryColumn`"):
        writer.create_item("q", 1.0, {"x": 3})
    for nothing in ({}, []):
        with pytest.raises(ValueError, match=r"trajectory must not be empty."):
            writer.create_item("q", 1.0, nothing)
    with pytest.raises(ValueError, match=r"must not be empty|Error in column 0: it has no steps"):
        writer.create_item("q", 1.0, {"x": writer.history["x"][0:0]})
    with pytest.raises(ValueError, match=r"`priority` must not be nan."):
        writer.create_item("q", float("nan"), [writer.history["x"][:]])


def test_a_column_has_one_dtype(writer):
    numbers(writer, 1)
    mixed = [*writer.history["x"][:], *writer.history["y"][:]]
    text = re.escape(
        "Error in column 0: Column references tensors with different dtypes: int64 "
        "(index 0) != float (index 1)."
    )
    with pytest.raises(ValueError, match=text):
        writer.create_item("q", 1.0, [reverb.TrajectoryColumn(mixed)])


def test_items_are_checked_against_the_signature(client, writer):
    numbers(writer, 2)
    x, y = writer.history["x"], writer.history["y"]
    writer.create_item("signed", 1.0, {"a": y[:], "b": x[-1]})
    inconsistent = "Unable to create item in table 'signed' since the provided trajectory is " \
        "inconsistent with the table signature. "  # fmt: skip
    for trajectory, text in (
        ({"a": y[:]}, "The trajectory has 1 columns but the table signature has 2 columns."),
        ({"a": y[:], "b": x[:]}, "The table expects column 1 to be a int64 [] tensor but got a "
         "int64 [2] tensor."),
        ({"a": x[:], "b": x[0]}, "The table expects column 0 to be a float [?,2] tensor but got a "
         "int64 [2] tensor."),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=re.escape(inconsistent + text)):
            writer.create_item("signed", 1.0, trajectory)
    text = "Unable to create item in table 'nope' since the table could not be found."
    with pytest.raises(ValueError, match=text):
        writer.create_item("nope", 1.0, [x[:]])
    writer.flush(timeout_ms=20_000)
    assert client.server_info()["signed"].current_size == 1


def test_items_that_are_not_checked_fail_at_the_flush(client):
    writer = client.trajectory_writer(1, validate_items=False)
    numbers(writer, 1)
    writer.create_item("nope", 1.0, [writer.history["x"][:]])
    with pytest.raises(RuntimeError, match=r"Priority table nope was not found"):
        writer.flush(timeout_ms=20_000)


def test_flush_waits_for_all_but_some(client, writer):
    numbers(writer, 1)
    for _ in range(3):
        writer.create_item("small", 1.0, [writer.history["x"][-1]])
    writer.flush(block_until_num_items=2, timeout_ms=20_000)
    text = "Flush call did not complete within provided timeout of 0:00:00.050000"
    with pytest.raises(reverb.DeadlineExceededError, match=text):
        writer.flush(timeout_ms=50)
    with pytest.raises(reverb.DeadlineExceededError):
        writer.flush(timeout_ms=0)
    with pytest.raises(ValueError, match=r"block_until_num_items must be >= 0, got -1"):
        writer.flush(-1)
    assert drain(client, "small", 3) == [[0]] * 3
    writer.flush(timeout_ms=20_000)


def test_an_episode_ends_also_when_its_items_are_late(client, writer):
    numbers(writer, 2)
    for _ in range(2):
        writer.create_item("small", 1.0, [writer.history["x"][-1]])
    text = "End episode call did not complete within provided timeout of 0:00:00.050000"
    with pytest.raises(reverb.DeadlineExceededError, match=text):
        writer.end_episode(timeout_ms=50)
    assert (writer.episode_steps, len(writer.history["x"])) == (0, 0)
    numbers(writer, 1, first=7)
    assert writer.history["x"][0].numpy() == 7
    assert drain(client, "small", 2) == [[1]] * 2


def test_an_episode_may_keep_its_steps(client, writer):
    numbers(writer, 2)
    writer.end_episode(clear_buffers=False, timeout_ms=20_000)
    assert writer.episode_steps == 0
    numbers(writer, 2, first=2)
    assert item(client, writer, [writer.history["x"][-3:]]) == [1, 2, 3]


def test_a_block_waits_for_its_items_but_not_after_reverbs_errors(client):
    with client.trajectory_writer(1) as writer:
        numbers(writer, 1)
        writer.create_item("q", 1.0, [writer.history["x"][:]])
    assert client.server_info()["q"].current_size == 1
    with pytest.raises(reverb.DeadlineExceededError), client.trajectory_writer(1) as writer:
        numbers(writer, 1)
        for _ in range(3):
            writer.create_item("small", 1.0, [writer.history["x"][:]])
        writer.flush(timeout_ms=10)


def test_a_closed_writer_says_so(client, writer):
    numbers(writer, 1)
    writer.close()
    writer.close()
    for call in (lambda: numbers(writer, 1), writer.flush, writer.end_episode):
        with pytest.raises(RuntimeError, match=r"TrajectoryWriter::Close has been called."):
            call()


def test_closing_wakes_a_flush(client, writer):
    numbers(writer, 1)
    for _ in range(3):
        writer.create_item("small", 1.0, [writer.history["x"][:]])
    waiting = Background(writer.flush)
    wait_until(lambda: client.server_info()["small"].current_size == 1)
    writer.close()
    with pytest.raises(RuntimeError):
        waiting.result()


def test_dropping_items_is_warned_of(client, writer, caplog):
    numbers(writer, 1)
    for _ in range(3):
        writer.create_item("small", 1.0, [writer.history["x"][:]])
    writer.flush(block_until_num_items=2, timeout_ms=20_000)
    writer.close()
    assert "2 items that are not known to be in their tables" in caplog.text


def test_a_trajectory_may_make_its_leaves_as_they_are_asked_for(client, writer):
    class Lazy(collections.abc.Mapping):
        def __getitem__(self, key):
            return writer.history[key][-2:]

        def __iter__(self):
            return iter(["x", "y"])

        def __len__(self):
            return 2

    numbers(writer, 3)
    for _ in range(20):
        writer.create_item("q", 1.0, Lazy())
    writer.flush(timeout_ms=20_000)
    assert drain(client, "q", 20) == [[[1, 2], [[1, -1], [2, -2]]]] * 20


def test_configure_sets_how_much_of_a_column_stays(client, writer):
    writer.configure(("x",), num_keep_alive_refs=8, max_chunk_length=2)
    numbers(writer, 8)
    assert writer.history["x"][-8:].numpy().tolist() == list(range(8))
    assert item(client, writer, [writer.history["x"][:]]) == list(range(8))


@pytest.mark.parametrize(
    ("keep", "chunk", "text"),
    [(0, None, r"num_keep_alive_refs \(0\) must be a positive integer"),
     (2, 3, r"max_chunk_length \(3\) must be None or a positive integer <= num_keep_alive_refs"),
     (2, 0, r"max_chunk_length \(0\)")],
)  # fmt: skip
def test_configure_needs_numbers_that_can_be(writer, keep, chunk, text):
    with pytest.raises(ValueError, match=text):
        writer.configure(("x",), num_keep_alive_refs=keep, max_chunk_length=chunk)


def test_a_writer_needs_a_length(client):
    with pytest.raises(ValueError, match=r"num_keep_alive_refs \(0\) must be a positive integer"):
        client.trajectory_writer(0)
