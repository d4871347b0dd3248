"""The extension's state of a table as a TableInfo."""

from __future__ import annotations

from typing import Any

from reverb import item_selectors, reverb_types, signature


def selector_to_native(selector: reverb_types.SelectorType) -> tuple[str, float]:
    """As the extension takes it: kind and exponent."""
    if isinstance(selector, item_selectors.PrioritizedSelector):
        return selector.kind, selector.priority_exponent
    if isinstance(selector, item_selectors.HeapSelector):
        return "min_heap" if selector.min_heap else "max_heap", 1.0
    return selector.kind, 1.0


def selector_from_native(native: tuple[str, float]) -> reverb_types.SelectorType:
    kind, exponent = native
    if kind == "prioritized":
        return item_selectors.PrioritizedSelector(exponent)
    if kind in ("min_heap", "max_heap"):
        return item_selectors.HeapSelector(kind == "min_heap")
    plain: dict[str, Any] = {
        "fifo": item_selectors.FifoSelector,
        "lifo": item_selectors.LifoSelector,
        "uniform": item_selectors.UniformSelector,
    }
    return plain[kind]()


def from_native(native: dict[str, Any]) -> reverb_types.TableInfo:
    """See reverb_types.TableInfo."""
    samples_per_insert, min_size_to_sample, min_diff, max_diff = native["rate_limiter"]
    stats = reverb_types.RateLimiterCallStats
    return reverb_types.TableInfo(
        name=native["name"],
        sampler_options=reverb_types.options_of(selector_from_native(native["sampler"])),
        remover_options=reverb_types.options_of(selector_from_native(native["remover"])),
        max_size=native["max_size"],
        max_times_sampled=native["max_times_sampled"],
        rate_limiter_info=reverb_types.RateLimiterInfo(
            samples_per_insert=samples_per_insert,
            min_diff=min_diff,
            max_diff=max_diff,
            min_size_to_sample=min_size_to_sample,
            insert_stats=stats(completed=native["inserts"]),
            sample_stats=stats(completed=native["samples"]),
        ),
        signature=None
        if native["signature"] is None
        else signature.from_native(native["signature"]),
        current_size=native["current_size"],
        num_episodes=native["num_episodes"],
        num_deleted_episodes=native["num_deleted_episodes"],
        num_unique_samples=native["num_unique_samples"],
        table_worker_time=reverb_types.TableWorkerTime(),
        num_bytes=native["chunk_bytes"],
        max_bytes=native["max_bytes"],
    )
