"""What a batched function sees of the calls in a batch, and what each caller sees of its result.

Arguments are batched one by one: arrays are stacked on a new first axis, numbers become an array,
dicts, tuples and namedtuples are batched within, all else becomes a list. Pure.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from launchpad.errors import StatusCode, StatusNotOk

Request = tuple[tuple[Any, ...], dict[str, Any]]

# bool comes first: it is an int.
_NUMBERS: tuple[tuple[type, Any], ...] = ((bool, np.bool_), (int, np.int64), (float, np.float64))


def batch_requests(requests: Sequence[Request]) -> Request:
    """One call for all of them."""
    first_args, first_kwargs = requests[0]
    if any(len(args) != len(first_args) for args, _ in requests):
        raise _error("Requests in a batch do not have the same number of arguments.")
    if any(kwargs.keys() != first_kwargs.keys() for _, kwargs in requests):
        raise _error("Mismatching keys in the kwargs to batch.")
    args = tuple(_batch([args[i] for args, _ in requests]) for i in range(len(first_args)))
    return args, {key: _batch([kwargs[key] for _, kwargs in requests]) for key in first_kwargs}


def unbatch_result(result: Any, count: int, size: int) -> list[Any]:
    """The results of the first `count` of `size` calls; those after it are padding."""
    return [_element(result, i, size) for i in range(count)]


def _error(message: str, code: StatusCode = StatusCode.INTERNAL) -> StatusNotOk:
    return StatusNotOk(message, code)


def _invalid(message: str) -> StatusNotOk:
    return _error(message, StatusCode.INVALID_ARGUMENT)


def _is_namedtuple(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_fields")


def _is_torch(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def _is_array(value: Any) -> bool:
    """numpy's, jax's, torch's and others' arrays, and numpy's scalars."""
    if isinstance(value, (np.ndarray, np.generic)):
        return True
    if isinstance(value, type):
        return False
    return all(hasattr(value, name) for name in ("__array__", "shape", "dtype"))


def _batch(values: list[Any]) -> Any:
    first = values[0]
    if _is_array(first):
        return _stack(values)
    if isinstance(first, (str, list, type)) or first is None:
        return _same_kind(values)
    for kind, dtype in _NUMBERS:
        if type(first) is kind:
            return np.array(_same_kind(values), dtype)
    if isinstance(first, bytes):
        array = np.empty(len(values), object)
        array[:] = _same_kind(values)
        return array
    if isinstance(first, dict):
        return _batch_dicts(_same_kind(values))
    if isinstance(first, tuple):
        return _batch_tuples(_same_kind(values))
    return list(values)


def _same_kind(values: list[Any]) -> list[Any]:
    kind = type(values[0])
    if any(type(value) is not kind for value in values):
        raise _error("Mismatching types of objects to be batched across requests.")
    return values


def _stack(values: list[Any]) -> Any:
    first = values[0]
    if not all(map(_is_array, values)):
        raise _error("Mismatching types of objects to be batched across requests.")
    if any(value.shape != first.shape or value.dtype != first.dtype for value in values):
        raise _invalid("Rank/Types/Shapes of Tensors to be batched do not match.")
    if _is_torch(first):
        return sys.modules["torch"].stack(values)
    return np.stack([np.asarray(value) for value in values])


def _batch_dicts(values: list[Any]) -> Any:
    keys = values[0].keys()
    if any(value.keys() != keys for value in values):
        raise _error("Mismatching keys in the dictionaries to batch.")
    return {key: _batch([value[key] for value in values]) for key in keys}


def _batch_tuples(values: list[Any]) -> Any:
    first = values[0]
    if any(len(value) != len(first) for value in values):
        raise _error("Mismatching lengths of lists to be batched across requests.")
    parts = [_batch(list(column)) for column in zip(*values)]
    return type(first)(*parts) if _is_namedtuple(first) else tuple(parts)


def _element(result: Any, index: int, size: int) -> Any:
    if result is None:
        return None
    if _is_array(result):
        if not result.shape or result.shape[0] != size:
            raise _invalid("Invalid dimension of the Tensor to unbatch.")
        return result[index]
    if isinstance(result, list):
        if len(result) != size:
            raise _invalid("List to unbatch has invalid length.")
        return result[index]
    if isinstance(result, dict):
        return {key: _element(part, index, size) for key, part in result.items()}
    if isinstance(result, tuple):
        parts = [_element(part, index, size) for part in result]
        return type(result)(*parts) if _is_namedtuple(result) else tuple(parts)
    raise _invalid("Can't unbatch basic type.")
