"""Names of dm-reverb's extension that programs and tests use: here they are Python's or the
extension launchpad._core's.
"""

from __future__ import annotations

from launchpad._core import ReplayCells as WeakCellRef
from launchpad._core import ReplayWriter as TrajectoryWriter
from reverb.item_selectors import (
    FifoSelector,
    HeapSelector,
    LifoSelector,
    PrioritizedSelector,
    UniformSelector,
)
from reverb.rate_limiters import RateLimiter
from reverb.reverb_types import KeyDistributionOptions, SelectorType, selector_of

__all__ = [
    "FifoSelector",
    "HeapSelector",
    "LifoSelector",
    "PrioritizedSelector",
    "RateLimiter",
    "TrajectoryWriter",
    "UniformSelector",
    "WeakCellRef",
    "selector_from_proto",
]


def selector_from_proto(options: KeyDistributionOptions) -> SelectorType:
    """The selector of a message."""
    return selector_of(options)
