"""Tables from their configuration as messages: reverb.cc.checkpointing.checkpoint_pb2's, or any
objects with these fields.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reverb import item_selectors, rate_limiters, table_info
from reverb.server import Table


def selector_from_proto(proto: Any) -> item_selectors.Selector:
    """The selector of a KeyDistributionOptions.

    Raises:
      NotImplementedError: it names none.
      ValueError: it names one and says that it is not that one.
    """
    kind = proto.WhichOneof("distribution")
    if kind is None:
        raise NotImplementedError("the distribution is not set")
    if kind == "heap":
        kind = "min_heap" if proto.heap.min_heap else "max_heap"
    elif kind != "prioritized" and not getattr(proto, kind):
        raise ValueError(f"the distribution is {kind}, but {kind} is false")
    return table_info.selector_from_native((kind, proto.prioritized.priority_exponent))


def rate_limiter_from_proto(proto: Any) -> rate_limiters.RateLimiter:
    """The limiter of a RateLimiterCheckpoint or RateLimiterInfo; its counts are not kept."""
    return rate_limiters.RateLimiter(
        samples_per_insert=proto.samples_per_insert,
        min_size_to_sample=proto.min_size_to_sample,
        min_diff=proto.min_diff,
        max_diff=proto.max_diff,
    )


def tables_from_proto(configs: Iterable[Any]) -> list[Table]:
    """A new, empty table of each PriorityTableCheckpoint.

    Raises:
      NotImplementedError, ValueError: see selector_from_proto and Table.
    """
    return [
        Table(
            name=config.table_name,
            sampler=_selector_for("sampler", config.sampler),
            remover=_selector_for("remover", config.remover),
            max_size=config.max_size,
            rate_limiter=rate_limiter_from_proto(config.rate_limiter),
            max_times_sampled=config.max_times_sampled,
        )
        for config in configs
    ]


def _selector_for(role: str, proto: Any) -> item_selectors.Selector:
    try:
        return selector_from_proto(proto)
    except (NotImplementedError, ValueError) as error:
        raise type(error)(f"{role}: {error}") from error
