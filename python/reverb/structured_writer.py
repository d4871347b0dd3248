"""StructuredWriter: makes items of the steps that are appended, by patterns. Made by
Client.structured_writer; one thread uses it.

What patterns are written of is in reverb.patterns, and here too, where dm-reverb has it.
"""

from __future__ import annotations

import functools
from typing import Any

import tree

from launchpad import _core
from reverb import pattern_rules, trajectory_writer
from reverb.patterns import (
    Condition,
    ConditionProto,
    Config,
    Pattern,
    PatternNode,
    PatternTransform,
    Priority,
    ReferenceStep,
    constant_priority_fn,
    create_config,
    create_reference_step,
    infer_signature,
    pattern_from_transform,
    td_error,
    unpack_pattern,
)

__all__ = [
    "Condition",
    "ConditionProto",
    "Config",
    "Pattern",
    "PatternNode",
    "PatternTransform",
    "Priority",
    "ReferenceStep",
    "StructuredWriter",
    "constant_priority_fn",
    "create_config",
    "create_reference_step",
    "infer_signature",
    "pattern_from_transform",
    "td_error",
    "unpack_pattern",
]


class StructuredWriter:
    """Writes items by patterns. Use it in a `with` block, or close() it."""

    def __init__(self, writer: _core.ReplayWriter, rules: pattern_rules.Rules) -> None:
        """Made by Client.structured_writer."""
        self._writer = writer
        self._rules = rules
        for rule in rules:
            rule.item = _core.ReplayPattern(rule.columns)
        self._columns: list[int] = []  # Of the leaves; -1: no config uses it.
        self._closed = False

    def __enter__(self) -> StructuredWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        if kind is None:
            self.flush()
        self.close()

    def __del__(self) -> None:
        if not self.__dict__.get("_closed", True):
            self.close()

    def append(self, data: Any, *, partial_step: bool = False) -> None:
        """Appends a step, or a part of one, and makes the items that it completes.

        Args:
          data: a nest, of the same structure each time; a leaf that is None is left out.
          partial_step: more of the same step follows.

        Raises:
          ValueError: another number of leaves, another dtype or shape, a leaf twice in a step, or
            an item that its table would refuse: it does not fit the signature, or has a priority
            that cannot be. The step was appended then, and the other items were made.
        """
        opens = not self._writer.step_is_open
        if not self._columns:
            self._begin(data)
        if not self._writer.append(data, partial_step):
            leaves = tree.flatten(data)
            if len(leaves) != len(self._columns):
                raise ValueError(
                    f"Flattened data has an unexpected length, got {len(leaves)} "
                    f"but wanted {len(self._columns)}."
                )
            self._writer.append_leaves(leaves, self._columns, partial_step)
        if opens:
            self._rules.begin_step()
        self._apply(end_of_episode=False)

    def flush(self, block_until_num_items: int = 0, timeout_ms: int | None = None) -> None:
        """As TrajectoryWriter.flush."""
        trajectory_writer.flush(self._writer, block_until_num_items, timeout_ms)

    def end_episode(self, clear_buffers: bool = True, timeout_ms: int | None = None) -> None:
        """Makes the items of the configs for ends of episodes, then as
        TrajectoryWriter.end_episode.
        """
        try:
            self._apply(end_of_episode=True)
        finally:
            self._rules.begin_episode()
            trajectory_writer.end_episode(self._writer, clear_buffers, timeout_ms)

    def close(self) -> None:
        """Ends the writer. What was not flushed may be lost, which is warned of."""
        self._closed = True
        trajectory_writer.close(self._writer)

    @property
    def step_is_open(self) -> bool:
        """Whether the last append was a partial one."""
        return self._writer.step_is_open

    def _begin(self, data: Any) -> None:
        paths = [path for path, _ in tree.flatten_with_path(data)]
        used = self._rules.sources
        if used and max(used) >= len(paths):
            raise ValueError(
                f"A config uses column {max(used)}, but the steps have {len(paths)} columns."
            )
        self._columns = [i if i in used else -1 for i in range(len(paths))]
        names = [f"{i} (path={path})" for i, path in enumerate(paths)]
        nest = _core.replay_nest(data)
        if nest is None:
            self._writer.set_names(names)
        else:
            self._writer.add_structure(nest, self._columns, names)

    def _apply(self, end_of_episode: bool) -> None:
        writer = self._writer
        refused: ValueError | None = None
        for rule in self._rules.due(writer.history_length, writer.newest, end_of_episode):
            priority: float | None = rule.constant_priority
            if rule.computes_priority:
                values: Any = functools.partial(writer.pattern_values, rule.item)
                priority = rule.priority(values)
            try:
                made = priority is not None and writer.create_pattern_item(
                    rule.table, priority, rule.item
                )
            except ValueError as error:  # No reason to lose the others' items.
                refused = refused or error
                continue
            if made:
                rule.applied()
        if refused is not None:
            raise refused
