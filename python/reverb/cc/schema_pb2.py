"""Upstream's name of what its tables are made of and tell of themselves. A TableInfo here is the
message; what Table.info gives is reverb.reverb_types'.
"""

from __future__ import annotations

from typing import ClassVar

from reverb.foreign_messages import StructuredValue, TensorProto, Timestamp
from reverb.message_fields import BOOL, DOUBLE, INT32, INT64, STRING, UINT64, Field
from reverb.messages import Message
from reverb.reverb_types import (
    KeyDistributionOptions,
    RateLimiterCallStats,
    RateLimiterInfo,
    TableWorkerTime,
)

__all__ = [
    "ChunkData",
    "FlatTrajectory",
    "KeyDistributionOptions",
    "KeyWithPriority",
    "PrioritizedItem",
    "RateLimiterCallStats",
    "RateLimiterInfo",
    "SampleInfo",
    "SequenceRange",
    "SliceRange",
    "TableInfo",
    "TableWorkerTime",
    "Timeout",
    "Uint128",
]


class SliceRange(Message):
    """Steps, counted from the first of a chunk."""

    FIELDS: ClassVar[dict[str, Field]] = {"offset": Field(1, INT32), "length": Field(2, INT32)}


class SequenceRange(Message):
    """Steps of an episode, both ends included."""

    FIELDS: ClassVar[dict[str, Field]] = {
        "episode_id": Field(1, UINT64),
        "start": Field(2, INT32),
        "end": Field(3, INT32),
        "sparse": Field(4, BOOL),
    }


class ChunkData(Message):
    """Steps that lie together, and travel so."""

    class Data(Message):
        """An array for each column."""

        FIELDS: ClassVar[dict[str, Field]] = {"tensors": Field(1, [TensorProto])}

    FIELDS: ClassVar[dict[str, Field]] = {
        "chunk_key": Field(1, UINT64),
        "sequence_range": Field(2, SequenceRange),
        "deprecated_data": Field(3, [TensorProto]),
        "delta_encoded": Field(4, BOOL),
        "data": Field(5, Data),
        "data_tensors_len": Field(6, INT32),
        "data_uncompressed_size": Field(7, INT64),
    }


class FlatTrajectory(Message):
    """Where the columns of an item lie."""

    class ChunkSlice(Message):
        """Steps of a column of a chunk."""

        FIELDS: ClassVar[dict[str, Field]] = {
            "chunk_key": Field(1, UINT64),
            "offset": Field(2, INT32),
            "length": Field(3, INT32),
            "index": Field(4, INT32),
        }

    class Column(Message):
        """A column's parts, one after the other; `squeeze`: a single step without its dimension."""

        FIELDS: ClassVar[dict[str, Field]] = {"squeeze": Field(2, BOOL)}

    # A class in a class does not see those beside it.
    Column.FIELDS["chunk_slices"] = Field(1, [ChunkSlice])
    FIELDS: ClassVar[dict[str, Field]] = {"columns": Field(1, [Column])}


class PrioritizedItem(Message):
    """An item of a table."""

    FIELDS: ClassVar[dict[str, Field]] = {
        "key": Field(1, UINT64),
        "table": Field(2, STRING),
        "deprecated_chunk_keys": Field(3, [UINT64]),
        "deprecated_sequence_range": Field(4, SliceRange),
        "priority": Field(5, DOUBLE),
        "times_sampled": Field(6, INT32),
        "inserted_at": Field(7, Timestamp),
        "flat_trajectory": Field(8, FlatTrajectory),
    }


class KeyWithPriority(Message):
    """An item's key and its new priority."""

    FIELDS: ClassVar[dict[str, Field]] = {"key": Field(1, UINT64), "priority": Field(2, DOUBLE)}


class SampleInfo(Message):
    """An item that was sampled, and how probable that was."""

    FIELDS: ClassVar[dict[str, Field]] = {
        "item": Field(1, PrioritizedItem),
        "probability": Field(2, DOUBLE),
        "table_size": Field(3, INT64),
        "rate_limited": Field(4, BOOL),
    }


class TableInfo(Message):
    """The state of a table."""

    FIELDS: ClassVar[dict[str, Field]] = {
        "sampler_options": Field(1, KeyDistributionOptions),
        "remover_options": Field(2, KeyDistributionOptions),
        "max_size": Field(3, INT64),
        "max_times_sampled": Field(4, INT32),
        "rate_limiter_info": Field(5, RateLimiterInfo),
        "signature": Field(6, StructuredValue),
        "current_size": Field(7, INT64),
        "name": Field(8, STRING),
        "num_episodes": Field(9, INT64),
        "num_deleted_episodes": Field(10, INT64),
        "num_unique_samples": Field(11, INT64),
        "table_worker_time": Field(12, TableWorkerTime),
    }


class Uint128(Message):
    """A number of 128 bits."""

    FIELDS: ClassVar[dict[str, Field]] = {"high": Field(1, UINT64), "low": Field(2, UINT64)}


class Timeout(Message):
    """How long to wait."""

    FIELDS: ClassVar[dict[str, Field]] = {"milliseconds": Field(1, INT64)}
