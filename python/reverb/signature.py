"""A table's signature as text and back: the nest as JSON, beside it the flat list of its specs.

The text travels with the table, so that any client can unpack what it samples; C++ programs read
the flat list alone. Lists, tuples, named tuples and mappings are kept; mappings come back as dict.
"""

from __future__ import annotations

import collections
import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tree

from reverb.specs import TensorShape, TensorSpec, as_dtype, as_spec, spell_dtype, spell_shape


def as_specs(signature: Any) -> Any:
    """The nest with a TensorSpec in place of each leaf; None if it has none, or is None.

    Raises:
      ValueError: a leaf has no shape and dtype.
    """
    if signature is None or not tree.flatten(signature):
        return None
    return tree.map_structure(as_spec, signature)


def encode(nest: Any) -> str:
    """The structure of a nest, and its specs' names; whatever else its leaves are."""
    return json.dumps(_describe(nest), separators=(",", ":"))


def decode(text: str, leaves: Sequence[Any]) -> Any:
    """The nest that was encoded, with these leaves in dm-tree's order."""
    return tree.unflatten_as(_build(json.loads(text)), list(leaves))


def to_native(signature: Any) -> tuple[str, list[tuple[str, str, list[int | None] | None]]]:
    """As the extension takes it: the structure, and each column's name, dtype and shape."""
    columns = []
    for path, spec in tree.flatten_with_path(signature):
        parts = (*path, spec.name) if spec.name else path
        dims = spec.shape.dims
        name = "/".join(str(part) for part in parts)
        columns.append((name, spec.dtype.name, None if dims is None else list(dims)))
    return encode(signature), columns


def from_native(native: tuple[str, list[tuple[str, Any, list[int | None] | None]]]) -> Any:
    """The nest of TensorSpec. A table that a C++ program declared has a list."""
    text, columns = native
    if not text:
        return [TensorSpec(shape, dtype, name or None) for name, dtype, shape in columns]
    names = tree.flatten(_build(json.loads(text)))
    specs = [
        TensorSpec(shape, dtype, name or None) for name, (_, dtype, shape) in zip(names, columns)
    ]
    return decode(text, specs)


def describe(columns: Sequence[tuple[str, Any, Any]]) -> str:
    """Names, dtypes and shapes, for messages."""
    parts = (
        f"{i}: Tensor<name: '{name}', dtype: {spell_dtype(dtype)}, shape: {spell_shape(shape)}>"
        for i, (name, dtype, shape) in enumerate(columns)
    )
    return ", ".join(parts)


class StepCheck:
    """Whether steps fit a table's signature, be that of steps or of whole items."""

    def __init__(self, table: str, signature: Any) -> None:
        self._table = table
        self._columns = to_native(signature)[1]
        # Of the last step that did: the next is likely its like.
        self._fitted: list[Any] | None = None
        self._expected = []
        for _, dtype, dims in self._columns:
            shape = TensorShape(dims)
            shapes = [shape, shape[1:]] if shape.rank else [shape]
            self._expected.append((as_dtype(dtype), shapes))

    def __call__(self, leaves: Sequence[Any], offset: int) -> None:
        """Raises ValueError if a step does not fit; `offset`: which one before the last it is."""
        arrays = [leaf if hasattr(leaf, "dtype") else np.asarray(leaf) for leaf in leaves]
        kinds = [(array.dtype, array.shape) for array in arrays]
        if kinds == self._fitted:
            return
        if len(arrays) != len(self._columns):
            raise ValueError(
                f"{self._cannot()} table signature.  Append for timestep offset {offset} was "
                f"called with {len(arrays)} tensors, but table requires {len(self._columns)} "
                f"tensors per entry.  Table signature: {describe(self._columns)}, data "
                f"signature: {_described(arrays)}."
            )
        for index, (array, (expected, shapes)) in enumerate(zip(arrays, self._expected)):
            if as_dtype(array.dtype) == expected and any(
                shape.is_compatible_with(array.shape) for shape in shapes
            ):
                continue
            name, dtype, dims = self._columns[index]
            raise ValueError(
                f"{self._cannot()} the table signature. At timestep offset {offset}, flattened "
                f"index {index}, saw a tensor of dtype {spell_dtype(array.dtype)}, shape "
                f"{spell_shape(array.shape)}, but expected tensor '{name}' of dtype "
                f"{spell_dtype(dtype)} and shape compatible with {spell_shape(dims)}.  "
                f"(Flattened) table signature: {describe(self._columns)}, data signature: "
                f"{_described(arrays)}."
            )
        self._fitted = kinds

    def _cannot(self) -> str:
        return (
            f"Unable to CreateItem in table '{self._table}' because Append was called with a "
            "tensor signature inconsistent with"
        )


def _described(arrays: Sequence[Any]) -> str:
    return describe([("", array.dtype, array.shape) for array in arrays])


def _describe(nest: Any) -> Any:
    if not tree.is_nested(nest):
        return (nest.name or 0) if isinstance(nest, TensorSpec) else 0
    if isinstance(nest, Mapping):
        keys = sorted(nest)
        if not all(isinstance(key, (str, int)) for key in keys):
            raise ValueError(f"Unsupported signature: keys must be str or int, they are {keys}")
        return {"d": [[key, _describe(nest[key])] for key in keys]}
    if isinstance(nest, tuple) and hasattr(nest, "_fields"):
        fields = [[name, _describe(getattr(nest, name))] for name in nest._fields]
        return {"n": type(nest).__name__, "f": fields}
    if isinstance(nest, (list, tuple)):
        return {"l" if isinstance(nest, list) else "t": [_describe(part) for part in nest]}
    raise ValueError(
        f"Unsupported signature: a {type(nest).__name__} in it is no list, tuple or dict"
    )


def _build(described: Any) -> Any:
    if not isinstance(described, dict):
        return described
    if "d" in described:
        return {key: _build(part) for key, part in described["d"]}
    if "n" in described:
        kind = _named_tuple(described["n"], tuple(name for name, _ in described["f"]))
        return kind(*(_build(part) for _, part in described["f"]))
    if "l" in described:
        return [_build(part) for part in described["l"]]
    return tuple(_build(part) for part in described["t"])


@functools.cache
def _named_tuple(name: str, fields: tuple[str, ...]) -> Any:
    # The class itself may live in another process's program.
    return collections.namedtuple(name, fields)


def lists_to_tuples(nest: Any) -> Any:
    """The nest as datasets have it."""
    return tree.traverse(
        lambda part: tuple(part) if isinstance(part, list) else None, nest, top_down=False
    )
