"""The checkpointers, where dm-reverb has them."""

from __future__ import annotations

from reverb.platform.checkpointers_lib import (
    CheckpointerBase,
    DefaultCheckpointer,
    TempDirCheckpointer,
)

__all__ = [
    "CheckpointerBase",
    "DefaultCheckpointer",
    "TempDirCheckpointer",
    "default_checkpointer",
]


def default_checkpointer(group: str | None = None) -> CheckpointerBase:
    """What a server uses that is told of none."""
    del group
    return TempDirCheckpointer()
