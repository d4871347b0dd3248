"""Rules: which configs make an item of the history as it is now. For StructuredWriter and
PatternDataset, which keep the steps. One thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from absl import logging

from reverb import patterns


class _Condition:
    """A condition, looked at once: it is asked at each step."""

    def __init__(self, proto: patterns.ConditionProto) -> None:
        self.left = proto.WhichOneof("left")
        self.source: int = proto.flat_source_index
        self.holds = proto.test()


class Rule:
    """A config and what it has done."""

    def __init__(self, config: patterns.Config) -> None:
        self.config = config
        self.table: str = config.table
        # For each column of the item: its source, the steps counted from the end, and squeezed?
        self.columns = [
            (node.flat_source_index, list(node.offsets()), not node.HasField("start"))
            for node in config.flat
        ]
        self.needed = patterns.history_needed(config)
        self.at_end = any(c.is_end_episode for c in config.conditions)
        self.conditions = [_Condition(condition) for condition in config.conditions]
        self.steps_since = 0
        self.applied_to_step = False
        self.item: Any = None  # Its user's own form of it.
        how = config.priority
        self.computes_priority = how.HasField("td_error")
        self.constant_priority = (
            float(how.constant_fn.value) if how.HasField("constant_fn") else 1.0
        )

    def applied(self) -> None:
        """It made an item of the newest step."""
        self.steps_since = 0
        self.applied_to_step = True

    def priority(self, values: Callable[[int], np.ndarray[Any, Any] | None]) -> float | None:
        """Of an item, if it is computed; values(i) are the steps of the item's column i. None:
        there are no values, so there is no item.
        """
        how = self.config.priority.td_error
        place = [source for source, _, _ in self.columns].index(how.flat_source_index)
        steps = values(place)
        if steps is None:
            return None
        errors = np.abs(steps)
        weight = how.max_priority_weight
        return float(weight * errors.max() + (1 - weight) * errors.mean())


class Rules:
    """The configs' state over a sequence of steps.

    Raises:
      ValueError: a config is not valid.
    """

    def __init__(self, configs: Sequence[patterns.Config]) -> None:
        if not configs:
            raise ValueError("At least one config must be provided.")
        for position, config in enumerate(configs):
            problem = patterns.validate(config) or _wrong_priority(config)
            if problem:
                raise ValueError(f"Invalid configuration at position {position}: {problem}")
        self._rules = [Rule(config) for config in configs]
        self._step_index = -1

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._rules)

    @property
    def history_needed(self) -> int:
        """Steps that must be kept."""
        return max(rule.needed for rule in self._rules)

    @property
    def sources(self) -> set[int]:
        """The columns that any config uses; the others need not be kept."""
        return {source for rule in self._rules for source, _, _ in rule.columns} | {
            condition.flat_source_index
            for rule in self._rules
            for condition in rule.config.conditions
            if condition.HasField("flat_source_index")
        }

    def begin_step(self) -> None:
        """A new step was opened."""
        self._step_index += 1
        for rule in self._rules:
            rule.steps_since += 1
            rule.applied_to_step = False

    def begin_episode(self) -> None:
        """The next step is the first of its episode."""
        self._step_index = -1

    def due(
        self, length: int, newest: Callable[[int], Any], end_of_episode: bool = False
    ) -> Iterator[Rule]:
        """The rules whose conditions hold.

        Args:
          length: steps in the history.
          newest: gives a column's value in the newest step, or None.
          end_of_episode: whether the episode is just being ended.
        """
        for rule in self._rules:
            if rule.applied_to_step or rule.needed > length or rule.at_end != end_of_episode:
                continue
            if all(
                self._holds(condition, rule, length, newest, end_of_episode)
                for condition in rule.conditions
            ):
                yield rule

    def _holds(
        self,
        condition: _Condition,
        rule: Rule,
        length: int,
        newest: Callable[[int], Any],
        end_of_episode: bool,
    ) -> bool:
        left = condition.left
        if left == "step_index":
            return condition.holds(self._step_index)
        if left == "steps_since_applied":
            return condition.holds(rule.steps_since)
        if left == "buffer_length":
            return condition.holds(length)
        if left == "is_end_episode":
            return condition.holds(int(end_of_episode))
        value = newest(condition.source)
        if value is None:
            return False
        array = np.asarray(value)
        if array.shape != () or array.dtype.kind not in "iub":
            logging.log_first_n(
                logging.ERROR,
                "A condition on column %d never holds: it compares integers or booleans, scalars; "
                "the column has shape %s and dtype %s.",
                10,
                condition.source,
                array.shape,
                array.dtype,
            )
            return False
        return condition.holds(int(array))


def _wrong_priority(config: patterns.Config) -> str | None:
    if not config.priority.HasField("td_error"):
        return None
    source = config.priority.td_error.flat_source_index
    if all(node.flat_source_index != source for node in config.flat):
        return f"the priority's column {source} is not in the pattern."
    return None
