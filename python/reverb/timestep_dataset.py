"""TimestepDataset: the steps of a table's items, one by one. See replay_dataset.ReplayDataset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tree

from reverb import replay_dataset
from reverb.dataset import Scope
from reverb.replay_sample import ReplaySample


class TimestepDataset(replay_dataset.ReplayDataset):
    """Gives all steps of a sampled item, in order, then those of the next one. Dtypes and shapes
    are those of a step; arguments are ReplayDataset's.
    """

    _timesteps = True

    def _samples(self, scope: Scope) -> Iterator[Any]:
        for item in super()._samples(scope):
            columns = tree.flatten(item.data)
            if any(column.ndim == 0 for column in columns) or len(set(map(len, columns))) > 1:
                raise ValueError("Sampled trajectory cannot be decomposed into timesteps.")
            for step in range(len(columns[0])):
                data = tree.unflatten_as(item.data, [column[step] for column in columns])
                yield ReplaySample(item.info, data)
