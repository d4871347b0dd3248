"""Stands in for JAX in tests: arrays on numpy arrays, with what the package asks of them."""

from __future__ import annotations

from typing import Any

import numpy as np


class Array:
    """What isinstance asks for."""


class ArrayImpl(Array):
    """Elements, which nobody may write to."""

    def __init__(self, array: Any, weak_type: bool = False, device: Any = None) -> None:
        self._array = array.view()
        self._array.flags.writeable = False
        self.weak_type, self.device = weak_type, device

    def __array__(self, *args: Any, **options: Any) -> Any:
        bits = self._array.view(f"u{self._array.itemsize}")
        # What its memory is of, numpy cannot see.
        return np.asarray(memoryview(bits)).view(self._array.dtype)

    def __dlpack__(self, **options: Any) -> Any:
        raise AssertionError("it has __array__")

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0


def device_put(array: Any, device: Any = None) -> ArrayImpl:
    """Over the array's memory."""
    return ArrayImpl(array, device=device)
