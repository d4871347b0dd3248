"""A program with a replay node of three shards, each a process of its own, and a node that looks
whether they are one table. Its argument: a folder for checkpoints and plots.
"""

import collections
import functools
import os

import numpy as np
from absl import app

import launchpad as lp
import reverb

SHARDS, EXPONENT, SAMPLES = 3, 0.5, 20_480
SIGNATURE = reverb.TensorSpec((None,), np.int64)


def tables():
    return [
        reverb.Table(
            name="t",
            sampler=reverb.selectors.Prioritized(EXPONENT),
            remover=reverb.selectors.Fifo(),
            max_size=1000,
            rate_limiter=reverb.rate_limiters.MinSize(1),
            signature=SIGNATURE,
        )
    ]


def sampled(client):
    """How often each value was sampled, and its key and probability."""
    counts = collections.Counter()
    of_value = {}
    dataset = reverb.TrajectoryDataset.from_table_signature(client.server_address, "t", 1024)
    batches = iter(dataset.batch(256))
    for _ in range(SAMPLES // 256):
        info, data = next(batches)
        assert data.shape == (256, 1), data.shape
        for value, key, probability in zip(data[:, 0], info.key, info.probability):
            counts[int(value)] += 1
            of_value[int(value)] = int(key), float(probability)
    batches.close()
    return counts, of_value


def check(counts, of_value, weights):
    """Chi-squared: beyond six deviations (mean f, variance 2 f) is one run in 100,000."""
    total = sum(weights.values())
    expected = {value: SAMPLES * weight / total for value, weight in weights.items()}
    statistic = sum((counts[v] - mean) ** 2 / mean for v, mean in expected.items())
    freedom = len(weights) - 1
    assert set(counts) == set(weights), set(counts) ^ set(weights)
    assert statistic < freedom + 6 * (2 * freedom) ** 0.5, (statistic, freedom)
    for value, (_, probability) in of_value.items():
        assert abs(probability - weights[value] / total) < 1e-9


class Checker:
    def __init__(self, client):
        self._client = client

    def run(self):
        client = self._client
        # By calls, and by writers, each of which has a shard of its own.
        for value in range(1, 16):
            client.insert(np.int64(value), {"t": float(value)})
        for first in (16, 21, 26):
            with client.trajectory_writer(1) as writer:
                for value in range(first, first + 5):
                    writer.append(np.int64(value))
                    writer.create_item("t", float(value), writer.history[-1:])
                writer.flush()
        assert client.server_info()["t"].current_size == 30
        counts, of_value = sampled(client)
        check(counts, of_value, {v: v**EXPONENT for v in range(1, 31)})
        per_shard = collections.Counter(key % SHARDS for key, _ in of_value.values())
        assert per_shard == {0: 10, 1: 10, 2: 10}, per_shard
        # Wherever they are: most of the small ones go, the others are turned round.
        deletes = [of_value[value][0] for value in range(1, 11)]
        updates = {of_value[value][0]: 31.0 - value for value in range(11, 31)}
        client.mutate_priorities("t", updates, deletes)
        weights = {v: (31.0 - v) ** EXPONENT for v in range(11, 31)}
        # What was known of the shards' weights is too old in a moment.
        while sampled(client)[0].keys() != weights.keys():
            pass
        check(*sampled(client), weights)
        assert client.server_info()["t"].current_size == 20
        paths = client.checkpoint().split(",")
        assert len({os.path.dirname(path) for path in paths}) == SHARDS, paths
        print("one table of three shards", flush=True)
        lp.stop()


def make_program(folder):
    program = lp.Program("sharded")
    checkpointer = functools.partial(
        reverb.checkpointers.DefaultCheckpointer, os.path.join(folder, "checkpoints")
    )
    node = lp.ReverbNode(tables, checkpointer, num_shards=SHARDS, plots_folder=folder)
    replay = program.add_node(node, label="replay")
    program.add_node(lp.CourierNode(Checker, replay), label="checker")
    return program


def main(argv):
    lp.launch(make_program(argv[1]))


if __name__ == "__main__":
    app.run(main)
