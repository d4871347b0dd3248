"""Writer: whole steps, and items of the last few. Made by Client.writer; one thread uses it.

TrajectoryWriter can do more; programs of dm-reverb's early days use this one.
"""

from __future__ import annotations

import collections
import contextlib
import itertools
import math
from typing import TYPE_CHECKING, Any

import tree
from absl import logging

from launchpad import _core
from reverb import arrays, trajectory_writer
from reverb import signature as signature_lib

if TYPE_CHECKING:
    import reverb.client  # The whole path tells the reference which Client it is.

# flush() waits for so long for items that a rate limiter holds back; a program that samples them
# itself afterwards must get the chance.
_FLUSH_SECS = 1.0


class Writer:
    """Writes steps and items. Use it in a `with` block, or close() it."""

    def __init__(
        self,
        writer: _core.ReplayWriter,
        client: reverb.client.Client,
        max_sequence_length: int,
        max_in_flight_items: int | None,
    ) -> None:
        """Made by Client.writer."""
        self._writer = writer
        self._client = client
        self._max_sequence_length = max_sequence_length
        self._max_in_flight_items = max_in_flight_items
        # The last steps, for the check of items, each with the tables that it fits.
        self._steps: collections.deque[tuple[list[Any], set[str]]] = collections.deque(
            maxlen=max_sequence_length
        )
        self._closed = False

    def __enter__(self) -> Writer:
        if self._closed:
            raise ValueError("Cannot reuse already closed Writer")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        if self._closed:
            return
        if kind is None or issubclass(kind, Exception):
            self.close()
        else:  # Ctrl-C does not wait.
            self._closed = True
            trajectory_writer.close(self._writer)

    def __del__(self) -> None:
        if not self.__dict__.get("_closed", True):
            logging.warning("Writer-object deleted without calling .close explicitly.")
            # A server that was stopped has nobody to tell here; what is lost is warned of.
            with contextlib.suppress(RuntimeError):
                self.close(retry_on_unavailable=False)

    def __repr__(self) -> str:
        return (
            f"Writer(max_timesteps={self._max_sequence_length}, "
            f"max_in_flight_items={self._max_in_flight_items}), closed: {self._closed}"
        )

    def append(self, data: Any) -> None:
        """Appends a step: a nest of numbers and arrays, as many each time.

        Raises:
          ValueError: another number of values, another dtype or shape.
          TypeError: a value that no column can hold, such as None.
        """
        self._append(tree.flatten(data))

    def append_sequence(self, sequence: Any) -> None:
        """Appends several steps: a nest of arrays with a leading time dimension, [T, ...]."""
        columns = [arrays.as_array(column) for column in tree.flatten(sequence)]
        if not columns:
            raise ValueError("AppendSequence called with empty data.")
        for index, column in enumerate(columns):
            if column.ndim == 0:
                raise ValueError(f"AppendSequence called with scalar tensor at index {index}.")
        if len({len(column) for column in columns}) != 1:
            described = signature_lib.describe([("", c.dtype, c.shape) for c in columns])
            raise ValueError(
                f"AppendSequence called with tensors of non equal batch dimension: {described}."
            )
        for step in zip(*columns):
            self._append(list(step))

    def _append(self, leaves: list[Any]) -> None:
        if self._closed:
            raise RuntimeError("Calling method Append after Close has been called")
        before = len(self._steps[-1][0]) if self._steps else len(leaves)
        if len(leaves) != before:
            raise ValueError(
                "Number of tensors per timestep was inconsistent. Previously it was "
                f"{before}, but is now {len(leaves)}."
            )
        if any(leaf is None for leaf in leaves):
            raise TypeError(f"a step must have all values: got NoneType in {leaves}")
        self._writer.append_leaves(leaves, list(range(len(leaves))), False)
        self._steps.append((leaves, set()))

    def create_item(
        self,
        table: str,
        num_timesteps: int,
        priority: float,
        *,
        timeout_ms: float | None = None,
    ) -> None:
        """Makes an item of the last steps, and sends it in the background.

        Args:
          table: where it goes.
          num_timesteps: how many of the last steps it has.
          priority: its priority there.
          timeout_ms: how long to wait at most while too many items are on their way, and for the
            table's signature the first time.

        Raises:
          DeadlineExceededError: too many were on their way for so long; the item is one of them.
          ValueError: fewer than one step, more than there are, no such table, steps that do not fit
            its signature, or a priority that it cannot have.
        """
        if num_timesteps < 1:
            raise ValueError(f"num_timesteps ({num_timesteps}) must be a positive integer")
        if self._closed:
            raise RuntimeError("Calling method CreateItem after Close has been called")
        if num_timesteps > self._max_sequence_length:
            raise ValueError("`num_timesteps` must be <= `max_timesteps`")
        if num_timesteps > len(self._steps):
            raise ValueError(
                "Argument `num_timesteps` is larger than number of buffered timesteps."
            )
        limit = trajectory_writer.seconds(timeout_ms)
        for offset, (leaves, fits) in enumerate(
            itertools.islice(reversed(self._steps), num_timesteps)
        ):
            if table not in fits:
                self._client._check_step(table, leaves, limit, offset)
                fits.add(table)
        priority = float(priority)
        if not math.isnan(priority):  # Which the extension refuses in its own words.
            self._client._check_priority(table, priority, limit)
        offsets = list(range(-num_timesteps, 0))
        columns = [(column, offsets, False) for column in range(len(self._steps[-1][0]))]
        self._writer.create_pattern_item(table, priority, _core.ReplayPattern(columns))
        most = self._max_in_flight_items
        if most is not None and self._writer.pending_items > most:
            trajectory_writer.flush(self._writer, most, timeout_ms)

    def flush(self) -> None:
        """Sends all items, and waits until they are there; not for those that a rate limiter holds
        back for longer than a second.
        """
        self._writer.flush(0, _FLUSH_SECS)

    def close(self, retry_on_unavailable: bool = True, *, timeout_ms: float | None = None) -> None:
        """Waits until all items are there, and ends the writer.

        Args:
          retry_on_unavailable: wait also for a server that is not there; else for a second.
          timeout_ms: how long to wait at most; what is not there then is dropped, with a warning.

        Raises:
          ValueError: it was closed before.
        """
        if self._closed:
            raise ValueError("close() has already been called on Writer.")
        self._closed = True
        limit = trajectory_writer.seconds(timeout_ms)
        if not retry_on_unavailable:
            limit = _FLUSH_SECS if limit is None else min(limit, _FLUSH_SECS)
        try:
            self._writer.flush(0, limit)
        finally:
            trajectory_writer.close(self._writer)
