"""Messages as protobuf's: what is set and when, their bytes, and their text. What the bytes are is
what protobuf made of dm-reverb 0.14.0's own definitions.
"""

from __future__ import annotations

import copy
import pickle
import types

import numpy as np
import pytest

from reverb import foreign_messages, message_bytes, message_text
from reverb.cc import patterns_pb2, reverb_service_pb2, schema_pb2
from reverb.server_executable import reverb_config_pb2

INSERT = bytes.fromhex(
    "0a380807120d0880808080808080808001180220012a210a1f0801120d120b08ffffffffffffffffff01220200ff2a"
    "080000c03f000000c03001123808feffffffffffffffff01120371c3bc29000000000000008030ffffffffffffffff"
    "ff013a060880e2cfaa06420a0a080a040807180110011a0b07ffffffffffffffffff01"
)
INFO = bytes.fromhex(
    "0a0222003226aa03230a0a0a017812058a020218090a0c0a017912079a03040a020a000a070a017a12026003420171"
)


def insert_request():
    """What INSERT is."""
    request = reverb_service_pb2.InsertStreamRequest(keep_chunk_keys=[7, 2**64 - 1])
    chunk = request.chunks.add(chunk_key=7, delta_encoded=True, data_tensors_len=1)
    chunk.sequence_range.episode_id = 2**63
    chunk.sequence_range.end = 2
    tensor = chunk.data.tensors.add(dtype="DT_FLOAT", tensor_content=b"\x00\xff")
    tensor.float_val.extend([1.5, -2])
    tensor.tensor_shape.dim.add(size=-1)
    item = request.items.add(key=2**64 - 2, table="qü", priority=-0.0, times_sampled=-1)
    item.inserted_at.seconds = 1_700_000_000
    column = item.flat_trajectory.columns.add(squeeze=True)
    column.chunk_slices.add(chunk_key=7, length=1)
    return request


def table_info():
    """What INFO is."""
    info = schema_pb2.TableInfo(name="q")
    nest = info.signature.dict_value.fields
    nest["x"].tensor_spec_value.dtype = 9
    nest["y"].list_value.values.add().none_value.SetInParent()
    nest["z"].int64_value = -2
    info.sampler_options.heap.SetInParent()
    return info


@pytest.mark.parametrize(
    ("make", "data"), [(insert_request, INSERT), (table_info, INFO)], ids=["insert", "info"]
)
def test_a_message_has_protobufs_bytes_and_is_read_from_them(make, data):
    message = make()
    assert message.SerializeToString() == data
    assert message.ByteSize() == len(data)
    assert type(message).FromString(data) == message
    assert message == pickle.loads(pickle.dumps(message)) == copy.deepcopy(message)
    parsed = type(message)()
    assert parsed.ParseFromString(data) == len(data)
    assert parsed.ParseFromString(data) and parsed == message  # Not twice as much.


def test_a_part_is_set_with_the_first_change_to_it():
    item = schema_pb2.PrioritizedItem()
    columns = item.flat_trajectory.columns
    assert len(columns) == 0 and not item.HasField("flat_trajectory")
    columns.add()
    assert item.HasField("flat_trajectory") and len(item.flat_trajectory.columns) == 1
    asked_before = item.inserted_at
    item.Clear()
    columns.add()
    asked_before.seconds = 1
    assert not item.HasField("flat_trajectory") and item == schema_pb2.PrioritizedItem()


def test_of_a_oneof_the_last_that_was_set_is():
    options = schema_pb2.KeyDistributionOptions(fifo=True)
    options.heap.min_heap = True
    assert options.WhichOneof("distribution") == "heap" and not options.fifo
    options.lifo = False
    assert options.WhichOneof("distribution") == "lifo" and not options.HasField("heap")
    assert options.SerializeToString() == b"\x30\x00"


def test_a_message_in_another_is_a_copy():
    item = schema_pb2.KeyWithPriority()
    request = reverb_service_pb2.MutatePrioritiesRequest()
    for key in (1, 2):
        item.key = key
        request.updates.append(item)
    item.key = 3
    assert [update.key for update in request.updates] == [1, 2]
    copied = reverb_service_pb2.MutatePrioritiesRequest()
    copied.CopyFrom(request)
    copied.updates[0].key = 7
    assert request.updates[0].key == 1
    copied.CopyFrom(copied)
    assert copied.updates[0].key == 7


