"""Reverb: experience replay. Tables of items on a server; writers put them in, datasets take them
out. Source-compatible with dm-reverb, without TensorFlow: data are numpy arrays.
"""

from __future__ import annotations

from reverb import item_selectors as selectors
from reverb import rate_limiters
from reverb import structured_writer as structured
from reverb.client import Client, Writer
from reverb.errors import DeadlineExceededError, ReverbError
from reverb.pattern_dataset import PatternDataset
from reverb.platform.default import checkpointers
from reverb.replay_sample import ReplaySample, SampleInfo
from reverb.server import Server, Table
from reverb.specs import TensorShape, TensorSpec
from reverb.structured_writer import StructuredWriter
from reverb.tf_client import TFClient
from reverb.timestep_dataset import TimestepDataset
from reverb.trajectory_dataset import TrajectoryDataset
from reverb.trajectory_writer import TrajectoryColumn, TrajectoryWriter

__all__ = [
    "Client",
    "DeadlineExceededError",
    "PatternDataset",
    "ReplaySample",
    "ReverbError",
    "SampleInfo",
    "Server",
    "StructuredWriter",
    "TFClient",
    "Table",
    "TensorShape",
    "TensorSpec",
    "TimestepDataset",
    "TrajectoryColumn",
    "TrajectoryDataset",
    "TrajectoryWriter",
    "Writer",
    "checkpointers",
    "rate_limiters",
    "selectors",
    "structured",
]
