"""What Table.info and Client.server_info give, and type hints. Values."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from reverb import item_selectors
from reverb.message_fields import BOOL, DOUBLE, INT64, Field
from reverb.messages import Message

Fifo = item_selectors.FifoSelector
Heap = item_selectors.HeapSelector
Lifo = item_selectors.LifoSelector
Prioritized = item_selectors.PrioritizedSelector
Uniform = item_selectors.UniformSelector
SelectorType = item_selectors.Selector

# A nest (dict, list, tuple) of reverb.specs.TensorSpec, or of anything with shape and dtype.
SpecNest = Any


class KeyDistributionOptions(Message):
    """A selector."""

    class Prioritized(Message):
        """Prioritized(priority_exponent)."""

        FIELDS: ClassVar[dict[str, Field]] = {"priority_exponent": Field(1, DOUBLE)}

    class Heap(Message):
        """MinHeap(), or MaxHeap()."""

        FIELDS: ClassVar[dict[str, Field]] = {"min_heap": Field(1, BOOL)}

    FIELDS: ClassVar[dict[str, Field]] = {
        "fifo": Field(1, BOOL, "distribution"),
        "uniform": Field(2, BOOL, "distribution"),
        "prioritized": Field(3, Prioritized, "distribution"),
        "heap": Field(4, Heap, "distribution"),
        "lifo": Field(6, BOOL, "distribution"),
        "is_deterministic": Field(7, BOOL),
    }


class RateLimiterCallStats(Message):
    """How many calls the limiter let pass."""

    FIELDS: ClassVar[dict[str, Field]] = {"completed": Field(2, INT64)}


class RateLimiterInfo(Message):
    """A limiter's configuration and counters."""

    FIELDS: ClassVar[dict[str, Field]] = {
        "samples_per_insert": Field(1, DOUBLE),
        "min_diff": Field(2, DOUBLE),
        "max_diff": Field(3, DOUBLE),
        "min_size_to_sample": Field(4, INT64),
        "insert_stats": Field(5, RateLimiterCallStats),
        "sample_stats": Field(6, RateLimiterCallStats),
    }


class TableWorkerTime(Message):
    """Kept for dm-reverb's sake: tables here have no worker threads, so all is 0."""

    FIELDS: ClassVar[dict[str, Field]] = {
        "running_ms": Field(1, INT64),
        "sampling_ms": Field(2, INT64),
        "inserting_ms": Field(3, INT64),
        "sleeping_ms": Field(4, INT64),
        "waiting_for_sampling_ms": Field(5, INT64),
        "waiting_for_inserts_ms": Field(6, INT64),
    }


@dataclasses.dataclass
class TableInfo:
    """The state of a table.

    Fields:
      signature: a nest of reverb.specs.TensorSpec, or None.
      current_size: items.
      num_episodes: whose data the table has; num_deleted_episodes: had, and lost.
      num_unique_samples: items in the table that were sampled at least once.
      num_bytes: of the data that the table's items hold, as stored; data that items share counts
        once.
      max_bytes: beyond which the remover is asked too; 0: no limit.
    """

    name: str
    sampler_options: KeyDistributionOptions
    remover_options: KeyDistributionOptions
    max_size: int
    max_times_sampled: int
    rate_limiter_info: RateLimiterInfo
    signature: Any
    current_size: int
    num_episodes: int
    num_deleted_episodes: int
    num_unique_samples: int
    table_worker_time: TableWorkerTime
    num_bytes: int = 0
    max_bytes: int = 0


def options_of(selector: SelectorType) -> KeyDistributionOptions:
    """The message for a selector."""
    if isinstance(selector, Prioritized):
        options = KeyDistributionOptions.Prioritized(priority_exponent=selector.priority_exponent)
        return KeyDistributionOptions(prioritized=options)
    if isinstance(selector, Heap):
        return KeyDistributionOptions(
            heap=KeyDistributionOptions.Heap(min_heap=selector.min_heap), is_deterministic=True
        )
    if isinstance(selector, Uniform):
        return KeyDistributionOptions(uniform=True)
    return KeyDistributionOptions(**{selector.kind: True}, is_deterministic=True)


def selector_of(options: KeyDistributionOptions) -> SelectorType:
    """The selector of a message.

    Raises:
      ValueError: it says none.
    """
    kind = options.WhichOneof("distribution")
    if kind == "prioritized":
        return Prioritized(options.prioritized.priority_exponent)
    if kind == "heap":
        return Heap(options.heap.min_heap)
    if kind is None:
        raise ValueError("the options name no selector")
    found: Any = {"fifo": Fifo, "lifo": Lifo, "uniform": Uniform}[kind]
    return found()