def test_a_list_takes_what_is_right_only():
    request = reverb_service_pb2.MutatePrioritiesRequest(updates=[{"key": 1, "priority": 2.0}])
    keys = request.delete_keys
    keys += [np.uint64(5)]
    keys.insert(0, 4)
    keys[1:] = [6, 7]
    assert request.delete_keys == [4, 6, 7] and request.updates[0].priority == 2.0
    for change in (
        keys.append,
        lambda value: keys.insert(0, value),
        lambda value: keys.extend([value]),
    ):
        with pytest.raises(TypeError, match="delete_keys must be a whole number"):
            change(1.5)
    with pytest.raises(ValueError, match="delete_keys must be from 0 to 18446744073709551615"):
        keys[0] = -1
    with pytest.raises(TypeError, match="updates must be a KeyWithPriority"):
        request.updates.append(schema_pb2.Uint128())
    request.delete_keys = []
    assert not request.HasField("delete_keys")


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: schema_pb2.SliceRange(offset=2**31), ValueError, "offset must be from -21474836"),
        (lambda: schema_pb2.Uint128(low=-1), ValueError, "low must be from 0 to 184467440737"),
        (lambda: schema_pb2.KeyWithPriority(priority="1"), TypeError, "priority must be a number"),
        (lambda: schema_pb2.SampleInfo(rate_limited=0.5), TypeError, "must be True or False"),
        (lambda: schema_pb2.PrioritizedItem(table=1), TypeError, "table must be str, it is 1"),
        (lambda: schema_pb2.SampleInfo(item=1), TypeError, "item must be a PrioritizedItem"),
        (lambda: schema_pb2.Timeout(seconds=1), ValueError, 'Timeout has no "seconds" field'),
        (lambda: foreign_messages.TensorProto(dtype="DT_X"), ValueError, "no value named 'DT_X'"),
        (lambda: schema_pb2.Timeout().HasField("x"), ValueError, 'Timeout has no "x" field'),
    ],
)
def test_a_value_that_protobuf_refuses_is_refused(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_numpys_values_and_protobufs_own_messages_are_taken():
    item = schema_pb2.PrioritizedItem(key=np.uint64(3), priority=np.float32(0.5))
    now = types.SimpleNamespace(
        DESCRIPTOR=types.SimpleNamespace(full_name="google.protobuf.Timestamp"),
        SerializeToString=lambda: b"\x08\x05",
    )
    item.inserted_at = now
    assert (item.key, item.priority, item.inserted_at.seconds) == (3, 0.5, 5)
    item.inserted_at.MergeFrom(now)
    assert item.inserted_at == foreign_messages.Timestamp(seconds=5)


def test_merging_sets_anew_and_lengthens():
    first = schema_pb2.PrioritizedItem(key=1, table="t", inserted_at={"seconds": 1})
    second = schema_pb2.PrioritizedItem(key=2, inserted_at={"nanos": 3})
    for item in (first, second):
        item.flat_trajectory.columns.add(squeeze=True)
    first.MergeFrom(second)
    assert (first.key, first.table) == (2, "t")
    assert first.inserted_at == foreign_messages.Timestamp(seconds=1, nanos=3)
    assert len(first.flat_trajectory.columns) == 2
    first.Clear()
    assert first == schema_pb2.PrioritizedItem()


def test_fields_that_are_not_known_are_left_out():
    data = b"\x08\x07" + b"\x78\x01" + b"\x12\x01x" + b"\x85\x01\x00\x00\x00\x00"
    key = schema_pb2.KeyWithPriority.FromString(data)
    assert key == schema_pb2.KeyWithPriority(key=7)  # The text is of another wire type.


def test_numbers_are_read_one_by_one_as_well_as_packed():
    response = reverb_service_pb2.InsertStreamResponse
    assert response.FromString(b"\x08\x01\x08\x02") == response(keys=[1, 2])
    assert response.FromString(b"\x0a\x02\x01\x02") == response(keys=[1, 2])


@pytest.mark.parametrize(
    ("kind", "data", "text"),
    [
        (schema_pb2.Timeout, b"\x08", "a number goes beyond the end"),
        (schema_pb2.Timeout, b"\x08" + b"\xff" * 10 + b"\x01", "more than ten bytes"),
        (schema_pb2.Timeout, b"\x00\x01", "the number 0"),
        (schema_pb2.Timeout, b"\x0b", "field 1 has the wire type 3"),
        (schema_pb2.KeyWithPriority, b"\x11\x00", "field 2 goes beyond the end"),
        (schema_pb2.PrioritizedItem, b"\x12\x01\xff", "table is not UTF-8"),
        (foreign_messages.TensorProto, b"\x2a\x03\x00\x00\x00", "float_val has a part of a number"),
        (schema_pb2.SampleInfo, b"\x0a\x02\x3a\x05", "goes beyond the end"),
    ],
)
def test_bytes_that_are_no_messages_are_refused(kind, data, text):
    with pytest.raises(message_bytes.DecodeError, match=text):
        kind.FromString(data)


def test_messages_lie_in_messages_only_so_deep():
    data = b""
    for _ in range(60):
        data = _in(51, _in(1, data))  # A list in a list.
    with pytest.raises(message_bytes.DecodeError, match="more than 100 deep"):
        foreign_messages.StructuredValue.FromString(data)
    text = "list_value { values {" * 60 + "}}" * 60
    with pytest.raises(message_text.ParseError, match="more than 100 deep"):
        message_text.parse(text, foreign_messages.StructuredValue())


def _in(number: int, data: bytes) -> bytes:
    sizes = [number << 3 | 2, len(data)]
    return b"".join(bytes([n]) if n < 128 else bytes([n & 127 | 128, n >> 7]) for n in sizes) + data


def test_all_of_the_text_format_is_read():
    text = """
        # A comment, {with: marks}
        port: 0x1F90; tables < table_name: 'a"' "\\x41\\101\\n\\u00fc" 'ü', max_size: 010,>
        tables: [{
            rate_limiter: {samples_per_insert: 1.5f min_diff: - 1e3 max_diff: INF}
            sampler { fifo: t is_deterministic: 1 } remover { lifo: False }
            signature { dict_value {
                fields { key: "x" value { tensor_dtype_value: DT_INT64 } }
                fields: [{ key: "y" value { int64_value: -2 } }]
            } }
            deprecated_items { deprecated_chunk_keys: [1, 2] deprecated_chunk_keys: 3 }
        }, {}]"""
    config = message_text.parse(text, reverb_config_pb2.ReverbServerConfig())
    first, second, third = config.tables
    assert config.port == 8080 and third == type(third)()
    assert (first.table_name, first.max_size) == ('a"AA\nüü', 8)
    limiter = second.rate_limiter
    assert (limiter.samples_per_insert, limiter.min_diff) == (1.5, -1000)
    assert limiter.max_diff == float("inf")
    assert second.sampler == schema_pb2.KeyDistributionOptions(fifo=True, is_deterministic=True)
    assert second.remover.WhichOneof("distribution") == "lifo" and not second.remover.lifo
    nest = second.signature.dict_value.fields
    assert (nest["x"].tensor_dtype_value, nest["y"].int64_value) == (9, -2)
    assert second.deprecated_items[0].deprecated_chunk_keys == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("prt: 1", "1:1: ReverbServerConfig has no field prt; did you mean port?"),
        ("zzz: 1", "1:1: ReverbServerConfig has no field zzz; it has tables, port"),
        ("\n  port: x", "2:9: port must be a whole number, it is x"),
        ("port: 1.5", "1:7: port must be a whole number, it is 1.5"),
        ("port: 089", "1:7: port must be a whole number, it is 089"),
        ("port: -x", "1:7: port must be a whole number, it is -x"),
        ("port: 9999999999", "1:1: port must be from -2147483648 to 2147483647"),
        (f"port: {'9' * 5000}", "1:7: port must be a whole number, it is 999"),
        ("port: 1 port: 2", "1:9: port is set twice"),
        ("port 1", "1:6: ':' should follow port, it is 1"),
        ("port: 1 }", "1:9: a field's name should come here, it is }"),
        ("port: @", "1:7: '@' is out of place"),
        ("tables: 1", "1:9: '{' should follow tables, it is 1"),
        ("tables {", "1:9: a field's name or '}' should come here, it is the end"),
        ("tables { >", "1:10: a field's name or '}' should come here, it is >"),
        ("tables [{} {}]", "1:12: ',' or ']' should come here, it is {"),
        ("tables { table_name: q }", "1:22: table_name must be in quotes, it is q"),
        ("tables { table_name: 'q }", "1:22: a string has no end on its line"),
        (r"tables { table_name: '\q' }", r"1:22: table_name: \q is no escape"),
        (r"tables { table_name: '\ud800' }", r"1:22: table_name: \ud800 is no character"),
        (r"tables { table_name: '\U00110000' }", "1:22: table_name:"),
        (r"tables { table_name: '\xff' }", "1:22: table_name is not UTF-8"),
        ("tables { sampler { fifo: 2 } }", "1:26: fifo must be true or false, it is 2"),
        ("tables { rate_limiter { min_diff: x } }", "1:35: min_diff must be a number, it is x"),
        ("tables { rate_limiter { min_diff: 010 } }", "1:35: min_diff must be a number, it is 010"),
        (
            "tables { sampler { fifo: true lifo: true } }",
            "1:31: lifo is set beside fifo, but distribution is one of them",
        ),
        (
            "tables { signature { type_spec_value { type_spec_class: X } } }",
            "1:57: type_spec_class must be one of UNKNOWN, SPARSE_TENSOR_SPEC",
        ),
    ],
)
def test_text_that_is_no_messages_is_refused_with_its_place(text, why):
    with pytest.raises(message_text.ParseError) as refused:
        message_text.parse(text, reverb_config_pb2.ReverbServerConfig())
    assert str(refused.value).startswith(why)


def test_whether_a_step_starts_is_told_from_0():
    node = patterns_pb2.PatternNode(stop=0)
    assert node.HasField("stop") and not node.HasField("start")
    assert node.SerializeToString() == b"\x18\x00"
