"""ReverbNode: a server of replay tables. ReverbHandle: becomes a reverb.Client. The package reverb
is imported only where one of them runs.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from absl import logging

from launchpad import _core
from launchpad.address import Address, NodeAddressBuilder
from launchpad.nodes.courier import node as courier

if TYPE_CHECKING:
    import reverb
    from reverb.platform.checkpointers_lib import CheckpointerBase


class ReverbHandle(courier.CourierHandle):
    """A handle of a ReverbNode, with all its shards."""

    def __init__(self, address: Address, *others: Address) -> None:
        super().__init__(address)
        self._others = others

    def dereference(self) -> Any:
        """A new reverb.Client of the node."""
        import reverb

        return reverb.Client(",".join(a.resolve() for a in (self._address, *self._others)))

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_others": self._others}

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"'ReverbHandle' object has no attribute '{name}'. Most likely you need to "
            "dereference handle before use (see launchpad.maybe_dereference)."
        )


class ReverbNode(courier.CourierNode):
    """Serves replay tables until the program stops.

    Args:
      priority_tables_fn: makes the tables, in the node.
      checkpoint_ctor: makes the checkpointer, in the node; its newest checkpoint is loaded first.
        None: one with a temporary folder, if checkpoints are written at all.
      checkpoint_time_delta_minutes: how often a checkpoint is written; None: never.
      num_shards: nodes over which the tables are spread, behind one handle, whose client puts each
        item into one of them and samples from all in proportion to their weights. Each has the
        tables that priority_tables_fn makes (`max_size` and the rate limiter are each one's own),
        and keeps its checkpoints in the folder "shard-N" of the checkpointer's.
      plots_folder: where the node keeps plots of its tables over time, "replay.svg" and
        "replay.txt"; each shard in a folder "shard-N" there. None: it keeps none.

    Raises:
      ValueError: a time that is not positive, fewer than one shard.
    """

    def __init__(
        self,
        priority_tables_fn: Callable[[], Sequence[reverb.Table]],
        checkpoint_ctor: Callable[[], CheckpointerBase] | None = None,
        checkpoint_time_delta_minutes: float | None = None,
        *,
        num_shards: int = 1,
        plots_folder: str | None = None,
    ) -> None:
        if num_shards < 1:
            raise ValueError(f"num_shards ({num_shards}) must be a positive integer")
        if checkpoint_time_delta_minutes is not None and checkpoint_time_delta_minutes <= 0:
            raise ValueError("Replay checkpoint time delta must be positive when specified.")
        super().__init__(priority_tables_fn)
        self._checkpoint_ctor = checkpoint_ctor
        self._checkpoint_time_delta_minutes = checkpoint_time_delta_minutes
        self._shard: int | None = None if num_shards == 1 else 0
        self._plots_folder = plots_folder
        self._shards = tuple(
            type(self)(
                priority_tables_fn,
                checkpoint_ctor,
                checkpoint_time_delta_minutes,
                plots_folder=plots_folder,
            )
            for _ in range(num_shards - 1)
        )
        for number, shard in enumerate(self._shards, 1):
            shard._shard = number

    @property
    def companions(self) -> tuple[ReverbNode, ...]:
        """The shards after the first."""
        return self._shards

    @property
    def kind(self) -> str:
        return type(self).__name__

    @property
    def reverb_address(self) -> Address:
        """Where it serves."""
        return self._address

    def create_handle(self) -> ReverbHandle:
        handle = ReverbHandle(self._address, *(shard._address for shard in self._shards))
        self._track_handle(handle)
        return handle

    def run(self) -> None:
        from reverb import server as server_lib

        tables = self._constructor()
        checkpointer = self._checkpoint_ctor() if self._checkpoint_ctor is not None else None
        delta = self._checkpoint_time_delta_minutes
        if checkpointer is None and delta is not None:
            checkpointer = server_lib.checkpointers.default_checkpointer()
        if checkpointer is not None and self._shard is not None:
            checkpointer = server_lib.ShardCheckpointer(checkpointer, self._shard)
        context = _core.context()
        builder = self._address.builder
        number, address = None, None
        if context is None or not isinstance(builder, NodeAddressBuilder):
            address = self._address.resolve()  # In a container, or run by hand.
        elif builder.number != context.task:
            number = builder.number
        server = server_lib.NodeServer(tables, checkpointer, number, address)
        # Run by hand, without a program, it serves for ever.
        wait = threading.Event().wait if context is None else context.wait_for_stop
        recorder = None
        if self._plots_folder is not None:
            shard = "" if self._shard is None else f"shard-{self._shard}"
            recorder = server_lib.record(tables, os.path.join(self._plots_folder, shard))
        try:
            while not wait(None if delta is None else delta * 60):
                try:
                    server.checkpoint()
                except RuntimeError as error:
                    logging.error("the replay node goes on without this checkpoint: %s", error)
        finally:
            if recorder is not None:
                recorder.close()
            server.stop()
