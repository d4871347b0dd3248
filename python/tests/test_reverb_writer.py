"""reverb.Writer, the writer of dm-reverb's early days."""

from __future__ import annotations

import re

import numpy as np
import pytest
from reverb_tables import clean_client, drain, serving, table

import reverb

STEP = {"a": reverb.TensorSpec((2,), np.float32), "b": reverb.TensorSpec((), np.int64)}


@pytest.fixture(scope="module")
def server():
    with serving(reverb.Table.queue("q", 100), table("signed", signature=STEP)) as server:
        yield server


@pytest.fixture
def client(server):
    return clean_client(server)


def test_items_have_the_last_steps(client):
    with client.writer(max_sequence_length=3) as writer:
        for i in range(5):
            writer.append({"x": i, "y": [float(i)]})
        writer.create_item("q", 2, 1.0)
        writer.create_item("q", 3, 1.0)
    assert drain(client, "q", 2) == [[[3, 4], [3.0, 4.0]], [[2, 3, 4], [2.0, 3.0, 4.0]]]


@pytest.mark.parametrize("chunk", [1, 2, 5])
@pytest.mark.parametrize("delta", [True, False])
def test_chunks_and_deltas_do_not_show(client, chunk, delta):
    frames = np.random.default_rng(0).integers(0, 255, (20, 4, 4), np.uint8)
    with client.writer(5, delta_encoded=delta, chunk_length=chunk) as writer:
        for i, frame in enumerate(frames):
            writer.append(frame)
            if i >= 4:
                writer.create_item("q", 5, 1.0)
    for i, (column,) in enumerate(drain(client, "q", 16)):
        assert column == frames[i : i + 5].tolist()


def test_a_sequence_is_as_many_steps(client):
    with client.writer(3) as writer:
        writer.append_sequence([np.arange(6).reshape(3, 2)])
        writer.create_item("q", 2, 1.0)
    assert drain(client, "q", 1) == [[[[2, 3], [4, 5]]]]


def test_flush_makes_items_seen(client):
    writer = client.writer(1)
    writer.append(1)
    writer.create_item("q", 1, 1.0)
    writer.flush()
    assert client.server_info()["q"].current_size == 1
    writer.close()


@pytest.mark.parametrize(
    ("call", "text"),
    [(lambda w: w.create_item("q", 0, 1.0), r"num_timesteps \(0\) must be a positive integer"),
     (lambda w: w.create_item("q", 2, 1.0), "larger than number of buffered timesteps."),
     (lambda w: w.create_item("q", 9, 1.0), "`num_timesteps` must be <= `max_timesteps`"),
     (lambda w: w.append([1, 2]), "inconsistent. Previously it was 1, but is now 2."),
     (lambda w: w.append_sequence([1]), "AppendSequence called with scalar tensor at index 0."),
     (lambda w: w.append_sequence([]), "AppendSequence called with empty data."),
     (lambda w: w.append_sequence([np.zeros(2), np.zeros(3)]), "of non equal batch dimension"),
     (lambda w: w.create_item("signed", 1, 1.0), "was called with 1 tensors, but table requires 2"),
     (lambda w: w.create_item("q", 1, float("nan")), "must not be nan")],
)  # fmt: skip
def test_mistakes_are_named(client, call, text):
    with client.writer(3) as writer:
        writer.append([1])
        with pytest.raises(ValueError, match=text):
            call(writer)


def test_a_writer_is_closed_once(client):
    writer = client.writer(1)
    writer.close()
    with pytest.raises(ValueError, match=re.escape("close() has already been called on Writer.")):
        writer.close()
    with pytest.raises(ValueError, match=r"Cannot reuse already closed Writer"):
        writer.__enter__()
    with pytest.raises(RuntimeError, match=r"Calling method Append after Close has been called"):
        writer.append(1)
    assert "closed: True" in repr(writer)


@pytest.mark.parametrize(
    ("options", "text"),
    [({"max_sequence_length": 0}, r"max_sequence_length \(0\) must be a positive integer"),
     ({"max_sequence_length": 2, "chunk_length": 3}, r"chunk_length \(3\) must be"),
     ({"max_sequence_length": 2, "chunk_length": 0}, r"chunk_length \(0\)"),
     ({"max_sequence_length": 2, "max_in_flight_items": 0}, r"max_in_flight_items \(0\) must be")],
)  # fmt: skip
def test_numbers_that_cannot_be_are_refused(client, options, text):
    with pytest.raises(ValueError, match=text):
        client.writer(**options)


def test_a_forgotten_writer_delivers_and_warns(client, caplog):
    writer = client.writer(1)
    writer.append(1)
    writer.create_item("q", 1, 1.0)
    del writer
    assert "deleted without calling .close" in caplog.text
    assert drain(client, "q", 1) == [[[1]]]
