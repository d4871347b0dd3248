"""Values that are no plain arrays of numbers, on their way into a column and out of it: texts,
foreign arrays, odd layouts. The extension calls it for what it does not take itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from launchpad.calls import tensors

STRINGS = np.dtype(object)
_NUMBERS = "?bhilqBHILQefdFD"


def as_array(value: Any) -> Any:
    """np.asarray, also of what it does not take, or not whole: torch's tensors of bfloat16 or with
    a gradient, TensorFlow's scalars of texts and bfloat16, texts that end with zero bytes.
    """
    if isinstance(value, (str, bytes)):
        return np.array(value, STRINGS)
    try:
        return np.asarray(value)
    except (RuntimeError, TypeError, ValueError):
        array = tensors.as_numpy(value)
        if array is None and hasattr(value, "numpy"):
            array = as_array(value.numpy())
        if array is None:
            raise
        return array


def plain(value: Any) -> Any:
    """A row-major array of numbers in the machine's byte order; for strings, a list of bytes and
    their shape; or an array of the bits of bfloat16, and that name.

    Raises:
      TypeError: a column cannot hold the value.
    """
    array = as_array(value)
    if array.dtype.kind in "OSU":
        texts = [_as_bytes(element, value) for element in array.reshape(-1)]
        return texts, array.shape
    if array.dtype.name == "bfloat16":
        return np.require(array, requirements="C").view(np.uint16), "bfloat16"
    if array.dtype.char not in _NUMBERS:
        raise TypeError(
            f"a column cannot hold elements of dtype {array.dtype}: it takes bool, integers, "
            f"floats and complex numbers up to 64 (128) bits, bfloat16, str and bytes; "
            f"got {value!r}"
        )
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return np.require(array, requirements="C")


def _as_bytes(element: Any, value: Any) -> bytes:
    if isinstance(element, bytes):
        return element
    if isinstance(element, str):
        return element.encode()
    raise TypeError(
        f"a column cannot hold a {type(element).__name__}: of objects it takes str and bytes; "
        f"got {value!r}"
    )


def strings(texts: list[bytes], shape: Sequence[int]) -> np.ndarray[Any, Any]:
    """An array of bytes objects."""
    array = np.empty(len(texts), dtype=object)
    array[:] = texts
    return array.reshape(shape)
