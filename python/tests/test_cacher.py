"""CacherNode: answers come from the cache while they are fresh, and errors never do."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from absl.testing import absltest

import launchpad as lp
from launchpad.nodes import cacher


class Source:
    def __init__(self):
        self.calls = []
        self.time = 0.0

    def __call__(self, method, args, kwargs):
        self.calls.append((method, args, kwargs))
        if method == "fail":
            raise ValueError(f"failure {len(self.calls)}")
        return len(self.calls)


@pytest.fixture
def source():
    return Source()


@pytest.fixture
def cache(source):
    return cacher.Cache(source, stale_after=10, now=lambda: source.time)


def test_an_answer_is_given_again_while_it_is_fresh(source, cache):
    assert cache.get("work", (1,), {}) == 1
    source.time = 10
    assert cache.get("work", (1,), {}) == 1
    source.time = 10.1
    assert cache.get("work", (1,), {}) == 2


def test_other_arguments_have_other_answers(cache):
    assert cache.get("work", (1,), {}) == 1
    assert cache.get("work", (2,), {}) == 2
    assert cache.get("work", (), {"x": np.zeros(3)}) == 3
    assert cache.get("work", (), {"x": np.zeros(3)}) == 3
    assert cache.get("other", (1,), {}) == 4


def test_a_refresh_renews_what_was_asked_for_since_the_last(source, cache):
    cache.get("work", (), {})
    cache.refresh()
    assert cache.get("work", (), {}) == 2
    assert len(source.calls) == 2
    cache.refresh()
    cache.refresh()
    assert len(source.calls) == 3


def test_what_nobody_asks_for_is_forgotten(source, cache):
    cache.get("work", (), {})
    cache.refresh()
    source.time = 11
    cache.refresh()
    assert len(source.calls) == 2
    assert not cache._entries


def test_errors_reach_the_caller_and_are_not_kept(cache):
    for number in (1, 2):
        with pytest.raises(ValueError, match=f"failure {number}"):
            cache.get("fail", (), {})


def test_callers_of_the_same_share_one_call_of_the_source():
    entered = threading.Event()
    leave = threading.Event()
    calls = []

    def call(method, args, kwargs):
        calls.append(method)
        entered.set()
        assert leave.wait(20)
        return "answer"

    cache = cacher.Cache(call, stale_after=10)
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(cache.get("work", (), {}))) for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    assert entered.wait(20)
    leave.set()
    for thread in threads:
        thread.join()
    assert answers == ["answer"] * 5
    assert calls == ["work"]


@pytest.mark.parametrize("times", [(0, 1), (1, 0), (-1, 1)])
def test_times_must_be_positive(times):
    with pytest.raises(ValueError, match="must be positive"):
        lp.CacherNode(lp.CourierNode(list).create_handle(), *times)


class Counter:
    def __init__(self):
        self._count = 0

    def count(self):
        self._count += 1
        return self._count

    def add(self, a, b=0):
        return a + b


def check(cached, direct, stop_at):
    assert cached.count() == 1
    assert cached.count() == 1
    assert direct.count() == 2
    assert cached.add(1, b=2) == 3
    seen = set()
    while max(seen, default=0) < stop_at:
        seen.add(cached.count())
    lp.stop()


@pytest.mark.parametrize("launch_type", ["test_mt", "test_mp"])
def test_a_node_serves_the_methods_of_another_and_keeps_them_fresh(launch_type):
    program = lp.Program("cached")
    with program.group("counter"):
        direct = program.add_node(lp.CourierNode(Counter))
    with program.group("cacher"):
        cached = program.add_node(
            lp.CacherNode(direct, refresh_interval_ms=100, stale_after_ms=60_000)
        )
    with program.group("check"):
        program.add_node(lp.PyNode(check, cached, direct, 3))
    case = absltest.TestCase()
    manager = lp.launch(program, launch_type=launch_type, test_case=case)
    manager.wait()
    case.doCleanups()
