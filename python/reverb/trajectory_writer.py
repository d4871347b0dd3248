"""TrajectoryWriter: steps go in column by column, and items of any of the last steps come out.

Made by Client.trajectory_writer; one thread uses it, any may close it.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tree
from absl import logging

from launchpad import _core
from reverb import errors, structures


def seconds(timeout_ms: float | None) -> float | None:
    """Milliseconds as the extension's timeout; None: none. Below 0 there is none, too."""
    return None if timeout_ms is None or timeout_ms < 0 else timeout_ms / 1000


def _deadline(call: str, timeout_ms: float | None) -> errors.DeadlineExceededError:
    return errors.DeadlineExceededError(
        f"{call} call did not complete within provided timeout of "
        f"{datetime.timedelta(milliseconds=timeout_ms or 0)}"
    )


def flush(writer: _core.ReplayWriter, block_until_num_items: int, timeout_ms: float | None) -> None:
    """Waits until at most so many items are not yet confirmed; raises as documented there."""
    if block_until_num_items < 0:
        raise ValueError(f"block_until_num_items must be >= 0, got {block_until_num_items}")
    if not writer.flush(block_until_num_items, seconds(timeout_ms)):
        raise _deadline("Flush", timeout_ms)


def end_episode(writer: _core.ReplayWriter, clear: bool, timeout_ms: float | None) -> None:
    """Ends the episode; raises as documented there."""
    if not writer.end_episode(clear, seconds(timeout_ms)):
        raise _deadline("End episode", timeout_ms)


def close(writer: _core.ReplayWriter) -> None:
    """Closes it, and says if items were lost."""
    dropped = writer.close()
    if dropped:
        logging.warning(
            "A writer was closed with %d items that are not known to be in their tables: they may "
            "be lost. Call flush() or end_episode() before close().",
            dropped,
        )


