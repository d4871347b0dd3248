"""TrajectoryDataset and TimestepDataset over a server."""

from __future__ import annotations

import re

import numpy as np
import pytest
from reverb_tables import Background, clean_client, serving, table, wait_until

import reverb

SIGNATURE = {
    "x": reverb.TensorSpec((None, 2), np.float32, "x"),
    "n": [reverb.TensorSpec((), np.int64)],
}
S = reverb.selectors


@pytest.fixture(scope="module")
def server():
    with serving(
        table("signed", signature=SIGNATURE, sampler=S.Fifo()),
        reverb.Table.queue("q", 1000, signature=SIGNATURE),
        reverb.Table.queue("steps", 1000, signature={"x": reverb.TensorSpec((2,), np.float32)}),
        reverb.Table.queue("plain", 1000),
    ) as server:
        yield server


@pytest.fixture
def client(server):
    return clean_client(server)


def fill(client, name, count, lengths=(3,)):
    """Items whose n counts, with x of some length that repeats it."""
    with client.trajectory_writer(max(lengths)) as writer:
        for i in range(count):
            for _ in range(lengths[i % len(lengths)]):
                writer.append({"x": np.float32([i, -i]), "n": [i]})
            length = lengths[i % len(lengths)]
            x, n = writer.history["x"][-length:], writer.history["n"][0][-1]
            writer.create_item(name, 1.0 + i, {"x": x, "n": [n]})


def dataset(client, name="q", in_flight=8, **options):
    return reverb.TrajectoryDataset.from_table_signature(
        client.server_address, name, in_flight, **options
    )


def test_samples_have_the_structure_of_the_signature_with_tuples_for_lists(client):
    fill(client, "q", 1)
    sample = next(iter(dataset(client)))
    assert isinstance(sample, reverb.ReplaySample) and isinstance(sample.info, reverb.SampleInfo)
    assert [type(value) for value in sample.info] == [
        np.uint64, np.float64, np.int64, np.float64, np.int32
    ]  # fmt: skip
    assert (sample.info.priority, sample.info.times_sampled, sample.info.table_size) == (1.0, 1, 1)
    assert sample.data["x"].tolist() == [[0, 0]] * 3
    assert isinstance(sample.data["n"], tuple) and sample.data["n"][0] == 0
    assert sample.data["x"].flags.writeable


def test_a_queue_comes_in_order_to_its_end(client):
    fill(client, "q", 100, lengths=(1, 3, 2))
    samples = list(dataset(client, rate_limiter_timeout_ms=50))
    assert [int(sample.data["n"][0]) for sample in samples] == list(range(100))
    assert [len(sample.data["x"]) for sample in samples[:3]] == [1, 3, 2]


def test_max_samples_takes_no_more_than_that(client):
    fill(client, "q", 20)
    assert len(list(dataset(client, max_samples=7))) == 7
    assert client.server_info()["q"].current_size == 13


def test_no_more_than_so_many_samples_are_in_flight(client):
    fill(client, "q", 50)
    iterator = iter(dataset(client, in_flight=4))
    for _ in range(10):
        next(iterator)
    iterator.close()
    assert client.server_info()["q"].current_size >= 50 - 10 - 4


@pytest.mark.parametrize("drop", [True, False])
def test_batches_are_stacked_and_the_rest_kept_or_dropped(client, drop):
    fill(client, "q", 10)
    batches = list(dataset(client, rate_limiter_timeout_ms=50).batch(4, drop_remainder=drop))
    sizes = [batch.data["x"].shape for batch in batches]
    assert sizes == [(4, 3, 2), (4, 3, 2)] + ([] if drop else [(2, 3, 2)])
    assert batches[1].data["n"][0].tolist() == [4, 5, 6, 7]
    assert batches[1].info.key.dtype == np.uint64
    assert batches[1].info.priority.tolist() == [5, 6, 7, 8]
    assert batches[0].data["x"][:, 0, 1].tolist() == [0, -1, -2, -3]


