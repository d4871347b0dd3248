"""Patterns: which steps of which columns make an item, when, and with which priority. Values.

A StructuredWriter and a PatternDataset are told their patterns by Configs; create_config makes one.
Steps are counted backwards: `ref[-1]` is the newest step, `ref[-3:]` are the newest three.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import tree

from reverb import signature as signature_lib
from reverb.message_fields import BOOL, DOUBLE, INT32, STRING, Field
from reverb.messages import Message
from reverb.specs import TensorShape, TensorSpec, as_spec


class PatternNode(Message):
    """Steps of one column: [start, stop) with a step; without start, the step at `stop` alone."""

    FIELDS: ClassVar[dict[str, Field]] = {
        "flat_source_index": Field(1, INT32),
        "start": Field(2, INT32, "start_or_none"),
        "stop": Field(3, INT32, "stop_or_none"),
        "step": Field(4, INT32, "step_or_none"),
    }

    def offsets(self) -> range:
        """The steps, relative to the number of steps in the history."""
        if not self.HasField("start"):
            return range(self.stop, self.stop + 1)
        return range(self.start, self.stop, self.step if self.HasField("step") else 1)


class ConditionProto(Message, name="Condition"):
    """A number and what it is compared to."""

    class ModuloEq(Message, name="Condition.ModuloEq"):
        """Whether the number modulo `mod` is `eq`."""

        FIELDS: ClassVar[dict[str, Field]] = {"mod": Field(1, INT32), "eq": Field(2, INT32)}

    FIELDS: ClassVar[dict[str, Field]] = {
        "step_index": Field(1, BOOL, "left"),
        "steps_since_applied": Field(2, BOOL, "left"),
        "buffer_length": Field(3, BOOL, "left"),
        "is_end_episode": Field(4, BOOL, "left"),
        "flat_source_index": Field(9, INT32, "left"),
        "eq": Field(5, INT32, "cmp"),
        "ge": Field(6, INT32, "cmp"),
        "mod_eq": Field(7, ModuloEq, "cmp"),
        "inverse": Field(8, BOOL),
    }

    def test(self) -> Callable[[int], bool]:
        """Tells of the left side's number whether it satisfies the condition as it is now."""
        cmp, inverse = self.WhichOneof("cmp"), self.inverse
        if cmp == "eq":
            equal = self.eq
            return lambda number: (number == equal) != inverse
        if cmp == "ge":
            least = self.ge
            return lambda number: (number >= least) != inverse
        mod, rest = self.mod_eq.mod, self.mod_eq.eq
        return lambda number: (number % mod == rest) != inverse


class Priority(Message):
    """How an item's priority is computed."""

    class ConstantPriorityFn(Message):
        """All items have this one."""

        FIELDS: ClassVar[dict[str, Field]] = {"value": Field(1, DOUBLE)}

    class TDError(Message):
        """See td_error."""

        FIELDS: ClassVar[dict[str, Field]] = {
            "max_priority_weight": Field(1, DOUBLE),
            "flat_source_index": Field(2, INT32),
        }

    FIELDS: ClassVar[dict[str, Field]] = {
        "constant_fn": Field(1, ConstantPriorityFn, "priority_fn"),
        "td_error": Field(2, TDError, "priority_fn"),
    }


class PatternStructure(Message):
    """The nest that the item's data come in."""

    FIELDS: ClassVar[dict[str, Field]] = {"json": Field(1, STRING)}


class Config(Message, name="StructuredWriterConfig"):
    """A pattern, its table, conditions and priority."""

    FIELDS: ClassVar[dict[str, Field]] = {
        "flat": Field(1, [PatternNode]),
        "pattern_structure": Field(2, PatternStructure),
        "table": Field(3, STRING),
        "priority": Field(4, Priority),
        "conditions": Field(5, [ConditionProto]),
    }


Pattern = Any  # A nest of PatternNode.
ReferenceStep = Any  # A nest of what ref[i] is written of.
PatternTransform = Callable[[ReferenceStep], Pattern]


class _RefNode:
    """A column; indexed, it gives a PatternNode."""

    def __init__(self, index: int) -> None:
        self._index = index

    def __getitem__(self, key: Any) -> PatternNode:
        if isinstance(key, (int, np.integer)) and not isinstance(key, bool):
            return PatternNode(flat_source_index=self._index, stop=int(key))
        if not isinstance(key, slice):
            raise ValueError(f"Key must be int or slice by got {key} (type {type(key)}).")
        if key.start is None and (key.stop is not None or key.step is not None):
            raise ValueError(
                f"A slice of steps needs a start: {key} has none, so its length is not known. "
                "Write ref[-n:-m] for steps, ref[-m] for a single one."
            )
        start, stop, step = (None if x is None else int(x) for x in (key.start, key.stop, key.step))
        if start is not None and stop is None:
            stop = 0
        return PatternNode(flat_source_index=self._index, start=start, stop=stop, step=step)


