"""Upstream's name of the patterns of a StructuredWriter."""

from __future__ import annotations

from reverb.patterns import ConditionProto as Condition
from reverb.patterns import Config as StructuredWriterConfig
from reverb.patterns import PatternNode, Priority

__all__ = ["Condition", "PatternNode", "Priority", "StructuredWriterConfig"]
