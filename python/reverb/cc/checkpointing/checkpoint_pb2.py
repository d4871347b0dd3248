"""Upstream's name of what a table is made from, see reverb.server_executable.server_from_proto.
Checkpoints of ours have no such messages.
"""

from __future__ import annotations

from typing import ClassVar

from reverb.messages import Field, Message
from reverb.reverb_types import KeyDistributionOptions

__all__ = ["PriorityTableCheckpoint", "RateLimiterCheckpoint"]


class RateLimiterCheckpoint(Message):
    """A rate limiter's configuration."""

    FIELDS: ClassVar[dict[str, Field]] = {
        "samples_per_insert": Field(1, float),
        "min_diff": Field(2, float),
        "max_diff": Field(3, float),
        "min_size_to_sample": Field(4, int),
    }


class PriorityTableCheckpoint(Message):
    """A table's configuration."""

    FIELDS: ClassVar[dict[str, Field]] = {
        "table_name": Field(1, str),
        "max_size": Field(2, int),
        "max_times_sampled": Field(3, int),
        "rate_limiter": Field(4, RateLimiterCheckpoint),
        "sampler": Field(5, KeyDistributionOptions),
        "remover": Field(6, KeyDistributionOptions),
    }
