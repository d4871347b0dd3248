"""Upstream's names of messages, and tables made from them."""

from __future__ import annotations

import numpy as np
import pytest
from reverb_tables import serving

import reverb
from reverb.cc import patterns_pb2, reverb_service_pb2, schema_pb2
from reverb.cc.checkpointing import checkpoint_pb2
from reverb.message_fields import Scalar
from reverb.server_executable import reverb_config_pb2, server_from_proto

S = reverb.selectors

# Of dm-reverb 0.14.0: each field's number, name and type; "[]" if it may come several times.
SERVICE = {
    "CheckpointRequest": "",
    "CheckpointResponse": "1 checkpoint_path string",
    "InitializeConnectionRequest": "1 pid int64, 2 table_name string, 3 ownership_transferred bool",
    "InitializeConnectionResponse": "1 address int64",
    "InsertStreamRequest": "1 chunks ChunkData[], 2 items PrioritizedItem[], "
    "3 keep_chunk_keys uint64[]",
    "InsertStreamResponse": "1 keys uint64[]",
    "MutatePrioritiesRequest": "1 table string, 2 updates KeyWithPriority[], "
    "3 delete_keys uint64[]",
    "MutatePrioritiesResponse": "",
    "ResetRequest": "1 table string",
    "ResetResponse": "",
    "SampleStreamRequest": "1 table string, 2 num_samples int64, 3 rate_limiter_timeout Timeout",
    "SampleStreamResponse": "1 entries SampleEntry[]",
    "ServerInfoRequest": "",
    "ServerInfoResponse": "1 tables_state_id Uint128, 2 table_info TableInfo[]",
}
OTHERS = {
    reverb_service_pb2.SampleStreamResponse.SampleEntry: "1 info SampleInfo, 2 data ChunkData[], "
    "3 end_of_sequence bool",
    schema_pb2.ChunkData: "1 chunk_key uint64, 2 sequence_range SequenceRange, "
    "3 deprecated_data TensorProto[], 4 delta_encoded bool, 5 data Data, 6 data_tensors_len int32, "
    "7 data_uncompressed_size int64",
    schema_pb2.FlatTrajectory.ChunkSlice: "1 chunk_key uint64, 2 offset int32, 3 length int32, "
    "4 index int32",
    schema_pb2.FlatTrajectory.Column: "1 chunk_slices ChunkSlice[], 2 squeeze bool",
    schema_pb2.KeyWithPriority: "1 key uint64, 2 priority double",
    schema_pb2.PrioritizedItem: "1 key uint64, 2 table string, 3 deprecated_chunk_keys uint64[], "
    "4 deprecated_sequence_range SliceRange, 5 priority double, 6 times_sampled int32, "
    "7 inserted_at Timestamp, 8 flat_trajectory FlatTrajectory",
    schema_pb2.SampleInfo: "1 item PrioritizedItem, 2 probability double, 3 table_size int64, "
    "4 rate_limited bool",
    schema_pb2.SequenceRange: "1 episode_id uint64, 2 start int32, 3 end int32, 4 sparse bool",
    schema_pb2.SliceRange: "1 offset int32, 2 length int32",
    schema_pb2.TableInfo: "1 sampler_options KeyDistributionOptions, "
    "2 remover_options KeyDistributionOptions, 3 max_size int64, 4 max_times_sampled int32, "
    "5 rate_limiter_info RateLimiterInfo, 6 signature StructuredValue, 7 current_size int64, "
    "8 name string, 9 num_episodes int64, 10 num_deleted_episodes int64, "
    "11 num_unique_samples int64, 12 table_worker_time TableWorkerTime",
    schema_pb2.Timeout: "1 milliseconds int64",
    schema_pb2.Uint128: "1 high uint64, 2 low uint64",
    checkpoint_pb2.PriorityTableCheckpoint: "1 table_name string, "
    "2 deprecated_items PrioritizedItem[], 3 rate_limiter RateLimiterCheckpoint, "
    "4 sampler KeyDistributionOptions, 5 remover KeyDistributionOptions, 6 max_size int64, "
    "7 max_times_sampled int32, 8 num_deleted_episodes int64, 9 signature StructuredValue, "
    "10 num_unique_samples int64",
    checkpoint_pb2.RateLimiterCheckpoint: "2 samples_per_insert double, 3 min_diff double, "
    "4 max_diff double, 5 min_size_to_sample int64, 6 sample_count int64, 7 insert_count int64, "
    "8 delete_count int64",
    reverb_config_pb2.ReverbServerConfig: "1 tables PriorityTableCheckpoint[], 2 port int32",
}


def fields_of(kind):
    """A message's, as they are written above."""
    written = []
    for name, field in sorted(kind.FIELDS.items(), key=lambda item: item[1].number):
        several = isinstance(field.type, list)
        part = field.type[0] if several else field.type
        called = part.name if isinstance(part, Scalar) else part.DESCRIPTOR.name
        written.append(f"{field.number} {name} {called}{'[]' if several else ''}")
    return ", ".join(written)


def test_the_services_messages_have_upstreams_names_and_fields():
    ours = {name: getattr(reverb_service_pb2, name) for name in reverb_service_pb2.__all__}
    assert {name: fields_of(kind) for name, kind in ours.items()} == SERVICE
    full_names = [kind.DESCRIPTOR.full_name for kind in ours.values()]
    assert full_names == [f"deepmind.reverb.{name}" for name in ours]


@pytest.mark.parametrize("kind", OTHERS, ids=lambda kind: kind.__qualname__)
def test_what_lies_in_the_services_messages_has_upstreams_fields(kind):
    assert fields_of(kind) == OTHERS[kind]
    assert kind.DESCRIPTOR.full_name == f"deepmind.reverb.{kind.__qualname__}"


def test_a_servers_config_has_protobufs_bytes():
    config = reverb_config_pb2.ReverbServerConfig(port=8000)
    table = config.tables.add(table_name="q", max_size=10, max_times_sampled=-1)
    table.rate_limiter.samples_per_insert = 2
    table.rate_limiter.max_diff = 5
    table.rate_limiter.min_size_to_sample = 1
    table.sampler.prioritized.priority_exponent = 0.5
    table.remover.fifo = False
    assert config.SerializeToString() == bytes.fromhex(
        "0a370a01711a141100000000000000402100000000000014402801220b1a0909000000000000e03f2a02080030"
        "0a38ffffffffffffffffff0110c03e"
    )


@pytest.mark.parametrize(
    "selector", [S.Fifo(), S.Lifo(), S.Uniform(), S.Prioritized(0.7), S.MinHeap(), S.MaxHeap()]
)
def test_a_selector_and_its_message_are_each_others(selector):
    limiter = reverb.rate_limiters.MinSize(1)
    options = reverb.Table("t", selector, S.Fifo(), 10, limiter).info.sampler_options
    assert isinstance(options, schema_pb2.KeyDistributionOptions)
    assert server_from_proto.selector_from_proto(options) == selector


def test_a_message_without_a_selector_is_refused():
    with pytest.raises(NotImplementedError, match="distribution"):
        server_from_proto.selector_from_proto(schema_pb2.KeyDistributionOptions())
    with pytest.raises(ValueError, match="the distribution is fifo, but fifo is false"):
        server_from_proto.selector_from_proto(schema_pb2.KeyDistributionOptions(fifo=False))


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
