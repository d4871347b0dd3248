"""Stands in for TensorFlow in tests: a tf.data.Dataset that holds its elements to their specs."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tree

string = "string"


def as_dtype(dtype: Any) -> Any:
    """numpy's own."""
    return np.dtype(dtype)


class TensorSpec:
    """A shape, in which None is any length, a dtype and a name."""

    def __init__(self, shape: Any, dtype: Any, name: str | None = None) -> None:
        self.shape, self.dtype, self.name = tuple(shape), dtype, name

    def check(self, value: Any) -> Any:
        """The value as an array."""
        array = np.asarray(value)
        assert self.dtype == string or array.dtype == self.dtype, (array.dtype, self.dtype)
        assert len(self.shape) == array.ndim
        assert all(a in (None, b) for a, b in zip(self.shape, array.shape, strict=True))
        return array


class _Dataset:
    def __init__(self, make: Callable[[], Iterator[Any]], specs: Any) -> None:
        self._make, self._specs = make, specs

    @classmethod
    def from_generator(cls, make: Callable[[], Iterator[Any]], output_signature: Any) -> _Dataset:
        return cls(make, output_signature)

    def __iter__(self) -> Iterator[Any]:
        for element in self._make():
            yield tree.map_structure(lambda spec, value: spec.check(value), self._specs, element)


data = types.SimpleNamespace(Dataset=_Dataset)