class TrajectoryWriter:
    """Writes data to tables. Use it in a `with` block, or close() it."""

    def __init__(self, internal_writer: _core.ReplayWriter) -> None:
        """Made by Client.trajectory_writer."""
        self._writer = internal_writer
        # The union of the structures so far, with each leaf's column; and the columns' histories.
        self._structure: Any = None
        self._columns: list[_ColumnHistory] = []
        self._column_of: dict[tuple[Any, ...], int] = {}
        self._configs: dict[tuple[Any, ...], tuple[int, int | None]] = {}
        self._history: Any = None
        # The paths of the last step's values, if its structure is one that only dm-tree knows.
        self._grown_for: list[Any] | None = None
        self._closed = False

    def __enter__(self) -> TrajectoryWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        # Not after an error of the server's, and not in Ctrl-C's way.
        if kind is None or (
            issubclass(kind, Exception) and not issubclass(kind, errors.ReverbError)
        ):
            self.flush()

    def __del__(self) -> None:
        if not self.__dict__.get("_closed", True):
            self.close()

    @property
    def history(self) -> Any:
        """The steps since the last end_episode, in the structure of what was appended, to make
        trajectories of: `history["x"][-3:]`. Counts expired steps.

        Raises:
          RuntimeError: nothing was appended yet.
        """
        if not self._columns:
            raise RuntimeError(
                "history cannot be accessed before `append` is called at least once."
            )
        return self._history

    @property
    def episode_steps(self) -> int:
        """Complete steps since the last end_episode."""
        return self._writer.episode_steps

    def configure(
        self, path: tuple[int | str, ...], *, num_keep_alive_refs: int, max_chunk_length: int | None
    ) -> None:
        """Sets how one column is stored.

        Args:
          path: of the column, as dm-tree has it: ("observation", "x").
          num_keep_alive_refs: how many of its last steps items can use.
          max_chunk_length: steps that are stored together, at most; None: chosen.

        Raises:
          ValueError: a number that cannot be.
          RuntimeError: the column has steps that are not yet stored: flush first.
        """
        if num_keep_alive_refs < 1:
            raise ValueError(
                f"num_keep_alive_refs ({num_keep_alive_refs}) must be a positive integer"
            )
        if max_chunk_length is not None and not 1 <= max_chunk_length <= num_keep_alive_refs:
            raise ValueError(
                f"max_chunk_length ({max_chunk_length}) must be None or a positive "
                f"integer <= num_keep_alive_refs ({num_keep_alive_refs})"
            )
        if path in self._column_of:
            self._writer.configure(self._column_of[path], num_keep_alive_refs, max_chunk_length)
        else:
            self._configs[path] = (num_keep_alive_refs, max_chunk_length)

    def append(self, data: Any, *, partial_step: bool = False) -> None:
        """Appends a step, or a part of one.

        Args:
          data: a nest of numbers and arrays. A column keeps the dtype and shape of its first value.
            Structures may grow: what was not there before is a new column, without values so far.
            A leaf that is None is left out.
          partial_step: more of the same step follows.

        Raises:
          ValueError: a value's dtype or shape differs, or a column was set in this step before.
          TypeError: a value that no column can hold.
        """
        if self._writer.append(data, partial_step):
            return
        flat = tree.flatten_with_path(data)
        # Structures that only dm-tree can take apart come here each time.
        if self._configs or [path for path, leaf in flat if leaf is not None] != self._grown_for:
            self._grow(data)
        leaves = [leaf for _, leaf in flat]
        # None may stand for a whole part of the structure.
        columns = [self._column_of.get(path, -1) for path, _ in flat]
        self._writer.append_leaves(leaves, columns, partial_step)

    def create_item(self, table: str, priority: float, trajectory: Any) -> None:
        """Makes an item of steps; it is sent in the background. Never waits.

        Args:
          table: where it goes.
          priority: its priority there.
          trajectory: a nest of TrajectoryColumn, as `history` gives them.

        Raises:
          TypeError: a leaf is no TrajectoryColumn.
          ValueError: no such table, a trajectory that is empty, has expired steps or does not fit
            the table's signature, or a priority that the table cannot have.
        """
        self._writer.create_item(table, float(priority), trajectory)

    def flush(self, block_until_num_items: int = 0, timeout_ms: int | None = None) -> None:
        """Waits until all but so many items are in their tables.

        Args:
          block_until_num_items: items that may be still on their way.
          timeout_ms: how long to wait; None: for ever. 0 only looks.

        Raises:
          DeadlineExceededError: they were not within that time. They still will be, later.
          RuntimeError: the server refused an item.
        """
        flush(self._writer, block_until_num_items, timeout_ms)

    def end_episode(self, clear_buffers: bool = True, timeout_ms: int | None = None) -> None:
        """Waits for all items, and begins a new episode.

        Args:
          clear_buffers: the history is empty then. False: items may span episodes.
          timeout_ms: how long to wait; None: for ever.

        Raises:
          DeadlineExceededError: they were not within that time. The episode is over all the same,
            and the items will arrive later.
        """
        end_episode(self._writer, clear_buffers, timeout_ms)

    def close(self) -> None:
        """Ends the writer. What was not flushed may be lost, which is warned of."""
        self._closed = True
        close(self._writer)

    def _grow(self, data: Any) -> None:
        """Makes columns for the paths of `data` that have none."""
        if self._structure is None:
            self._structure = tree.map_structure(lambda _: None, data)
        else:
            self._structure = structures.union(self._structure, data)
        flat = tree.flatten_with_path(self._structure)
        for path, _ in flat:
            if path not in self._column_of:
                self._add_column(path)
        columns = [self._column_of[path] for path, _ in flat]
        self._history = tree.unflatten_as(self._structure, [self._columns[i] for i in columns])
        names = [str(column.path()) for column in self._columns]
        nest = _core.replay_nest(data)
        if nest is None:
            self._writer.set_names(names)
            flat = tree.flatten_with_path(data)
            self._grown_for = [path for path, leaf in flat if leaf is not None]
        else:
            self._grown_for = None
            paths = [path for path, _ in tree.flatten_with_path(data)]
            # -2: None where other steps have a nest. Once there is a value, it is looked at here.
            self._writer.add_structure(
                nest, [self._column_of.get(path, -2) for path in paths], names
            )
        for path in [path for path in self._configs if path in self._column_of]:
            self._writer.configure(self._column_of[path], *self._configs.pop(path))

    def _add_column(self, path: tuple[Any, ...]) -> None:
        self._column_of[path] = len(self._columns)
        self._columns.append(_ColumnHistory(self._writer, len(self._columns), path))


