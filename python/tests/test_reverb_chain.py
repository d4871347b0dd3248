"""The chain of dataset methods that programs know from tf.data."""

from __future__ import annotations

import pickle
import threading

import numpy as np
import pytest
from reverb_tables import Background

import reverb
from reverb.dataset import Dataset

range_ = Dataset.range


def listed(dataset):
    return [np.asarray(element).tolist() for element in dataset]


def test_batch_stacks_and_keeps_or_drops_the_rest():
    assert listed(range_(5).batch(2)) == [[0, 1], [2, 3], [4]]
    assert listed(range_(5).batch(2, drop_remainder=True)) == [[0, 1], [2, 3]]
    assert range_(5).batch(2).element_spec.shape == (None,)
    assert range_(5).batch(2, drop_remainder=True).element_spec.shape == (2,)
    assert listed(range_(5).batch(2).unbatch()) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("calls", [None, 3])
def test_map_keeps_the_order(calls):
    assert listed(range_(20).map(lambda x: x * x, num_parallel_calls=calls)) == [
        x * x for x in range(20)
    ]


def test_map_unpacks_plain_tuples_and_no_named_ones():
    pairs = Dataset.from_iterable([(np.int64(1), np.int64(2))])
    assert listed(pairs.map(lambda a, b: a + b)) == [3]
    sample = reverb.ReplaySample(reverb.SampleInfo.zeros(), np.float32(3))
    assert listed(Dataset.from_iterable([sample]).map(lambda s: s.data)) == [3]


def test_a_chain_goes_to_another_process_with_its_functions():
    two = 2
    chain = range_(8).map(lambda x: x * two).filter(lambda x: x > 2).batch(2).prefetch(1)
    started = iter(chain)
    assert next(started).tolist() == [4, 6]
    other = pickle.loads(pickle.dumps({"chain": chain}))["chain"]
    assert listed(other) == [[4, 6], [8, 10], [12, 14]]
    assert other.element_spec == chain.element_spec
    assert next(started).tolist() == [8, 10]
    other.close()
    chain.close()


def test_the_spec_of_a_mapped_dataset_is_found_by_trying():
    spec = range_(5).batch(2).map(lambda x: {"y": x.astype(np.float32)[None]}).element_spec
    assert spec == {"y": reverb.TensorSpec((1, None), np.float32)}


def test_take_skip_repeat_filter_enumerate():
    assert listed(range_(9).skip(2).take(3)) == [2, 3, 4]
    assert listed(range_(2).repeat(2)) == [0, 1, 0, 1]
    assert listed(range_(2).repeat().take(5)) == [0, 1, 0, 1, 0]
    assert listed(range_(5).filter(lambda x: x % 2 == 0)) == [0, 2, 4]
    assert listed(range_(3).skip(1).enumerate()) == [[0, 1], [1, 2]]
    assert listed(range_(3).take(-1)) == [0, 1, 2]


def test_shuffle_gives_each_element_once_and_the_same_by_the_same_seed():
    orders = [listed(range_(100).shuffle(10, seed=3)) for _ in range(2)]
    assert sorted(orders[0]) == list(range(100))
    assert orders[0] == orders[1] != list(range(100))


@pytest.mark.parametrize("calls", [None, 4])
def test_interleave_takes_turns(calls):
    def three_of(x):
        return range_(int(x) * 10, int(x) * 10 + 3)

    found = listed(range_(3).interleave(three_of, cycle_length=2, num_parallel_calls=calls))
    assert found == [0, 10, 1, 11, 2, 12, 20, 21, 22]
    found = listed(range_(2).interleave(three_of, 2, block_length=2, num_parallel_calls=calls))
    assert found == [0, 1, 10, 11, 2, 12]
    assert listed(range_(2).flat_map(three_of)) == [0, 1, 2, 10, 11, 12]


def test_interleave_gives_what_is_ready_if_order_does_not_matter():
    never = threading.Event()

    def one(x):
        def elements():
            if x == 0:
                never.wait()
            yield np.int64(x)

        return Dataset(lambda _: elements(), lambda: None)

    ready = range_(3).interleave(one, 3, num_parallel_calls=3, deterministic=False)
    with iter(ready) as iterator:
        assert {int(next(iterator)), int(next(iterator))} == {1, 2}
    never.set()


def test_interleave_without_order_gives_each_element_once():
    ready = range_(5).interleave(
        lambda x: range_(int(x) * 10, int(x) * 10 + 4), 3, num_parallel_calls=3, deterministic=False
    )
    assert sorted(listed(ready)) == [10 * x + i for x in range(5) for i in range(4)]


@pytest.mark.parametrize("deterministic", [True, False])
def test_what_interleaves_function_raises_is_raised(deterministic):
    def fail(x):
        raise KeyError("none of these")

    found = range_(3).interleave(fail, 2, num_parallel_calls=2, deterministic=deterministic)
    reader = Background(lambda: listed(found))
    with pytest.raises(KeyError, match=r"none of these"):
        reader.result()


def test_the_spec_of_an_interleaved_dataset_leaves_nothing_open():
    scopes = []

    def make(scope):
        scopes.append(scope)
        return iter([1])

    source = Dataset(make, lambda: None)
    assert source.interleave(lambda _: range_(3)).element_spec.dtype == np.int64
    assert [scope.closed for scope in scopes] == [True]


def test_prefetch_gives_all_and_hands_errors_on():
    assert listed(range_(50).prefetch(4)) == list(range(50))

    def fail(x):
        if x == 2:
            raise KeyError("two")
        return x

    iterator = iter(range_(5).map(fail).prefetch(2))
    assert [next(iterator), next(iterator)] == [0, 1]
    with pytest.raises(KeyError, match=r"two"):
        next(iterator)
    with pytest.raises(StopIteration):
        next(iterator)


def test_close_ends_an_iterator_that_waits():
    started = threading.Event()
    blocked = threading.Event()

    def elements():
        yield 1
        started.set()
        blocked.wait()

    iterator = iter(Dataset(lambda _: elements(), lambda: None).prefetch(1))
    assert next(iterator) == 1
    assert started.wait(20)
    closer = threading.Thread(target=iterator.close)
    closer.start()
    with pytest.raises(StopIteration):
        next(iterator)
    closer.join()
    blocked.set()


def test_close_ends_a_parallel_map_that_waits_for_its_function():
    started, blocked = threading.Event(), threading.Event()

    def wait(x):
        started.set()
        blocked.wait()
        return x

    iterator = iter(range_(5).map(wait, num_parallel_calls=2))
    reader = Background(lambda: list(iterator))
    assert started.wait(20)
    iterator.close()
    try:
        assert reader.result() == []
    finally:
        blocked.set()


def test_closing_a_dataset_closes_its_iterators():
    dataset = range_(5)
    one, two = iter(dataset), dataset.as_numpy_iterator()
    assert next(one) == next(two) == 0
    dataset.close()
    for iterator in (one, two):
        with pytest.raises(StopIteration):
            next(iterator)


@pytest.mark.parametrize(
    "call", [lambda d: d.batch(0), lambda d: d.prefetch(-3), lambda d: d.shuffle(0)]
)
def test_sizes_must_be_positive(call):
    with pytest.raises(ValueError, match=r"must be a positive integer"):
        call(range_(3))
