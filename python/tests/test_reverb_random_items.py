"""Items of random steps of random columns hold those steps, whatever the chunks."""

from __future__ import annotations

import numpy as np
import pytest
from reverb_tables import serving

import reverb


@pytest.fixture
def client():
    with serving(reverb.Table.queue("q", 1000)) as server:
        yield server.localhost_client()


@pytest.mark.parametrize("seed", range(3))
def test_any_steps_of_any_columns_come_back_right(client, seed):
    print("seed", seed)
    rng = np.random.default_rng(seed)
    writer = client.trajectory_writer(12)
    kept, expected = [], []
    for step in range(60):
        value = rng.standard_normal((2, 3)).astype(np.float32)
        writer.append({"v": value, "i": step})
        kept.append(value)
        length = min(12, len(kept))
        if rng.random() < 0.5:
            places = rng.integers(-length, 0, rng.integers(1, 9)).tolist()
            writer.create_item("q", 1.0, [writer.history["v"][places], writer.history["i"][places]])
            expected.append((np.stack([kept[p] for p in places]), [step + 1 + p for p in places]))
        if rng.random() < 0.1:
            writer.end_episode(timeout_ms=20_000)
            kept = []
    writer.flush(timeout_ms=20_000)
    got = list(client.sample("q", len(expected), emit_timesteps=False))
    for sample, (values, places) in zip(got, expected):
        np.testing.assert_array_equal(sample.data[0], values)
        assert sample.data[1].tolist() == places
