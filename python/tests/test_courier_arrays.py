"""numpy arrays go through a call, as arguments and as results, and arrive as they were."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

DTYPES = [
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "float32", "float64", "longdouble", "complex64", "complex128", "clongdouble",
    "S3", "U3", "V4", "datetime64[ns]", "datetime64[D]", "timedelta64[s]",
    "longlong", "ulonglong", "intc", "uintc",
    [("a", "<i4"), ("b", "<f8", (2,))],
    np.dtype([("a", "i1"), ("b", "f8")], align=True),
]  # fmt: skip


def check(client, array):
    result = client.same(array)
    assert type(result) is np.ndarray
    if array.dtype.kind in "mM" or array.dtype.char in "gG":
        # numpy's own pickles put these in the machine's order, with the same values.
        array = array.astype(array.dtype.newbyteorder("="))
    assert result.dtype == array.dtype
    assert result.shape == array.shape
    if array.dtype.names is None:  # Else padding may differ.
        assert result.tobytes() == array.tobytes()
    assert repr(result.tolist()) == repr(array.tolist())
    assert result.flags.writeable
    described = client.describe(array)
    assert described[:2] == (str(array.dtype), array.shape)
    return result


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_dtype_arrives_in_both_byte_orders(client, dtype, order):
    dtype = np.dtype(dtype)
    if dtype.kind == "V":
        array = np.frombuffer(bytes(i % 2 for i in range(12 * dtype.itemsize)), dtype)
    else:
        array = np.arange(12).astype(dtype)
    check(client, array.reshape(3, 4).astype(dtype.newbyteorder(order)))


@pytest.mark.parametrize("dtype", ["int16", "float32", "float64", "complex64"])
def test_values_of_big_endian_arrays_are_right(client, dtype):
    array = np.array([1, 2, 300], np.dtype(dtype).newbyteorder(">"))
    assert client.describe(array)[3] == [1, 2, 300]
    assert client.same(array).tolist() == [1, 2, 300]


BASE = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
LAYOUTS = {
    "contiguous": BASE,
    "fortran": np.asfortranarray(BASE),
    "transposed": BASE.T,
    "strided": BASE[:, ::2, 1:],
    "reversed": BASE[::-1, :, ::-1],
    "broadcast": np.broadcast_to(np.float32(7), (3, 4)),
    "zero-d": np.array(5.5),
    "zero-size": np.zeros((0, 3)),
    "zero-size-inner": np.zeros((3, 0, 2), np.int8),
    "one": np.ones((1, 1, 1)),
    "read-only": np.frombuffer(b"12345678", np.uint8),
    "unaligned": np.frombuffer(b"x" * 33, np.uint8)[1:].view(np.float64),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_arrives(client, name):
    array = LAYOUTS[name]
    assert check(client, array).tolist() == array.tolist()
    assert client.describe(array)[3] == array.tolist()


@pytest.mark.parametrize("size", [1, 10, 1000, 4096, 100_000, 3_000_000])
def test_arrays_of_every_size_can_be_changed_by_whoever_gets_them(client, size):
    array = np.arange(size, dtype=np.float64)
    result = client.same(array)
    result += 1
    assert (result == array + 1).all()
    (argument_writable, _) = client.writable(array)
    assert argument_writable
    assert (client.add_in_place(array) == array + 1).all()
    assert array[0] == 0


def test_a_received_array_does_not_change_with_the_next_call(client):
    arrays = [client.same(np.full(5000, i)) for i in range(20)]
    futures = [client.futures.same(np.full(5000, i)) for i in range(20)]
    results = [future.result() for future in futures]
    assert [a[0] for a in arrays] == [a[-1] for a in results] == list(range(20))


def test_an_array_may_be_changed_once_its_call_was_made(client):
    big = np.zeros(4_000_000, np.uint8)
    future = client.futures.describe(big[:10])
    assert future.result()[3] == [0] * 10
    futures = []
    array = np.zeros(1000)
    for i in range(50):
        array[:] = i
        futures.append(client.futures.same(array))
    assert [f.result()[0] for f in futures] == list(range(50))


def test_object_arrays_arrive(client):
    array = np.array([None, "text", [1], {"a": 2}], object)
    result = client.same(array)
    assert result.dtype == object and result.tolist() == array.tolist()


def test_masks_and_subclasses_arrive(client):
    masked = np.ma.masked_array([1, 2, 3], [0, 1, 0])
    result = client.same(masked)
    assert isinstance(result, np.ma.MaskedArray)
    assert result.mask.tolist() == [False, True, False]
    records = np.rec.array([(1, 2.0)], dtype=[("a", int), ("b", float)])
    assert isinstance(client.same(records), np.recarray)


@pytest.mark.parametrize(
    "value",
    [
        np.float32(1.5),
        np.float64(1.5),
        np.int8(-3),
        np.uint64(2**64 - 1),
        np.bool_(True),
        np.str_("text"),
        np.bytes_(b"bytes"),
        np.complex64(1 + 2j),
        np.datetime64("2020-01-02"),
        np.longdouble("1.1"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_numpy_scalars_arrive(client, value):
    result = client.same(value)
    assert type(result) is type(value) and result == value
    assert client.kind(value) == f"numpy.{type(value).__name__}"


@pytest.mark.parametrize("value", [np.dtype("f4"), np.float32, np.random.RandomState(3)])
def test_numpys_other_objects_arrive(client, value):
    result = client.same(value)
    assert type(result) is type(value)


def test_nested_arrays_arrive(client):
    tree = {
        "a": [np.ones(3), {"b": (np.zeros((2, 2), np.int32), "text")}],
        "big": np.arange(100_000),
        "none": None,
    }
    result = client.same(tree)
    assert result["a"][0].tolist() == [1, 1, 1]
    assert result["a"][1]["b"][0].dtype == np.int32
    assert isinstance(result["a"][1]["b"], tuple)
    assert (result["big"] == np.arange(100_000)).all()


def test_arrays_beside_values_that_need_pickle_arrive_writable(client):
    tree = {"set": {1}, "small": np.ones(3), "big": np.ones(200_000), "be": np.ones(3, ">f4")}
    result = client.same(tree)
    for name in ("small", "big", "be"):
        assert result[name].flags.writeable, name
        result[name] += 1
        assert (result[name] == 2).all()


def test_an_array_of_64_mib_arrives(client):
    array = np.arange(2**23, dtype=np.float64)
    result = client.same(array)
    assert (result == array).all()
    assert (client.futures.same(array).result() == array).all()


def test_arrays_that_share_memory_arrive_each_on_its_own(client):
    array = np.arange(10_000)
    first, second = client.same([array, array[::-1]])
    first[0] = -1
    assert second[-1] == 0


@pytest.mark.parametrize("rank", [32, 33, 64])
def test_arrays_of_high_rank_arrive(client, rank):
    array = np.ones((1,) * rank)
    assert client.same(array).shape == array.shape


def test_memory_of_received_arrays_is_given_back(client):
    import resource

    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

    array = np.ones(2**20)
    client.same(array)
    before = peak()
    for _ in range(50):
        client.same(array)
    assert peak() - before < 100


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn", "float8_e5m2", "int4"])
@pytest.mark.parametrize("size", [0, 6, 300_000])
def test_arrays_of_ml_dtypes_arrive(client, dtype, size):
    array = (np.arange(size) % 7).astype(getattr(ml_dtypes, dtype)).reshape(2, -1)
    for sent in (array, array.T, array[:, ::2]):
        result = client.same(sent)
        assert result.dtype == sent.dtype and result.shape == sent.shape
        assert result.tolist() == sent.tolist()
    [nested] = client.same([{"a": array}])[0].values()
    assert nested.tolist() == array.tolist()
    assert client.describe(array)[0] == dtype


def test_a_single_bfloat16_arrives(client):
    for value in (ml_dtypes.bfloat16(1.5), np.array(1.5, ml_dtypes.bfloat16)):
        result = client.same(value)
        assert result == value and result.dtype == ml_dtypes.bfloat16


BFLOATS = """
import sys
import courier
import launchpad as lp
import numpy as np

class Server:
    def make(self):
        import ml_dtypes
        return np.ones(3, ml_dtypes.bfloat16)

def ask(server):
    sys.modules["ml_dtypes"] = None  # As if it were not installed.
    try:
        server.make()
    except ValueError as error:
        print(error, flush=True)
    lp.stop()

program = lp.Program("p")
program.add_node(lp.PyNode(ask, program.add_node(lp.CourierNode(Server), "s")), "ask")
lp.launch(program, "local_mp")
"""


def test_whoever_lacks_ml_dtypes_is_told_to_install_it(run):
    ended = run(BFLOATS)
    assert "bfloat16 came, and Python has no such type: pip install ml_dtypes" in ended.out
