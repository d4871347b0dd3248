"""Handles inside nested arguments: lists, tuples, dicts, namedtuples, attrs classes (as dm-tree
sees them).

dm-tree is asked only where there are other containers than lists, tuples and dicts, since it takes
a while to import.
"""

from __future__ import annotations

from collections.abc import Mapping, MappingView, Sequence
from typing import Any

from launchpad.nodes import dereference

_CONTAINERS = (list, tuple, dict)
# What dm-tree walks too, or takes for a leaf (text).
_OTHERS = (Mapping, MappingView, Sequence)


def _is_nested(value: Any) -> bool:
    return isinstance(value, _CONTAINERS) or hasattr(type(value), "__attrs_attrs__")


def leaves(value: Any) -> list[Any]:
    """What is inside of all containers."""
    if not _is_nested(value):
        return [value]
    found: list[Any] = []
    if _gather(value, found):
        return found
    import tree

    return list(tree.flatten(value))


def _gather(value: Any, found: list[Any]) -> bool:
    """Appends the leaves, in dm-tree's order; False: only dm-tree knows what is one."""
    kind = type(value)
    if kind is dict:
        try:
            return all(_gather(value[key], found) for key in sorted(value))
        except TypeError:
            return False
    if kind is list or kind is tuple:
        return all(_gather(item, found) for item in value)
    is_text = kind is str or kind is bytes
    if not is_text and (_is_nested(value) or isinstance(value, _OTHERS)):
        return False
    found.append(value)
    return True


def _is_plain(value: Any) -> bool:
    """True for nested lists, tuples and dicts of builtin values only: nothing to dereference."""
    if type(value) is list or type(value) is tuple:
        return all(map(_is_plain, value))
    if type(value) is dict:
        return all(map(_is_plain, value.values()))
    return not isinstance(value, dereference.Dereferenceable) and not _is_nested(value)


def dereference_all(value: Any) -> Any:
    """The value with each Dereferenceable inside replaced by what it stands for."""
    if isinstance(value, dereference.Dereferenceable):
        return value.dereference()
    if _is_plain(value):
        return value
    if type(value) is list:
        return [dereference_all(item) for item in value]
    if type(value) is tuple:
        return tuple(dereference_all(item) for item in value)
    if type(value) is dict:
        return {key: dereference_all(item) for key, item in value.items()}
    import tree

    return tree.map_structure(dereference.maybe_dereference, value)
