"""A program as Acme's layouts draw it: actors with an adder, a replay node, a learner that samples
batches and sends priorities back. Its argument: how many learner steps.
"""

import sys

import numpy as np
from absl import app

import launchpad as lp
import reverb

SIGNATURE = {
    "observation": reverb.TensorSpec((3, 4), np.float32, "observation"),
    "action": reverb.TensorSpec((3,), np.int32, "action"),
}


def tables():
    return [
        reverb.Table(
            name="priority_table",
            sampler=reverb.selectors.Prioritized(0.6),
            remover=reverb.selectors.Fifo(),
            max_size=500,
            rate_limiter=reverb.rate_limiters.SampleToInsertRatio(8.0, 10, 160.0),
            signature=SIGNATURE,
        )
    ]


class Adder:
    """Cuts each episode into overlapping sequences of three steps."""

    def __init__(self, client):
        self._writer = client.trajectory_writer(num_keep_alive_refs=3)

    def add(self, observation, action, last):
        self._writer.append({"observation": observation, "action": action})
        if self._writer.episode_steps >= 3:
            history = self._writer.history
            trajectory = {key: history[key][-3:] for key in ("observation", "action")}
            self._writer.create_item("priority_table", 1.0, trajectory)
            self._writer.flush(block_until_num_items=5)
        if last:
            self._writer.end_episode()


class Actor:
    def __init__(self, client, number):
        self._adder = Adder(client)
        self._number = number

    def run(self):
        step = 0
        while not lp.stop_event().is_set():
            observation = np.full(4, self._number, np.float32)
            try:
                self._adder.add(observation, np.int32(step), last=step % 10 == 9)
            except RuntimeError:  # The replay node ended first.
                return
            step += 1


class Learner:
    def __init__(self, client, steps):
        self._client = client
        self._steps = steps

    def run(self):
        dataset = reverb.TrajectoryDataset.from_table_signature(
            self._client.server_address, "priority_table", max_in_flight_samples_per_worker=16
        ).batch(8, drop_remainder=True)
        iterator = dataset.as_numpy_iterator()
        actors = set()
        step = 0
        while step < self._steps or len(actors) < 2:
            step += 1
            sample = next(iterator)
            assert sample.data["observation"].shape == (8, 3, 4)
            actions = sample.data["action"]
            assert (np.diff(actions, axis=1) == 1).all()
            actors |= set(sample.data["observation"][:, 0, 0].tolist())
            weights = 1.0 / sample.info.probability
            assert np.isfinite(weights).all()
            priorities = np.abs(actions).sum(axis=1)
            self._client.mutate_priorities(
                "priority_table", updates=dict(zip(sample.info.key, priorities))
            )
        info = self._client.server_info(1)["priority_table"]
        counts = info.rate_limiter_info
        assert counts.sample_stats.completed >= self._steps * 8
        print(f"learnt from {len(actors)} actors", flush=True)
        iterator.close()
        lp.stop()


def make_program(steps):
    program = lp.Program("agent")
    with program.group("replay"):
        replay = program.add_node(lp.ReverbNode(tables))
    with program.group("actor"):
        for number in range(2):
            program.add_node(lp.CourierNode(Actor, replay, number))
    with program.group("learner"):
        program.add_node(lp.CourierNode(Learner, replay, steps))
    return program


def main(argv):
    lp.launch(make_program(int(argv[1]) if len(argv) > 1 else 20))
    sys.stdout.write("ended\n")


if __name__ == "__main__":
    app.run(main)