def create_reference_step(step_structure: Any) -> ReferenceStep:
    """The nest of a step with an object in place of each leaf, of which patterns are written."""
    leaves = [_RefNode(index) for index in range(len(tree.flatten(step_structure)))]
    return tree.unflatten_as(step_structure, leaves)


def pattern_from_transform(step_structure: Any, transform: PatternTransform) -> Pattern:
    """The pattern that a function makes of a reference step."""
    return transform(create_reference_step(step_structure))


def create_config(
    pattern: Pattern,
    table: str,
    conditions: Sequence[ConditionProto] = (),
    priority: Priority | None = None,
) -> Config:
    """A Config for a StructuredWriter.

    Args:
      pattern: a nest of what ref[...] gives; items have its structure.
      table: where the items go.
      conditions: all of them must hold for an item to be made, see Condition.
      priority: of the items; 1 if not given.
    """
    return Config(
        flat=tree.flatten(pattern),
        pattern_structure=PatternStructure(json=signature_lib.encode(pattern)),
        table=table,
        conditions=conditions,
        priority=constant_priority_fn(1.0) if priority is None else priority,
    )


def unpack_pattern(config: Config) -> Pattern:
    """The pattern of a config; a list, if it has no structure."""
    if not config.HasField("pattern_structure"):
        return config.flat
    return signature_lib.decode(config.pattern_structure.json, config.flat)


def infer_signature(configs: Sequence[Config], step_spec: Any) -> Any:
    """The signature of a table that gets its items by these configs.

    Args:
      configs: all of the table's.
      step_spec: a nest of specs, as steps are appended.

    Raises:
      ValueError: there are none, or they differ in structure, table, dtypes or shapes.
    """
    if not configs:
        raise ValueError("At least one config must be provided.")
    if any(c.pattern_structure != configs[0].pattern_structure for c in configs):
        raise ValueError("All configs must have exactly the same pattern_structure.")
    if any(c.table != configs[0].table for c in configs):
        tables = ", ".join(sorted({c.table for c in configs}))
        raise ValueError(
            f"All configs must target the same table but provided configs included {tables}."
        )
    columns = [as_spec(leaf) for leaf in tree.flatten(step_spec)]

    def merge(path: tuple[Any, ...], *nodes: PatternNode) -> TensorSpec:
        dtypes = [columns[node.flat_source_index].dtype for node in nodes]
        if any(dtype != dtypes[0] for dtype in dtypes):
            listed = ", ".join(f"tf.{dtype.name}" for dtype in dtypes)
            raise ValueError(
                f"Configs produce trajectories with multiple dtypes at {path}. Got [{listed}]."
            )
        shape = _merge_shapes(path, [_shape_of(node, columns) for node in nodes])
        return TensorSpec(shape, dtypes[0], "/".join(str(part) for part in path))

    return tree.map_structure_with_path(merge, *(unpack_pattern(config) for config in configs))


def _shape_of(node: PatternNode, columns: Sequence[TensorSpec]) -> TensorShape:
    shape = columns[node.flat_source_index].shape
    return TensorShape((len(node.offsets()), *shape)) if node.HasField("start") else shape


def _merge_shapes(path: tuple[Any, ...], shapes: list[TensorShape]) -> TensorShape:
    first = shapes[0]
    if all(shape == first for shape in shapes):
        return first
    if any(s.rank != first.rank or s[1:] != first[1:] for s in shapes):
        raise ValueError(
            f"Configs produce trajectories with incompatible shapes at {path}. Got {shapes}."
        )
    return TensorShape((None, *first[1:]))


class _ConditionBuilder:
    """The left side of a condition; comparing it gives the condition."""

    def __init__(self, incomplete: ConditionProto) -> None:
        self._incomplete = incomplete

    def _with(self, **values: Any) -> ConditionProto:
        condition = copy.deepcopy(self._incomplete)
        for name, value in values.items():
            setattr(condition, name, value)
        return condition

    def __mod__(self, cmp: int) -> _ConditionBuilder:
        return _ConditionBuilder(self._with(mod_eq=ConditionProto.ModuloEq(mod=cmp)))

    def __eq__(self, cmp: int) -> ConditionProto:  # type: ignore[override]
        mod = self._incomplete.mod_eq.mod
        return (
            self._with(mod_eq=ConditionProto.ModuloEq(mod=mod, eq=cmp))
            if mod
            else self._with(eq=cmp)
        )

    def __ne__(self, cmp: int) -> ConditionProto:  # type: ignore[override]
        condition = self == cmp
        condition.inverse = True
        return condition

    def __gt__(self, cmp: int) -> ConditionProto:
        return self >= cmp + 1

    def __ge__(self, cmp: int) -> ConditionProto:
        return self._with(ge=cmp)

    def __lt__(self, cmp: int) -> ConditionProto:
        return self <= cmp - 1

    def __le__(self, cmp: int) -> ConditionProto:
        return self._with(ge=cmp + 1, inverse=True)

    __hash__ = None  # type: ignore[assignment]


