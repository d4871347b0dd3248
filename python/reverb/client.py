"""Client: calls of a replay server. Any thread; a copy goes to other processes by its address."""

from __future__ import annotations

import operator
import os
from collections.abc import Generator, Mapping, Sequence
from typing import Any

import numpy as np
import tree

from launchpad import _core
from reverb import (
    errors,
    local_servers,
    pattern_rules,
    plots,
    replay_sample,
    reverb_types,
    table_info,
)
from reverb import (
    signature as signature_lib,
)
from reverb import (
    structured_writer as structured_writer_lib,
)
from reverb import (
    trajectory_writer as trajectory_writer_lib,
)
from reverb.writer import Writer

__all__ = ["Client", "Writer"]

# A look at the tables that takes longer is left out of the plots.
_LOOK_SECS = 5.0
# Clients of a parent process: their threads are not there after a fork, so they are left alone.
_left_behind: list[Any] = []


class Client:
    """Inserts, samples, and makes writers.

    Args:
      server_address: "localhost:1234", or whatever an address of a node is. It connects at the
        first call, and again after a break; a call waits for a server that is not there yet.

    Calls that can wait take a `timeout` in seconds, and raise DeadlineExceededError after it.
    """

    def __init__(self, server_address: str) -> None:
        self._server_address = server_address
        self._native: Any = None
        self._pid = 0
        self._signatures: dict[str, Any] | None = None
        self._checks: dict[str, signature_lib.StepCheck | None] = {}
        # As the extension has them: of the sampler, and of the remover.
        self._selectors: dict[str, tuple[Any, Any]] = {}

    @property
    def _client(self) -> _core.ReplayClient:
        if self._pid != os.getpid():
            if self._native is not None:
                _left_behind.append(self._native)
            nearer = local_servers.nearer(self._server_address)
            self._native = _core.ReplayClient(self._server_address, nearer)
            self._pid = os.getpid()
        return self._native

    def __reduce__(self) -> Any:
        return self.__class__, (self._server_address,)

    def __repr__(self) -> str:
        return f"Client, server_address={self._server_address}"

    @property
    def server_address(self) -> str:
        """As it was given."""
        return self._server_address

    def insert(
        self, data: Any, priorities: Mapping[str, float], *, timeout: float | None = None
    ) -> None:
        """Puts data into one table or several, as one step; returns when it is there.

        Args:
          data: a nest of numbers and arrays.
          priorities: the priority in each table, by the tables' names.

        Raises:
          ValueError: no table, one that is not there, data that do not fit a table's signature, or
            a priority that cannot be; then no table has got any.
          TypeError: a value that no column can hold, such as None.
        """
        if not priorities:
            raise ValueError("priorities must contain at least one item")
        leaves = tree.flatten(data)
        items = [(table, float(priority)) for table, priority in priorities.items()]
        for table in priorities:
            if self._checks.get(table, self) is not None:  # It may have a signature.
                self._check_step(table, leaves, timeout)
        self._client.insert(leaves, items, timeout)

    def writer(
        self,
        max_sequence_length: int,
        delta_encoded: bool = False,
        chunk_length: int | None = None,
        max_in_flight_items: int | None = 25,
        *,
        timeout: float | None = None,
    ) -> Writer:
        """A writer of whole steps; trajectory_writer can do more.

        Args:
          max_sequence_length: steps that an item may have.
          delta_encoded: store integer arrays as differences, which compresses frames of a video.
          chunk_length: steps that are stored together; None: min(10, max_sequence_length).
          max_in_flight_items: items that may be on their way before create_item waits; None: any.

        Raises:
          ValueError: a number that cannot be.
        """
        if max_sequence_length < 1:
            raise ValueError(
                f"max_sequence_length ({max_sequence_length}) must be a positive integer"
            )
        if chunk_length is None:
            chunk_length = min(10, max_sequence_length)
        if not 1 <= chunk_length <= max_sequence_length:
            raise ValueError(
                f"chunk_length ({chunk_length}) must be a positive integer le to "
                f"max_sequence_length ({max_sequence_length})"
            )
        if max_in_flight_items is not None and max_in_flight_items < 1:
            raise ValueError(
                f"max_in_flight_items ({max_in_flight_items}) must be a positive integer"
            )
        native = _core.ReplayWriter(
            self._client, max_sequence_length, False, chunk_length, delta_encoded, timeout
        )
        return Writer(native, self, max_sequence_length, max_in_flight_items)

    def sample(
        self,
        table: str,
        num_samples: int = 1,
        *,
        emit_timesteps: bool = True,
        unpack_as_table_signature: bool = False,
        timeout: float | None = None,
    ) -> Generator[Any, None, None]:
        """Samples items, one after the other. Datasets are faster.

        Args:
          table: its name.
          num_samples: how many.
          emit_timesteps: give each item as a list of ReplaySamples, one for each step; else as one
            ReplaySample of whole columns.
          unpack_as_table_signature: nest the data as the table's signature says, if it has one;
            else they are a list.
          timeout: for each item, in seconds.

        Raises:
          RuntimeError: no such table.
          ValueError: the columns are not of one length, so there are no steps to give.
        """
        unpack = self._unpacker(table, timeout) if unpack_as_table_signature else list
        if num_samples == 0:
            raise ValueError("`num_samples` must be > 0 (got 0).")
        for _ in range(num_samples):
            numbers, columns, squeezed = self._client.sample(table, timeout)
            info = replay_sample.SampleInfo(*numbers)
            if not emit_timesteps:
                yield replay_sample.ReplaySample(info, unpack(columns))
                continue
            if any(squeezed) or len({len(column) for column in columns}) != 1:
                raise ValueError("Can't split non timestep trajectory into timesteps.")
            yield [
                replay_sample.ReplaySample(
                    info, unpack([np.asarray(column[i], column.dtype) for column in columns])
                )
                for i in range(len(columns[0]))
            ]

    def mutate_priorities(
        self,
        table: str,
        updates: Mapping[int, float] | None = None,
        deletes: Sequence[int] | None = None,
        *,
        timeout: float | None = None,
    ) -> None:
        """Deletes items, then changes priorities, in one step. Keys that are not there are skipped.

        Args:
          table: its name.
          updates: the new priority of each key.
          deletes: keys.

        Raises:
          RuntimeError: no such table.
          TypeError: a key that is no whole number.
          ValueError: a priority that cannot be; then nothing was changed.
        """
        changes = updates if type(updates) is dict else dict(updates or {})
        keys = [] if deletes is None else [operator.index(key) for key in deletes]
        self._client.mutate_priorities(table, changes, keys, timeout)

    def reset(self, table: str, *, timeout: float | None = None) -> None:
        """Drops a table's items and its rate limiter's counts."""
        self._client.reset(table, timeout)

    def server_info(self, timeout: float | None = None) -> dict[str, reverb_types.TableInfo]:
        """The tables' state, by their names.

        Args:
          timeout: in seconds; None or 0: none.

        Raises:
          DeadlineExceededError: no answer within that time.
        """
        try:
            tables = self._client.info(timeout or None)
        except errors.DeadlineExceededError:
            raise errors.DeadlineExceededError(
                f"ServerInfo call did not complete within provided timeout of {timeout}s"
            ) from None
        infos = {table["name"]: table_info.from_native(table) for table in tables}
        self._selectors = {table["name"]: (table["sampler"], table["remover"]) for table in tables}
        self._signatures = {name: info.signature for name, info in infos.items()}
        self._checks = {}
        return infos

    def record(
        self, every: float = 1.0, folder: str | None = None, save_every: float = 10.0
    ) -> plots.Recorder:
        """Begins to look at the tables every so many seconds: for plots of items, rates, and what
        the rate limiters hold back, as text and SVG. See reverb.plots.Recorder.
        """
        return plots.Recorder(lambda: self._client.info(_LOOK_SECS), every, folder, save_every)

    def checkpoint(self, *, timeout: float | None = None) -> str:
        """Makes the server write a checkpoint; returns its path there.

        Raises:
          ValueError: the server was told of no folder.
          RuntimeError: it could not be written, or there is no server.
        """
        return self._client.checkpoint(timeout)

    def trajectory_writer(
        self,
        num_keep_alive_refs: int,
        *,
        validate_items: bool = True,
        timeout: float | None = None,
    ) -> trajectory_writer_lib.TrajectoryWriter:
        """A writer of items that are cut from the last steps.

        Args:
          num_keep_alive_refs: how many of the last steps items can use.
          validate_items: check items against their table's signature, which is asked for now.

        Raises:
          ValueError: num_keep_alive_refs < 1.
        """
        _check_keep_alive(num_keep_alive_refs)
        native = _core.ReplayWriter(
            self._client, num_keep_alive_refs, validate_items, timeout=timeout
        )
        return trajectory_writer_lib.TrajectoryWriter(native)

    def structured_writer(
        self,
        configs: Sequence[structured_writer_lib.Config],
        *,
        validate_items: bool = True,
        timeout: float | None = None,
    ) -> structured_writer_lib.StructuredWriter:
        """A writer that makes items by patterns.

        Args:
          configs: the patterns, see reverb.structured_writer.create_config.
          validate_items: check items against their table's signature, which is asked for now.

        Raises:
          ValueError: there is none, or one is not valid.
        """
        rules = pattern_rules.Rules(configs)
        native = _core.ReplayWriter(
            self._client, rules.history_needed, validate_items, timeout=timeout
        )
        return structured_writer_lib.StructuredWriter(native, rules)

    def _signature(self, table: str, timeout: float | None) -> Any:
        if self._signatures is None or table not in self._signatures:
            self.server_info(timeout)
        assert self._signatures is not None
        if table not in self._signatures:
            raise ValueError(
                f'Could not find table "{table}". The following tables exists: '
                f"{', '.join(self._signatures)}."
            )
        return self._signatures[table]

    def _unpacker(self, table: str, timeout: float | None) -> Any:
        signature = self._signature(table, timeout)
        if signature is None:
            return list
        nest = _core.replay_nest(signature)
        return (
            nest.build if nest is not None else lambda leaves: tree.unflatten_as(signature, leaves)
        )

    def _check_step(
        self, table: str, leaves: Sequence[Any], timeout: float | None, offset: int = 0
    ) -> None:
        """Raises ValueError if a table is not there, or a step does not fit its signature."""
        remembered = table in (self._signatures or ())
        try:
            self._check_step_once(table, leaves, timeout, offset)
        except ValueError:
            if not remembered:
                raise
            # The server may be another one by now, with another signature.
            self.server_info(timeout)
            self._check_step_once(table, leaves, timeout, offset)

    def _check_step_once(
        self, table: str, leaves: Sequence[Any], timeout: float | None, offset: int
    ) -> None:
        known: signature_lib.StepCheck | None
        if table in (checks := self._checks):
            known = checks[table]
        else:
            try:
                signature = self._signature(table, timeout)
            except ValueError:
                raise ValueError(
                    f"Unable to find signatures for table '{table}' in signature cache.  "
                    f"Available tables: {list(self._signatures or ())}."
                ) from None
            known = None if signature is None else signature_lib.StepCheck(table, signature)
            self._checks[table] = known
        if known is not None:
            known(leaves, offset)

    def _check_priority(self, table: str, priority: float, timeout: float | None) -> None:
        """Raises ValueError if a table, which is there, cannot have such an item."""
        self._signature(table, timeout)
        _core.check_replay_priority(*self._selectors[table], priority)


def _check_keep_alive(num_keep_alive_refs: int) -> None:
    if num_keep_alive_refs < 1:
        raise ValueError(f"num_keep_alive_refs ({num_keep_alive_refs}) must be a positive integer")
