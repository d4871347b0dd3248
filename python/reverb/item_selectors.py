"""Selectors: how a table picks the item to sample, or to remove. Values; a table reads them when
it is made.
"""

from __future__ import annotations

import functools
import math
from typing import Any


class _Selector:
    """Two are equal if they select alike."""

    kind: str

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        return type(self).__name__


class FifoSelector(_Selector):
    """The oldest item."""

    kind = "fifo"


class LifoSelector(_Selector):
    """The newest item."""

    kind = "lifo"


class UniformSelector(_Selector):
    """Each item with the same probability."""

    kind = "uniform"


class PrioritizedSelector(_Selector):
    """An item with a probability proportional to priority ** priority_exponent; items of priority 0
    only if there are no others.
    """

    kind = "prioritized"

    def __init__(self, priority_exponent: float) -> None:
        self.priority_exponent = float(priority_exponent)
        if not math.isfinite(self.priority_exponent):
            raise ValueError(f"priority_exponent ({priority_exponent}) must be a finite number")

    def __repr__(self) -> str:
        return f"PrioritizedSelector(priority_exponent={self.priority_exponent:g})"


class HeapSelector(_Selector):
    """The item of the lowest (or highest) priority; among equals, the one that was inserted or
    updated first.
    """

    kind = "heap"

    def __init__(self, min_heap: bool) -> None:
        self.min_heap = bool(min_heap)

    def __repr__(self) -> str:
        return f"HeapSelector(sign={1 if self.min_heap else -1})"


Fifo = FifoSelector
Lifo = LifoSelector
Uniform = UniformSelector
Prioritized = PrioritizedSelector
MinHeap = functools.partial(HeapSelector, True)
MaxHeap = functools.partial(HeapSelector, False)

Selector = FifoSelector | LifoSelector | UniformSelector | PrioritizedSelector | HeapSelector


def check(selector: Any, role: str) -> Selector:
    """The selector, or a TypeError that says what it should be."""
    if not isinstance(selector, _Selector):
        raise TypeError(
            f"{role} must be one of reverb.selectors (Fifo(), Uniform(), ...), it is {selector!r}"
        )
    return selector  # type: ignore[return-value]
