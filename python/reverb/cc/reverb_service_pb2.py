"""Upstream's name of what clients of its gRPC service ask and are answered. There is no such
service here: these are for programs that make, keep or read the messages.
"""

from __future__ import annotations

from typing import ClassVar

from reverb.cc.schema_pb2 import (
    ChunkData,
    KeyWithPriority,
    PrioritizedItem,
    SampleInfo,
    TableInfo,
    Timeout,
    Uint128,
)
from reverb.message_fields import BOOL, INT64, STRING, UINT64, Field
from reverb.messages import Message

__all__ = [
    "CheckpointRequest",
    "CheckpointResponse",
    "InitializeConnectionRequest",
    "InitializeConnectionResponse",
    "InsertStreamRequest",
    "InsertStreamResponse",
    "MutatePrioritiesRequest",
    "MutatePrioritiesResponse",
    "ResetRequest",
    "ResetResponse",
    "SampleStreamRequest",
    "SampleStreamResponse",
    "ServerInfoRequest",
    "ServerInfoResponse",
]


class InitializeConnectionRequest(Message):
    """Asks for a table of the same process."""

    FIELDS: ClassVar[dict[str, Field]] = {
        "pid": Field(1, INT64),
        "table_name": Field(2, STRING),
        "ownership_transferred": Field(3, BOOL),
    }


class InitializeConnectionResponse(Message):
    """Where it is in memory; 0: in another process."""

    FIELDS: ClassVar[dict[str, Field]] = {"address": Field(1, INT64)}


class CheckpointRequest(Message):
    """Asks for a checkpoint."""


class CheckpointResponse(Message):
    """Where the checkpoint was written."""

    FIELDS: ClassVar[dict[str, Field]] = {"checkpoint_path": Field(1, STRING)}


class InsertStreamRequest(Message):
    """Chunks, and items whose chunks the server has then; `keep_chunk_keys`: which of them items
    to come still need.
    """

    FIELDS: ClassVar[dict[str, Field]] = {
        "chunks": Field(1, [ChunkData]),
        "items": Field(2, [PrioritizedItem]),
        "keep_chunk_keys": Field(3, [UINT64]),
    }


class InsertStreamResponse(Message):
    """The keys of items that are in their tables now."""

    FIELDS: ClassVar[dict[str, Field]] = {"keys": Field(1, [UINT64])}


class MutatePrioritiesRequest(Message):
    """Asks to change and to delete items of a table."""

    FIELDS: ClassVar[dict[str, Field]] = {
        "table": Field(1, STRING),
        "updates": Field(2, [KeyWithPriority]),
        "delete_keys": Field(3, [UINT64]),
    }


class MutatePrioritiesResponse(Message):
    """It was done."""


class ServerInfoRequest(Message):
    """Asks for the state of all tables."""


class ServerInfoResponse(Message):
    """The state of each table; `tables_state_id`: another one when there are other tables."""

    FIELDS: ClassVar[dict[str, Field]] = {
        "tables_state_id": Field(1, Uint128),
        "table_info": Field(2, [TableInfo]),
    }


class SampleStreamRequest(Message):
    """Asks for samples of a table."""

    FIELDS: ClassVar[dict[str, Field]] = {
        "table": Field(1, STRING),
        "num_samples": Field(2, INT64),
        "rate_limiter_timeout": Field(3, Timeout),
    }


class SampleStreamResponse(Message):
    """Samples, or parts of one."""

    class SampleEntry(Message):
        """Chunks of a sample, the last if `end_of_sequence`; the first come with its info."""

        FIELDS: ClassVar[dict[str, Field]] = {
            "info": Field(1, SampleInfo),
            "data": Field(2, [ChunkData]),
            "end_of_sequence": Field(3, BOOL),
        }

    FIELDS: ClassVar[dict[str, Field]] = {"entries": Field(1, [SampleEntry])}


class ResetRequest(Message):
    """Asks to empty a table."""

    FIELDS: ClassVar[dict[str, Field]] = {"table": Field(1, STRING)}


class ResetResponse(Message):
    """It was done."""
