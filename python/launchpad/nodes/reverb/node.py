"""ReverbNode: a server of replay tables. ReverbHandle: becomes a reverb.Client. The package reverb
is imported only where one of them runs.
"""

from __future__ import annotations

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
    """A handle of a ReverbNode."""

    def dereference(self) -> Any:
        """A new reverb.Client of the node."""
        import reverb

        return reverb.Client(self._address.resolve())

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

    Raises:
      ValueError: a time that is not positive.
    """

    def __init__(
        self,
        priority_tables_fn: Callable[[], Sequence[reverb.Table]],
        checkpoint_ctor: Callable[[], CheckpointerBase] | None = None,
        checkpoint_time_delta_minutes: float | None = None,
    ) -> None:
        if checkpoint_time_delta_minutes is not None and checkpoint_time_delta_minutes <= 0:
            raise ValueError("Replay checkpoint time delta must be positive when specified.")
        super().__init__(priority_tables_fn)
        self._checkpoint_ctor = checkpoint_ctor
        self._checkpoint_time_delta_minutes = checkpoint_time_delta_minutes

    @property
    def kind(self) -> str:
        return type(self).__name__

    @property
    def reverb_address(self) -> Address:
        """Where it serves."""
        return self._address

    def create_handle(self) -> ReverbHandle:
        handle = ReverbHandle(self._address)
        self._track_handle(handle)
        return handle

    def run(self) -> None:
        from reverb import server as server_lib

        tables = self._constructor()
        checkpointer = self._checkpoint_ctor() if self._checkpoint_ctor is not None else None
        delta = self._checkpoint_time_delta_minutes
        if checkpointer is None and delta is not None:
            checkpointer = server_lib.checkpointers.default_checkpointer()
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
        try:
            while not wait(None if delta is None else delta * 60):
                try:
                    server.checkpoint()
                except RuntimeError as error:
                    logging.error("the replay node goes on without this checkpoint: %s", error)
        finally:
            server.stop()
