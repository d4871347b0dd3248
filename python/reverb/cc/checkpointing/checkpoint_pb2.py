"""Upstream's name of what a table is made from, see reverb.server_executable.server_from_proto.
Checkpoints of ours have no such messages.
"""

from __future__ import annotations

from typing import ClassVar

from reverb.cc.schema_pb2 import PrioritizedItem
from reverb.foreign_messages import StructuredValue
from reverb.message_fields import DOUBLE, INT32, INT64, STRING, Field
from reverb.messages import Message
from reverb.reverb_types import KeyDistributionOptions

__all__ = ["PriorityTableCheckpoint", "RateLimiterCheckpoint"]


class RateLimiterCheckpoint(Message):
    """A rate limiter's configuration, and what it had counted."""

    FIELDS: ClassVar[dict[str, Field]] = {
        "samples_per_insert": Field(2, DOUBLE),
        "min_diff": Field(3, DOUBLE),
        "max_diff": Field(4, DOUBLE),
        "min_size_to_sample": Field(5, INT64),
        "sample_count": Field(6, INT64),
        "insert_count": Field(7, INT64),
        "delete_count": Field(8, INT64),
    }


class PriorityTableCheckpoint(Message):
    """A table's configuration, and what it had counted."""

    FIELDS: ClassVar[dict[str, Field]] = {
        "table_name": Field(1, STRING),
        "deprecated_items": Field(2, [PrioritizedItem]),
        "rate_limiter": Field(3, RateLimiterCheckpoint),
        "sampler": Field(4, KeyDistributionOptions),
        "remover": Field(5, KeyDistributionOptions),
        "max_size": Field(6, INT64),
        "max_times_sampled": Field(7, INT32),
        "num_deleted_episodes": Field(8, INT64),
        "signature": Field(9, StructuredValue),
        "num_unique_samples": Field(10, INT64),
    }
