"""Upstream's name of what the command `reverb_server` is told."""

from __future__ import annotations

from typing import ClassVar

from reverb.cc.checkpointing.checkpoint_pb2 import PriorityTableCheckpoint
from reverb.message_fields import INT32, Field
from reverb.messages import Message

__all__ = ["ReverbServerConfig"]


class ReverbServerConfig(Message):
    """The port and the tables of a server; port 0: a free one."""

    FIELDS: ClassVar[dict[str, Field]] = {
        "tables": Field(1, [PriorityTableCheckpoint]),
        "port": Field(2, INT32),
    }
