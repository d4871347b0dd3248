"""Checkpointers: where a server's checkpoints go. Values, but for TempDirCheckpointer's folder."""

from __future__ import annotations

import abc
import atexit
import functools
import os
import secrets
import shutil
import tempfile


class CheckpointerBase(metaclass=abc.ABCMeta):
    """Base class."""

    @abc.abstractmethod
    def internal_checkpointer(self) -> tuple[str, str, int]:
        """The folder, the fallback's folder ("": none), and how many checkpoints stay."""


class DefaultCheckpointer(CheckpointerBase):
    """Checkpoints in a folder, of which only files of its own are ever touched.

    Args:
      path: the folder; made, if it is not there.
      group: must be empty: it is for DeepMind's file systems.
      fallback_checkpoint_path: a folder of another server, whose newest checkpoint is loaded if
        `path` has none; or the checkpoint itself.
      keep: complete checkpoints that stay; if the newest is found damaged, the one before it is
        loaded.
    """

    def __init__(
        self,
        path: str,
        group: str = "",
        fallback_checkpoint_path: str | None = None,
        *,
        keep: int = 2,
    ) -> None:
        if keep < 1:
            raise ValueError(f"keep ({keep}) must be a positive integer")
        self.path = str(path)
        self.group = group
        self.fallback_checkpoint_path = fallback_checkpoint_path
        self.keep = keep

    def internal_checkpointer(self) -> tuple[str, str, int]:
        if self.group:
            raise ValueError("Setting non-empty group is not supported.")
        fallback = str(self.fallback_checkpoint_path or "")
        if os.path.isfile(fallback):  # What checkpoint() returned; it needs the files beside it.
            fallback = os.path.dirname(fallback)
        return self.path, fallback, self.keep

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.path!r})"


class TempDirCheckpointer(DefaultCheckpointer):
    """Checkpoints in a temporary folder, made by the first of them; it goes with the process."""

    def __init__(self) -> None:
        name = f"reverb-{os.getpid()}-{secrets.token_hex(8)}"
        path = os.path.join(tempfile.gettempdir(), name)
        atexit.register(functools.partial(shutil.rmtree, path, ignore_errors=True))
        super().__init__(path)
