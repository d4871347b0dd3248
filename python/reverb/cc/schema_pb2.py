"""Upstream's name of what a TableInfo is made of."""

from __future__ import annotations

from reverb.reverb_types import (
    KeyDistributionOptions,
    RateLimiterCallStats,
    RateLimiterInfo,
    TableWorkerTime,
)

__all__ = [
    "KeyDistributionOptions",
    "RateLimiterCallStats",
    "RateLimiterInfo",
    "TableWorkerTime",
]
