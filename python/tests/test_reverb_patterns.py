"""Patterns, conditions and PatternDataset: which items are made of which steps. What is expected of
conditions is what dm-reverb 0.14.0 was seen to do.
"""

from __future__ import annotations

import numpy as np
import pytest
import tree

import reverb
from reverb import pattern_dataset
from reverb import structured_writer as sw

STEP = {"x": 0, "y": 0}
C = sw.Condition


def ref():
    return sw.create_reference_step(STEP)


def steps(count):
    return [{"x": np.int64(i), "y": np.int64(i)} for i in range(count)]


def made(pattern=lambda r: r["x"][-2:], conditions=(), ends=(3,), count=8, boundaries=True):
    """The items of steps 0, 1, ... as lists; `ends` are the last steps of episodes."""
    config = sw.create_config(pattern(ref()), "table", conditions)
    items = reverb.PatternDataset(steps(count), [config], boundaries, lambda s: int(s["x"]) in ends)
    return [tree.map_structure(lambda a: a.tolist(), item) for item in items]


def test_an_item_is_made_of_each_step_once_there_are_enough():
    assert made(ends=()) == [[i, i + 1] for i in range(7)]


def test_items_respect_the_boundaries_of_episodes_if_asked_to():
    assert made() == [[0, 1], [1, 2], [2, 3], [4, 5], [5, 6], [6, 7]]
    assert made(boundaries=False) == [[i, i + 1] for i in range(7)]


@pytest.mark.parametrize(
    ("condition", "ends", "boundaries", "expected"),
    [
        (C.steps_since_applied() >= 3, (), True, [[1, 2], [4, 5]]),
        (C.steps_since_applied() >= 3, (3,), True, [[1, 2], [4, 5]]),
        (C.steps_since_applied() >= 3, (3,), False, [[1, 2], [4, 5]]),
        (C.steps_since_applied() % 2 == 0, (), True, [[0, 1], [2, 3], [4, 5], [6, 7]]),
        (C.step_index() % 2 == 0, (3,), True, [[1, 2], [5, 6]]),
        (C.step_index() % 2 == 0, (3,), False, [[1, 2], [3, 4], [5, 6]]),
        (C.is_end_episode(), (3,), True, [[2, 3]]),
        (C.is_end_episode(), (0, 3), True, [[2, 3]]),
        (C.data(STEP)["y"] == 5, (3,), True, [[4, 5]]),
        (C.step_index() != 2, (3,), True, [[0, 1], [2, 3], [4, 5], [6, 7]]),
        (C.step_index() <= 2, (3,), True, [[0, 1], [1, 2], [4, 5], [5, 6]]),
        (C.step_index() < 2, (3,), True, [[0, 1], [4, 5]]),
        (C.step_index() > 2, (3,), True, [[2, 3], [6, 7]]),
        (C.step_index() >= 2, (3,), True, [[1, 2], [2, 3], [5, 6], [6, 7]]),
    ],
)
def test_a_config_makes_items_only_where_its_conditions_hold(condition, ends, boundaries, expected):
    assert made(conditions=[condition], ends=ends, boundaries=boundaries) == expected


def test_a_condition_on_data_that_are_no_scalar_integers_never_holds():
    config = sw.create_config(ref()["x"][-1], "t", [C.data(STEP)["y"] >= 0])
    data = [{"x": np.int64(0), "y": np.float32(1)}]
    assert list(reverb.PatternDataset(data, [config], True, lambda _: False)) == []


def test_strided_windows_have_the_steps_that_they_name():
    assert made(lambda r: r["x"][-4:-1:2], ends=()) == [[i, i + 2] for i in range(5)]
    assert made(lambda r: r["x"][-9::2], ends=(), count=10) == [
        [0, 2, 4, 6, 8],
        [1, 3, 5, 7, 9],
    ]


def test_items_have_the_structure_of_the_pattern():
    items = made(
        lambda r: {"last": r["y"][-1], "pair": (r["x"][-2:], r["x"][-2])}, count=2, ends=()
    )
    assert items == [{"last": 1, "pair": ([0, 1], 0)}]


def test_several_configs_make_their_items_side_by_side():
    configs = [
        sw.create_config({"a": ref()["x"][-1:]}, "t"),
        sw.create_config({"a": ref()["x"][-2:]}, "t", [C.is_end_episode()]),
    ]
    data = reverb.PatternDataset(steps(3), configs, True, lambda s: s["x"] == 2)
    assert [item["a"].tolist() for item in data] == [[0], [1], [2], [1, 2]]
    assert data.element_spec["a"].shape == (None,)


def test_with_info_gives_samples_with_zeros():
    config = sw.create_config((ref()["x"][-1],), "t")
    samples = list(
        pattern_dataset.pattern_dataset_with_info(steps(2), [config], True, lambda _: False)
    )
    assert samples[1].info == reverb.SampleInfo.zeros()
    assert samples[1].data == (1,)


