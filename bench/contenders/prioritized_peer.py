"""In-process peers of replay: prioritized sampling of 1M items by batches of 256, and new
priorities for what was sampled. An item is one number; each peer is asked as its users do.
"""

import sys

import numpy as np
import works

SAMPLES = 256
WORK = "replay_in_process"
EXPONENT = 0.6


class Peer(works.Contender):
    """A buffer of `size` items."""

    def __init__(self, name):
        self.name = name
        self.random = np.random.default_rng(1)

    def measure_replay(self, options):
        """Sample and update."""
        self.size = 100_000 if options.quick else 1_000_000
        self.fill()
        times = works.times_of(self.sample_and_update, options.seconds, 10, 3)
        rate = SAMPLES * len(times) / sum(times)
        works.emit(self.name, WORK, "sample + update", rate, "items/s")

    def priorities(self, count=SAMPLES):
        """New ones, from 1 to 100."""
        return 1.0 + self.random.integers(0, 100, count).astype(np.float32)


class Cpprb(Peer):
    """cpprb.PrioritizedReplayBuffer."""

    def fill(self):
        import cpprb

        self.buffer = cpprb.PrioritizedReplayBuffer(
            self.size, {"x": {"dtype": np.uint64}}, alpha=EXPONENT
        )
        values = np.arange(self.size, dtype=np.uint64)
        self.buffer.add(x=values, priorities=self.priorities(self.size))

    def sample_and_update(self):
        batch = self.buffer.sample(SAMPLES)
        self.buffer.update_priorities(batch["indexes"], self.priorities())


class Torchrl(Peer):
    """torchrl.data.TensorDictPrioritizedReplayBuffer."""

    def fill(self):
        import tensordict
        import torch
        from torchrl.data import LazyTensorStorage, TensorDictPrioritizedReplayBuffer

        self.torch = torch
        self.buffer = TensorDictPrioritizedReplayBuffer(
            alpha=EXPONENT,
            beta=1.0,
            storage=LazyTensorStorage(self.size),
            batch_size=SAMPLES,
            priority_key="priority",
        )
        data = {
            "x": torch.arange(self.size),
            "priority": torch.from_numpy(self.priorities(self.size)),
        }
        self.buffer.extend(tensordict.TensorDict(data, [self.size]))

    def sample_and_update(self):
        batch = self.buffer.sample()
        self.buffer.update_priority(batch["index"], self.torch.from_numpy(self.priorities()))


class Flashbax(Peer):
    """flashbax's prioritised trajectory buffer with sequences of one step, compiled by jax."""

    def fill(self):
        import flashbax
        import jax
        import jax.numpy as jnp

        rows = 100  # Added at a time.
        buffer = flashbax.make_prioritised_trajectory_buffer(
            add_batch_size=rows,
            sample_batch_size=SAMPLES,
            sample_sequence_length=1,
            period=1,
            min_length_time_axis=1,
            max_size=self.size,
            priority_exponent=EXPONENT,
            device="cpu",
        )
        self.state = buffer.init({"x": jnp.zeros((), jnp.int32)})
        columns = self.size // rows // 10
        add = jax.jit(buffer.add, donate_argnums=0)
        for _ in range(10):
            self.state = add(self.state, {"x": jnp.zeros((rows, columns), jnp.int32)})

        def step(state, key, priorities):
            batch = buffer.sample(state, key)
            return buffer.set_priorities(state, batch.indices, priorities), batch

        self.step = jax.jit(step, donate_argnums=0)
        self.key, self.split = jax.random.PRNGKey(1), jax.jit(jax.random.split)
        self.wait = jax.block_until_ready

    def sample_and_update(self):
        self.key, key = self.split(self.key)
        self.state, batch = self.step(self.state, key, self.priorities())
        self.wait(batch)


PEERS = {"cpprb": Cpprb, "torchrl": Torchrl, "flashbax": Flashbax}

if __name__ == "__main__":
    name = sys.argv[sys.argv.index("--name") + 1]
    works.main(PEERS[name](name))