def test_a_batch_may_be_larger_than_what_is_in_flight(client):
    fill(client, "q", 30)
    batch = next(iter(dataset(client, in_flight=2).batch(30)))
    assert batch.data["n"][0].tolist() == list(range(30))


def test_a_batch_is_gathered_as_items_come(client):
    iterator = iter(dataset(client).batch(4))
    waiting = Background(lambda: next(iterator))
    fill(client, "q", 2)
    wait_until(lambda: client.server_info()["q"].current_size == 0)
    fill(client, "q", 2)
    assert waiting.result().data["n"][0].tolist() == [0, 1, 0, 1]


def test_batches_of_different_lengths_cannot_be_stacked(client):
    fill(client, "q", 4, lengths=(1, 2))
    with pytest.raises(ValueError):
        next(iter(dataset(client).batch(4)))


def test_the_chain_works_on_samples(client):
    fill(client, "signed", 5)
    chain = dataset(client, "signed").map(lambda s: s.data["x"][0]).batch(3).prefetch(2).take(4)
    assert [batch.shape for batch in chain.as_numpy_iterator()] == [(3, 2)] * 4

    spread = reverb.dataset.Dataset.range(3).interleave(
        lambda _: dataset(client, "signed"), 3, num_parallel_calls=3, deterministic=False
    )
    assert len(list(spread.take(20))) == 20


def test_the_element_spec_is_that_of_the_signature(client):
    spec = dataset(client).element_spec
    assert spec.data["x"] == reverb.TensorSpec((None, 2), np.float32, spec.data["x"].name)
    assert (spec.info.key.dtype, spec.info.key.shape) == (np.uint64, ())
    spec = dataset(client).batch(4, drop_remainder=True).element_spec
    assert spec.data["x"].shape == (4, None, 2) and spec.info.priority.shape == (4,)


def test_iterators_are_independent(client):
    fill(client, "signed", 1)
    samples = dataset(client, "signed")
    one, two = iter(samples), iter(samples)
    assert next(one).info.key == next(two).info.key
    samples.close()
    with pytest.raises(StopIteration):
        next(one)


def test_closing_ends_an_iterator_that_waits(client):
    iterator = iter(dataset(client))
    waiting = Background(lambda: list(iterator))
    wait_until(lambda: client._client.info(None)[1]["waiting_samples"] >= 1)
    iterator.close()
    assert waiting.result() == []


def test_timesteps_come_one_by_one_in_order(client):
    fill(client, "plain", 2)
    with client.writer(3) as writer:
        for i in range(3):
            writer.append({"x": np.float32([i, i])})
        writer.create_item("steps", 3, 1.0)
        writer.create_item("steps", 2, 1.0)
    steps = reverb.TimestepDataset.from_table_signature(
        client.server_address, "steps", 1, rate_limiter_timeout_ms=50
    )
    assert [int(step.data["x"][0]) for step in steps] == [0, 1, 2, 1, 2]
    ragged = reverb.TimestepDataset(
        client.server_address, "plain", {"x": np.float32, "n": np.int64}, {"x": (2,), "n": ()}, 1
    )
    with pytest.raises(
        ValueError, match=r"Sampled trajectory cannot be decomposed into timesteps."
    ):
        next(iter(ragged))


def test_shapes_may_be_given_as_tuples(client):
    fill(client, "q", 1)
    samples = reverb.TrajectoryDataset(
        client.server_address, "q", {"x": np.float32, "n": [np.int64]}, {"x": (3, 2), "n": [()]}, 1
    )
    assert next(iter(samples)).data["x"].shape == (3, 2)


@pytest.mark.parametrize(
    ("dtypes", "shapes", "text"),
    [({"n": np.int64, "x": np.int64}, {"n": (), "x": (3, 3)},
      "Requested incompatible tensor at flattened index 1 from table 'signed'.  Requested (dtype, "
      "shape): (int64, [3,3]).  Signature (dtype, shape): (float, [?,2])."),
     ({"n": np.int64}, {"n": ()}, "Inconsistent number of tensors requested from table 'signed'.  "
      "Requested 1 tensors, but table signature shows 2 tensors.")],
)  # fmt: skip
def test_what_is_asked_for_must_fit_the_signature(client, dtypes, shapes, text):
    samples = reverb.TrajectoryDataset(client.server_address, "signed", dtypes, shapes, 1)
    with pytest.raises(ValueError, match=re.escape(text)):
        next(iter(samples))


