"""Rate limiters: when a table lets insert and sample. Values; a table counts for itself.

With diff = inserts * samples_per_insert - samples, a sample waits until the table has
min_size_to_sample items and diff stays >= min_diff; an insert waits until diff stays <= max_diff,
or fills the table up to min_size_to_sample.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

from absl import logging


class RateLimiter:
    """The general form.

    Args:
      samples_per_insert: the ratio that is kept; > 0.
      min_size_to_sample: items that a table must have before it is sampled; >= 1.
      min_diff, max_diff: the range of diff, see above.
    """

    def __init__(
        self,
        samples_per_insert: float,
        min_size_to_sample: int,
        min_diff: float,
        max_diff: float,
    ) -> None:
        if not samples_per_insert > 0:
            raise ValueError(f"samples_per_insert ({samples_per_insert}) must be > 0")
        _check_size(min_size_to_sample)
        if math.isnan(min_diff) or math.isnan(max_diff) or min_diff > max_diff:
            raise ValueError(f"min_diff ({min_diff}) must be <= max_diff ({max_diff})")
        self._samples_per_insert = float(samples_per_insert)
        self._min_size_to_sample = int(min_size_to_sample)
        self._min_diff = float(min_diff)
        self._max_diff = float(max_diff)

    @property
    def samples_per_insert(self) -> float:
        """How many samples there may be for each insertion."""
        return self._samples_per_insert

    @property
    def min_size_to_sample(self) -> int:
        """How many items there must be before any is sampled."""
        return self._min_size_to_sample

    @property
    def min_diff(self) -> float:
        """The least that `inserts * samples_per_insert - samples` may be."""
        return self._min_diff

    @property
    def max_diff(self) -> float:
        """The most that it may be."""
        return self._max_diff

    def __repr__(self) -> str:
        return (
            f"RateLimiter(samples_per_insert={self._samples_per_insert:g}, "
            f"min_diff_={self._min_diff:g}, max_diff={self._max_diff:g}, "
            f"min_size_to_sample={self._min_size_to_sample})"
        )


class MinSize(RateLimiter):
    """Only waits until there are so many items."""

    def __init__(self, min_size_to_sample: int) -> None:
        super().__init__(1.0, min_size_to_sample, -sys.float_info.max, sys.float_info.max)


class SampleToInsertRatio(RateLimiter):
    """Keeps the number of samples per insert near a ratio, once there are so many items.

    Args:
      samples_per_insert: the ratio.
      min_size_to_sample: items that a table must have before it is sampled.
      error_buffer: how far diff may be from min_size_to_sample * samples_per_insert; or a pair,
        the range of diff itself.

    Raises:
      ValueError: the range is too small (it would block), or lies so that it would block for ever.
    """

    def __init__(
        self,
        samples_per_insert: float,
        min_size_to_sample: int,
        error_buffer: float | tuple[float, float],
    ) -> None:
        if samples_per_insert <= 0:
            raise ValueError(f"samples_per_insert ({samples_per_insert}) must be > 0")
        expected = samples_per_insert * min_size_to_sample
        if isinstance(error_buffer, Sequence):
            min_diff, max_diff = error_buffer
        else:
            min_diff, max_diff = expected - error_buffer, expected + error_buffer
        if max_diff - min_diff < 2 * max(1.0, samples_per_insert):
            raise ValueError(
                "The size of error_buffer must be >= max(1.0, samples_per_insert) as "
                "smaller values could completely block samples and/or insert calls."
            )
        if max_diff < expected:
            logging.warning(
                "The range covered by error_buffer is below "
                "samples_per_insert * min_size_to_sample. If the sampler cannot "
                "sample concurrently, this will result in a deadlock as soon as "
                "min_size_to_sample items have been inserted."
            )
        if min_diff > expected:
            raise ValueError(
                "The range covered by error_buffer is above "
                "samples_per_insert * min_size_to_sample. This will result in a "
                "deadlock as soon as min_size_to_sample items have been inserted."
            )
        super().__init__(samples_per_insert, min_size_to_sample, min_diff, max_diff)


class Queue(RateLimiter):
    """What Table.queue uses: each item is sampled once, and inserts wait while it is full."""

    def __init__(self, size: int) -> None:
        super().__init__(1.0, 1, 0.0, size)


class Stack(RateLimiter):
    """What Table.stack uses: as Queue."""

    def __init__(self, size: int) -> None:
        super().__init__(1.0, 1, 0.0, size)


def _check_size(min_size_to_sample: int) -> None:
    if min_size_to_sample < 1:
        raise ValueError(f"min_size_to_sample ({min_size_to_sample}) must be a positive integer")
