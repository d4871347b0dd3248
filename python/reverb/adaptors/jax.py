"""A dataset whose elements are on a device before they are asked for. Needs the package jax."""

from __future__ import annotations

import collections
from collections.abc import Iterator
from typing import Any

import numpy as np
import tree

from reverb.dataset import Dataset


def prefetch_to_device(dataset: Dataset, size: int = 2, device: Any = None) -> Iterator[Any]:
    """The elements as jax arrays, `size` of them on their way to the device. Texts and keys (64
    bits, which jax may not have) stay numpy's.

    Args:
      dataset: batch it first.
      size: elements ahead; at least 1.
      device: as jax.device_put takes it; None: the default one.
    """
    import jax

    if size < 1:
        raise ValueError(f"size ({size}) must be a positive integer")

    def put(leaf: Any) -> Any:
        array = np.asarray(leaf)
        is_key = array.dtype.kind == "O" or array.dtype == np.uint64
        return leaf if is_key else jax.device_put(array, device)

    ahead: collections.deque[Any] = collections.deque()
    for element in dataset:
        ahead.append(tree.map_structure(put, element))
        if len(ahead) > size:
            yield ahead.popleft()
    yield from ahead
