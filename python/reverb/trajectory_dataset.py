"""TrajectoryDataset: whole items of a table. See replay_dataset.ReplayDataset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tree

from reverb import replay_dataset
from reverb.dataset import Dataset, Scope
from reverb.specs import TensorSpec


class TrajectoryDataset(replay_dataset.ReplayDataset):
    __doc__ = replay_dataset.ReplayDataset.__doc__

    def batch(self, batch_size: int, drop_remainder: bool = False, **_tuning: Any) -> Dataset:
        """Stacks so many samples along a new first dimension. The last batch may be smaller, unless
        drop_remainder. The server's answers are the batches, so it is much faster than one by one.
        """
        size = int(batch_size)
        if size < 1:
            raise ValueError(f"batch_size ({batch_size}) must be a positive integer")

        def make(scope: Scope) -> Iterator[Any]:
            sampler = self._open(scope, size, size)
            yield from replay_dataset.batches(
                lambda: sampler.next_batch(None), size, drop_remainder
            )

        lead = size if drop_remainder else None
        spec = tree.map_structure(
            lambda s: TensorSpec((lead, *s.shape), s.dtype, s.name), self.element_spec
        )
        return Dataset(make, lambda: spec)
