"""Upstream's names of messages, and tables made from them."""

from __future__ import annotations

import numpy as np
import pytest
from reverb_tables import serving

import reverb
from reverb.cc import patterns_pb2, schema_pb2
from reverb.cc.checkpointing import checkpoint_pb2
from reverb.server_executable import server_from_proto

S = reverb.selectors


@pytest.mark.parametrize(
    "selector", [S.Fifo(), S.Lifo(), S.Uniform(), S.Prioritized(0.7), S.MinHeap(), S.MaxHeap()]
)
def test_a_selector_and_its_message_are_each_others(selector):
    limiter = reverb.rate_limiters.MinSize(1)
    options = reverb.Table("t", selector, S.Fifo(), 10, limiter).info.sampler_options
    assert isinstance(options, schema_pb2.KeyDistributionOptions)
    assert server_from_proto.selector_from_proto(options) == selector


def test_a_message_without_a_selector_is_refused():
    with pytest.raises(ValueError, match="distribution"):
        server_from_proto.selector_from_proto(schema_pb2.KeyDistributionOptions())


def test_tables_are_made_of_their_messages_and_serve():
    config = checkpoint_pb2.PriorityTableCheckpoint(
        table_name="t",
        max_size=7,
        max_times_sampled=2,
        rate_limiter=checkpoint_pb2.RateLimiterCheckpoint(
            samples_per_insert=2.0, min_diff=-10.0, max_diff=10.0, min_size_to_sample=1
        ),
        sampler=schema_pb2.KeyDistributionOptions(prioritized={"priority_exponent": 0.5}),
        remover=schema_pb2.KeyDistributionOptions(fifo=True),
    )
    (table,) = server_from_proto.tables_from_proto([config])
    info = table.info
    assert (info.name, info.max_size, info.max_times_sampled) == ("t", 7, 2)
    assert info.sampler_options.prioritized.priority_exponent == 0.5
    assert info.remover_options.fifo
    limiter = info.rate_limiter_info
    assert (limiter.samples_per_insert, limiter.min_diff, limiter.max_diff) == (2, -10, 10)
    with serving(table) as server:
        client = server.localhost_client()
        client.insert([np.float32(3)], {"t": 1.0})
        (sample,) = client.sample("t", emit_timesteps=False)
        assert sample.data[0] == 3


def test_patterns_have_upstreams_names():
    config = reverb.structured.create_config(
        reverb.structured.pattern_from_transform({"x": None}, lambda ref: ref["x"][-1]), "t"
    )
    assert isinstance(config, patterns_pb2.StructuredWriterConfig)
    assert all(isinstance(node, patterns_pb2.PatternNode) for node in config.flat)
