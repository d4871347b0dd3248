"""Structures of steps as they grow: nests of None, one for each column."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import tree

_MISSING = object()


def union(known: Any, data: Any) -> Any:
    """A structure with the parts of both. A leaf of `data` that is None says nothing.

    Raises:
      ValueError: one has a leaf where the other has more.
    """
    if known is _MISSING:
        return tree.map_structure(lambda _: None, data)
    if data is _MISSING or data is None:
        return known
    if known is None and not tree.is_nested(data):
        return known
    if isinstance(known, Mapping) and isinstance(data, Mapping):
        merged = dict(known)
        for key, part in data.items():
            merged[key] = union(merged.get(key, _MISSING), part)
        # A defaultdict's first argument is no mapping.
        return merged if type(known) is dict else type(known)(**merged)
    if _is_named_tuple(known) and type(known) is type(data):
        return type(known)(*(union(a, b) for a, b in zip(known, data)))
    if isinstance(known, (list, tuple)) and isinstance(data, (list, tuple)):
        pairs = itertools.zip_longest(known, data, fillvalue=_MISSING)
        return type(known)(union(a, b) for a, b in pairs)
    raise ValueError(
        f"The structure of a step changed: {_describe(known)} was appended before, where now there "
        f"is {_describe(data)}."
    )


def _describe(part: Any) -> str:
    return f"a {type(part).__name__}" if tree.is_nested(part) else "a single value"


def _is_named_tuple(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_fields")
