"""ReplaySample and SampleInfo: what sampling gives. Values."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from reverb.specs import TensorShape


class SampleInfo(NamedTuple):
    """What is known about a sampled item: Python numbers from Client.sample, numpy scalars (or
    arrays, in a batch) from datasets.

    Fields:
      key: the item's, for Client.mutate_priorities; uint64.
      probability: of selecting it, when it was sampled; float64.
      table_size: items in the table then; int64.
      priority: the item's then; float64.
      times_sampled: how often it was sampled, this time included; int32.
    """

    key: Any
    probability: Any
    table_size: Any
    priority: Any
    times_sampled: Any

    @classmethod
    def tf_dtypes(cls) -> SampleInfo:
        """The fields' dtypes, as numpy's."""
        return cls(
            np.dtype(np.uint64),
            np.dtype(np.float64),
            np.dtype(np.int64),
            np.dtype(np.float64),
            np.dtype(np.int32),
        )

    @classmethod
    def tf_shapes(cls) -> SampleInfo:
        """The fields' shapes: scalars."""
        return cls(*(TensorShape(()) for _ in cls._fields))

    @classmethod
    def zeros(cls) -> SampleInfo:
        """For samples that come from no table."""
        return cls(0, 0.0, 0, 0.0, 0)


class ReplaySample(NamedTuple):
    """A sampled item.

    Fields:
      info: its SampleInfo.
      data: nested as the table's signature or the dataset's dtypes; else a list of columns.
    """

    info: SampleInfo
    data: Any