class Condition:
    """What conditions are written of: compare with ==, !=, >, >=, <, <=, or `% n ==`."""

    @staticmethod
    def step_index() -> _ConditionBuilder:
        """The newest step's place in its episode, from 0."""
        return _ConditionBuilder(ConditionProto(step_index=True))

    @staticmethod
    def steps_since_applied() -> _ConditionBuilder:
        """Steps since this config made an item."""
        return _ConditionBuilder(ConditionProto(steps_since_applied=True))

    @staticmethod
    def is_end_episode() -> ConditionProto:
        """Holds only when end_episode is called."""
        return ConditionProto(is_end_episode=True, eq=1)

    @staticmethod
    def data(step_structure: Any) -> Any:
        """The value of a scalar int or bool column in the newest step: a nest of left sides."""
        leaves = [
            _ConditionBuilder(ConditionProto(flat_source_index=index))
            for index in range(len(tree.flatten(step_structure)))
        ]
        return tree.unflatten_as(step_structure, leaves)


def constant_priority_fn(value: float) -> Priority:
    """All items have this priority."""
    return Priority(constant_fn=Priority.ConstantPriorityFn(value=value))


def td_error(
    max_priority_weight: float, step_structure: Any, get_field_from_step_fn: Callable[[Any], Any]
) -> Priority:
    """Priority from the errors e in a column of the item: w * max|e| + (1 - w) * mean|e|.

    Source: Kapturowski et al. 2019, Recurrent Experience Replay in Distributed RL.

    Args:
      max_priority_weight: w.
      step_structure: as for create_reference_step.
      get_field_from_step_fn: gives the column of a step; it must be in the pattern, once.
    """
    indices = tree.unflatten_as(step_structure, list(range(len(tree.flatten(step_structure)))))
    index = get_field_from_step_fn(indices)
    return Priority(
        td_error=Priority.TDError(max_priority_weight=max_priority_weight, flat_source_index=index)
    )


def validate(config: Config) -> str | None:
    """What is wrong with a config, or None."""
    if not config.flat:
        return "`flat` must not be empty."
    if not config.table:
        return "`table` must not be empty."
    problems = (*map(_wrong_node, config.flat), *map(_wrong_condition, config.conditions))
    return next((problem for problem in problems if problem), None)


def _wrong_node(node: PatternNode) -> str | None:
    start, stop = node.HasField("start"), node.HasField("stop")
    if node.flat_source_index < 0:
        return f"`flat_source_index` must be >= 0 but got {node.flat_source_index}."
    if not start and not stop:
        return "At least one of `start` and `stop` must be specified."
    if node.HasField("step") and not start:
        return "`step` must only be set when `start` is set."
    if node.HasField("step") and node.step <= 0:
        return f"`step` must be > 0 but got {node.step}."
    if start and node.start >= 0:
        return f"`start` must be < 0 but got {node.start}."
    if node.stop > 0:
        return f"`stop` must be <= 0 but got {node.stop}."
    if not start and node.stop >= 0:
        return f"`stop` must be < 0 when `start` isn't set but got {node.stop}."
    if start and node.stop <= node.start:
        return f"`stop` ({node.stop}) must be > `start` ({node.start}) when both are specified."
    return None


def _wrong_condition(condition: ConditionProto) -> str | None:
    if condition.WhichOneof("left") is None:
        return "Conditions must specify a value for `left`."
    cmp = condition.WhichOneof("cmp")
    if cmp is None:
        return "Conditions must specify a value for `cmp`."
    if condition.is_end_episode and (cmp != "eq" or condition.eq != 1):
        return "Condition must use `eq=1` when using `is_end_episode`."
    if cmp == "mod_eq" and condition.mod_eq.mod <= 0:
        return f"`mod_eq.mod` must be > 0 but got {condition.mod_eq.mod}."
    if cmp == "mod_eq" and condition.mod_eq.eq < 0:
        return f"`mod_eq.eq` must be >= 0 but got {condition.mod_eq.eq}."
    return None


def history_needed(config: Config) -> int:
    """How many steps a config looks back."""
    return max(-node.offsets()[0] for node in config.flat)