class _ColumnHistory:
    """The steps of one column; what is taken of it is a TrajectoryColumn."""

    __slots__ = ("_column", "_path", "_writer")

    def __init__(self, writer: _core.ReplayWriter, column: int, path: tuple[Any, ...]) -> None:
        self._writer = writer
        self._column = column
        self._path = path

    def path(self) -> tuple[Any, ...]:
        return self._path

    def __len__(self) -> int:
        return self._writer.history_length

    def __iter__(self) -> Iterator[Any]:
        """The steps' references; None: expired, or never there."""
        for step in range(len(self)):
            yield self._writer.select(self._column, step)[0]

    def __getitem__(self, key: Any) -> TrajectoryColumn:
        cells, squeeze = self._writer.select(self._column, key)
        if cells is None:
            every = list(self)
            chosen = [every[i] for i in key] if isinstance(key, list) else every[key]
            raise ValueError(
                "TrajectoryColumns cannot contain any None data references: TrajectoryColumn at "
                f"path {(*self._path, key)} got {chosen if isinstance(chosen, list) else [chosen]}."
            )
        return TrajectoryColumn._of(cells, squeeze)

    def __str__(self) -> str:
        return f"{type(self).__module__}._ColumnHistory(path={self._path}, refs={list(self)})"


class TrajectoryColumn:
    """Some steps of a column: a leaf of a trajectory.

    Args:
      data_references: as iterating over a column or a history gives them.
      squeeze: it is one step, given without its time dimension.
      path: for messages.
    """

    __slots__ = ("_cells", "_data_references", "is_squeezed")

    def __init__(
        self,
        data_references: Sequence[Any],
        *,
        squeeze: bool = False,
        path: tuple[Any, ...] | None = None,
    ) -> None:
        references = tuple(data_references)
        if squeeze and len(references) != 1:
            raise ValueError(
                "Columns must contain exactly one data reference when squeeze set, "
                f"got {len(references)}"
            )
        if any(reference is None for reference in references):
            raise ValueError(
                "TrajectoryColumns cannot contain any None data references: TrajectoryColumn at "
                f"path {path} got {data_references}."
            )
        self._data_references: tuple[Any, ...] | None = references
        self._cells: Any = None
        if references and all(isinstance(r, _core.ReplayCells) for r in references):
            self._cells = _core.ReplayCells.joined(list(references))
        self.is_squeezed = squeeze

    @classmethod
    def _of(cls, cells: _core.ReplayCells, squeeze: bool) -> TrajectoryColumn:
        column = cls.__new__(cls)
        column._cells = cells
        column._data_references = None
        column.is_squeezed = squeeze
        return column

    def _references(self) -> tuple[Any, ...]:
        if self._data_references is None:
            steps = range(len(self._cells))
            self._data_references = tuple(self._cells.select(i)[0] for i in steps)
        return self._data_references

    def __len__(self) -> int:
        return len(self._references()) if self._cells is None else len(self._cells)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._references())

    def __getitem__(self, key: Any) -> TrajectoryColumn:
        if self._cells is not None:
            return TrajectoryColumn._of(*self._cells.select(key))
        references = self._references()
        if isinstance(key, list):
            return TrajectoryColumn([references[i] for i in key])
        if isinstance(key, slice):
            return TrajectoryColumn(references[key])
        return TrajectoryColumn([references[key]], squeeze=True)

    @property
    def shape(self) -> tuple[int | None, ...]:
        """With the time dimension first, unless it is squeezed."""
        one = tuple(self._references()[0].shape if self._cells is None else self._cells.shape)
        return one if self.is_squeezed else (len(self), *one)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the elements; `object` for texts."""
        return self._references()[0].dtype if self._cells is None else self._cells.dtype

    def numpy(self) -> np.ndarray[Any, Any]:
        """The values in a new array.

        Raises:
          RuntimeError: a step has expired.
        """
        source = self._references() if self._cells is None else [self._cells]
        if any(reference.expired for reference in source):
            raise RuntimeError(
                "Cannot convert TrajectoryColumn with expired data references to numpy array."
            )
        if self._cells is not None:
            return self._cells.numpy(self.is_squeezed)
        values = [reference.numpy() for reference in self._references()]
        return values[0] if self.is_squeezed else np.stack(values)