def test_the_end_of_an_episode_must_be_said_by_a_bool():
    config = sw.create_config(ref()["x"][-1], "t")
    with pytest.raises(ValueError, match=r"`is_end_of_episode` must return `bool`"):
        list(reverb.PatternDataset(steps(1), [config], True, lambda s: s["x"]))


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (lambda r: r["x"][0], "`stop` must be < 0 when `start` isn't set but got 0."),
        (lambda r: r["x"][1:2], "`start` must be < 0 but got 1."),
        (lambda r: r["x"][-1:-2], r"`stop` \(-2\) must be > `start` \(-1\) when both"),
        (lambda r: r["x"][:], "At least one of `start` and `stop` must be specified."),
        (lambda r: r["x"][-2::-1], "`step` must be > 0 but got -1."),
        (lambda r: r["x"][-2:1], "`stop` must be <= 0 but got 1."),
        (lambda r: [], "`flat` must not be empty."),
    ],
)
def test_patterns_that_cannot_be_are_refused_with_their_place(pattern, text):
    config = sw.create_config(pattern(ref()), "t")
    with pytest.raises(ValueError, match=r"Invalid configuration at position 0: " + text):
        reverb.PatternDataset(steps(1), [config], True, lambda _: False)


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (sw.ConditionProto(eq=1), "Conditions must specify a value for `left`."),
        (sw.ConditionProto(step_index=True), "Conditions must specify a value for `cmp`."),
        (sw.ConditionProto(is_end_episode=True, eq=0), "Condition must use `eq=1`"),
        (C.step_index() % -1 == 0, "`mod_eq.mod` must be > 0 but got -1."),
        (C.step_index() % 2 == -1, "`mod_eq.eq` must be >= 0 but got -1."),
    ],
)
def test_conditions_that_cannot_be_are_refused(condition, text):
    config = sw.create_config(ref()["x"][-1], "t", [condition])
    with pytest.raises(ValueError, match=text):
        reverb.PatternDataset(steps(1), [config], True, lambda _: False)


def test_a_slice_without_a_start_is_refused_where_it_is_written():
    with pytest.raises(ValueError, match=r"A slice of steps needs a start"):
        ref()["x"][:-2]


def test_a_table_or_configs_must_be_named():
    with pytest.raises(ValueError, match=r"`table` must not be empty"):
        made_config = sw.create_config(ref()["x"][-1], "")
        reverb.PatternDataset(steps(1), [made_config], True, lambda _: False)
    with pytest.raises(ValueError, match=r"At least one config must be provided"):
        reverb.PatternDataset(steps(1), [], True, lambda _: False)


SPEC = {"x": reverb.TensorSpec((2,), np.float32), "y": reverb.TensorSpec((), np.int64)}


def test_a_signature_follows_from_the_patterns():
    config = sw.create_config({"a": {"b": ref()["x"][-3:]}, "c": ref()["y"][-1]}, "t")
    assert sw.infer_signature([config], SPEC) == {
        "a": {"b": reverb.TensorSpec((3, 2), np.float32, "a/b")},
        "c": reverb.TensorSpec((), np.int64, "c"),
    }


def test_the_length_of_a_strided_window_is_rounded_up():
    config = sw.create_config([ref()["y"][-4::3]], "t")
    assert sw.infer_signature([config], SPEC)[0].shape == (2,)


def test_lengths_that_differ_between_configs_are_unknown():
    configs = [sw.create_config([ref()["x"][-n:]], "t") for n in (2, 3)]
    assert sw.infer_signature(configs, SPEC)[0].shape == (None, 2)


@pytest.mark.parametrize(
    ("patterns", "tables", "text"),
    [
        ([], [], "At least one config must be provided."),
        ([{"a": "x"}, {"b": "x"}], "tt", "exactly the same pattern_structure"),
        ([{"a": "x"}, {"a": "x"}], "tu", "same table but provided configs included t, u."),
        (
            [{"a": "x"}, {"a": "y"}],
            "tt",
            r"multiple dtypes at \('a',\). Got \[tf.float32, tf.int64",
        ),
    ],
)
def test_a_signature_needs_configs_that_agree(patterns, tables, text):
    configs = [
        sw.create_config(tree.map_structure(lambda k: ref()[k][-1], pattern), table)
        for pattern, table in zip(patterns, tables)
    ]
    with pytest.raises(ValueError, match=text):
        sw.infer_signature(configs, SPEC)


def test_patterns_can_be_unpacked_again():
    pattern = {"a": (ref()["x"][-2:], ref()["y"][-1])}
    unpacked = sw.unpack_pattern(sw.create_config(pattern, "t"))
    assert unpacked == pattern
    assert sw.pattern_from_transform(STEP, lambda r: r["y"][-1]) == ref()["y"][-1]


def test_numpys_integers_index_reference_steps():
    assert ref()["x"][np.int64(-2)] == ref()["x"][-2]
    with pytest.raises(ValueError, match=r"Key must be int or slice"):
        ref()["x"]["y"]


def test_the_first_step_of_a_generator_is_not_lost():
    config = sw.create_config({"x": ref()["x"][-1]}, "table")
    generator = (step for step in steps(4))
    items = reverb.PatternDataset(generator, [config], True, lambda _: False)
    assert items.element_spec["x"].dtype == np.int64
    assert [int(item["x"]) for item in items] == [0, 1, 2, 3]