@pytest.mark.parametrize(
    ("dtypes", "shapes", "text"),
    [({"a": np.float32}, {"a": (3, 3)},
      "Received incompatible tensor at flattened index 0 from table 'plain'.  Specification has "
      "(dtype, shape): (float, [3,3]).  Tensor has (dtype, shape): (double, [1,2])."),
     ([np.float64] * 2, [(1, 2)] * 2,
      "Inconsistent number of tensors received from table 'plain'.  Specification has 2 tensors, "
      "but data coming from the table shows 1 tensors.")],
)  # fmt: skip
def test_what_comes_must_be_what_was_asked_for(client, dtypes, shapes, text):
    client.insert([np.zeros(2)], {"plain": 1.0})
    samples = reverb.TrajectoryDataset(client.server_address, "plain", dtypes, shapes, 1)
    with pytest.raises(ValueError, match=re.escape(text)):
        next(iter(samples))


def test_tables_without_signatures_or_none_are_named(client):
    address = client.server_address
    text = (
        f"Server at {address} does not contain any table named x. Found: plain, q, signed, steps."
    )
    with pytest.raises(ValueError, match=re.escape(text)):
        dataset(client, "x")
    with pytest.raises(ValueError, match=f"Table plain at {address} does not have a signature."):
        dataset(client, "plain")
    with pytest.raises(RuntimeError, match=r"Priority table x was not found"):
        next(iter(reverb.TrajectoryDataset(address, "x", [np.int64], [()], 1)))


@pytest.mark.parametrize(
    ("options", "text"),
    [({"in_flight": 0}, r"max_in_flight_samples_per_worker \(0\) must be a positive integer"),
     ({"num_workers_per_iterator": 0}, r"num_workers_per_iterator \(0\) must be a positive"),
     ({"max_samples_per_stream": -2}, r"max_samples_per_stream \(-2\) must be"),
     ({"rate_limiter_timeout_ms": -2}, r"rate_limiter_timeout_ms \(-2\) must be an integer >= -1"),
     ({"max_samples": 0}, r"max_samples \(0\) must be a positive integer or -1")],
)  # fmt: skip
@pytest.mark.parametrize("kind", [reverb.TrajectoryDataset, reverb.TimestepDataset])
def test_numbers_that_cannot_be_are_refused(kind, options, text):
    options = dict(options)
    in_flight = options.pop("in_flight", 1)
    with pytest.raises(ValueError, match=text):
        kind("localhost:1", "t", np.int64, (), in_flight, **options)


def test_dtypes_and_shapes_must_have_one_structure():
    with pytest.raises(ValueError, match=r"must have the same structure"):
        reverb.TrajectoryDataset("localhost:1", "t", {"a": np.int64}, {"b": ()}, 1)


def test_a_stream_waits_for_its_server_until_its_time_to_retry_is_over_or_it_is_closed(run_dir):
    address = f"unix:{run_dir}/no.sock"
    short = reverb.TrajectoryDataset(address, "t", [np.int64], [()], 1, retry_timeout_secs=0.05)
    with pytest.raises(RuntimeError, match=r"no replay server was at .* for 0.05 s"):
        next(iter(short))
    iterator = iter(reverb.TrajectoryDataset(address, "t", [np.int64], [()], 1))
    reader = Background(lambda: list(iterator))
    iterator.close()
    assert reader.result() == []


def test_a_server_that_is_not_there_is_waited_for_only_so_long(run_dir):
    with pytest.raises(reverb.DeadlineExceededError):
        reverb.TrajectoryDataset.from_table_signature(
            f"unix:{run_dir}/no.sock", "t", 1, get_signature_timeout_secs=0.05
        )
