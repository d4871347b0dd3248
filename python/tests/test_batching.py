"""batched_handler: what the function sees of a batch, what callers get; waiting is free."""

from __future__ import annotations

import collections
import concurrent.futures
import datetime
import pickle
import threading

import cloudpickle
import numpy as np
import pytest

import courier
import launchpad as lp
from launchpad.errors import StatusCode, StatusNotOk
from launchpad.nodes.courier import batching, courier_utils

FOR_EVER = datetime.timedelta(days=1)
SOON = datetime.timedelta(milliseconds=1)


def batched(requests):
    return batching.batch_requests([(args, {}) for args in requests])[0]


def test_numbers_become_arrays_of_their_kind():
    for values, dtype in [((1, 2), np.int64), ((1.5, 2.0), np.float64), ((True, False), np.bool_)]:
        (array,) = batched([(value,) for value in values])
        assert isinstance(array, np.ndarray)
        assert array.dtype == dtype
        assert array.tolist() == list(values)


def test_arrays_are_stacked_on_a_new_first_axis():
    (array,) = batched([(np.full((2, 3), i, np.float32),) for i in range(4)])
    assert array.shape == (4, 2, 3)
    assert array.dtype == np.float32
    (scalars,) = batched([(np.float16(1),), (np.float16(2),)])
    assert scalars.shape == (2,)
    assert scalars.dtype == np.float16


def test_bytes_become_an_object_array():
    (array,) = batched([(b"a",), (b"b\0",)])
    assert array.dtype == object
    assert array.tolist() == [b"a", b"b\0"]


@pytest.mark.parametrize("value", ["text", None, int, [1, 2], {3}])
def test_other_values_become_lists(value):
    assert batched([(value,), (value,)]) == ([value, value],)


Point = collections.namedtuple("Point", "x y")


def test_tuples_and_dicts_are_batched_within():
    (point, table) = batched([(Point(i, "p"), {"a": (i, np.arange(2))}) for i in range(3)])
    assert isinstance(point, Point)
    assert point.x.tolist() == [0, 1, 2]
    assert point.y == ["p"] * 3
    assert table["a"][0].tolist() == [0, 1, 2]
    assert table["a"][1].shape == (3, 2)


@pytest.mark.parametrize(
    ("requests", "code", "message"),
    [
        (
            [((1,), {}), ((1, 2), {})],
            StatusCode.INTERNAL,
            "Requests in a batch do not have the same number of arguments.",
        ),
        (
            [((), {"a": 1}), ((), {"b": 1})],
            StatusCode.INTERNAL,
            "Mismatching keys in the kwargs to batch.",
        ),
        (
            [((1,), {}), (("1",), {})],
            StatusCode.INTERNAL,
            "Mismatching types of objects to be batched across requests.",
        ),
        (
            [(((1,),), {}), (((1, 2),), {})],
            StatusCode.INTERNAL,
            "Mismatching lengths of lists to be batched across requests.",
        ),
        (
            [(({"a": 1},), {}), (({"b": 1},), {})],
            StatusCode.INTERNAL,
            "Mismatching keys in the dictionaries to batch.",
        ),
        (
            [((np.zeros(2),), {}), ((np.zeros(3),), {})],
            StatusCode.INVALID_ARGUMENT,
            "Rank/Types/Shapes of Tensors to be batched do not match.",
        ),
    ],
)
def test_requests_that_do_not_fit_together_are_refused(requests, code, message):
    with pytest.raises(StatusNotOk) as raised:
        batching.batch_requests(requests)
    assert str(raised.value) == message
    assert raised.value.code == code


def test_results_are_split_through_tuples_and_dicts():
    result = (np.arange(6).reshape(3, 2), {"a": ["x", "y", "z"]}, Point([1, 2, 3], None))
    first, _, last = batching.unbatch_result(result, 3, 3)
    assert first[0].tolist() == [0, 1]
    assert last[0].tolist() == [4, 5]
    assert last[1] == {"a": "z"}
    assert last[2] == Point(3, None)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (3, "Can't unbatch basic type."),
        ("abc", "Can't unbatch basic type."),
        ([1, 2], "List to unbatch has invalid length."),
        (np.zeros(2), "Invalid dimension of the Tensor to unbatch."),
        (np.float64(2), "Invalid dimension of the Tensor to unbatch."),
    ],
)
def test_results_that_are_no_batch_are_refused(result, message):
    with pytest.raises(StatusNotOk) as raised:
        batching.unbatch_result(result, 3, 3)
    assert str(raised.value) == message
    assert raised.value.code == StatusCode.INVALID_ARGUMENT


class Model:
    """What the tests serve."""

    def __init__(self, **options):
        self.sizes = []
        self.double = lp.batched_handler(**options)(self.double)
        self.fail = lp.batched_handler(**options)(self.fail)

    def double(self, x, offset=None):
        self.sizes.append(len(x))
        return x * 2 if offset is None else x * 2 + offset

    def fail(self, x):
        raise KeyError("no such thing")

    def plain(self):
        return "plain"


@pytest.fixture
def serve():
    servers = []

    def serve(model, threads=1):
        server = courier_utils.make_courier_server(model, thread_pool_size=threads)
        server.Start()
        servers.append(server)
        return courier.Client(server.address, call_timeout=20)

    yield serve
    for server in servers:
        server.Stop()


def test_many_clients_share_batches_on_a_server_of_one_thread(serve):
    model = Model(batch_size=5, timeout=FOR_EVER)
    client = serve(model)
    others = [courier.Client(client.address) for _ in range(4)]
    futures = [
        c.futures.double(np.full(3, float(i)), offset=np.ones(3))
        for i, c in enumerate([client, *others] * 4)
    ]
    for i, future in enumerate(futures):
        np.testing.assert_array_equal(future.result(20), np.full(3, i * 2.0 + 1))
    assert model.sizes == [5, 5, 5, 5]


def test_a_waiting_call_leaves_the_only_thread_to_others(serve):
    model = Model(batch_size=2, timeout=FOR_EVER)
    client = serve(model)
    waiting = client.futures.double(1)
    assert client.plain() == "plain"
    assert not waiting.done()
    assert client.double(2) == 4
    assert waiting.result(20) == 2


def test_a_lone_call_runs_after_the_timeout(serve):
    model = Model(batch_size=1000, timeout=SOON)
    assert serve(model).double(21) == 42
    assert model.sizes == [1]


def test_padding_fills_the_batch(serve):
    model = Model(batch_size=4, timeout=SOON, pad_batch=True)
    assert serve(model).double(21) == 42
    assert model.sizes == [4]


def test_an_exception_reaches_every_caller(serve):
    client = serve(Model(batch_size=3, timeout=FOR_EVER))
    futures = [client.futures.fail(i) for i in range(3)]
    for future in futures:
        with pytest.raises(KeyError, match="no such thing") as raised:
            future.result(20)
        assert isinstance(raised.value, StatusNotOk)


def test_a_cancelled_call_takes_nobodys_place(serve):
    model = Model(batch_size=2, timeout=FOR_EVER)
    client = serve(model)
    first = client.futures.double(1)
    assert client.plain()  # The first has come.
    assert first.cancel()
    assert client.plain()
    futures = [client.futures.double(i) for i in (2, 3)]
    assert [future.result(20) for future in futures] == [4, 6]
    assert model.sizes == [2]


def test_errors_of_batching_reach_callers_with_their_code(serve):
    client = serve(Model(batch_size=2, timeout=FOR_EVER))
    futures = [client.futures.double(np.zeros(n)) for n in (1, 2)]
    for future in futures:
        with pytest.raises(StatusNotOk, match="Tensors to be batched do not match") as raised:
            future.result(20)
        assert raised.value.code == StatusCode.INVALID_ARGUMENT


def test_at_most_max_parallelism_batches_run_at_the_same_time(serve):
    inside = threading.Semaphore(0)
    leave = threading.Event()
    lock = threading.Lock()
    counts = []
    running = 0

    def work(x):
        nonlocal running
        with lock:
            running += 1
            counts.append(running)
        inside.release()
        assert leave.wait(20)
        with lock:
            running -= 1
        return x

    server = courier.Server()
    server.Bind("work", lp.batched_handler(batch_size=1, max_parallelism=2)(work))
    server.Start()
    client = courier.Client(server.address)
    futures = [client.futures.work(i) for i in range(6)]
    for _ in range(2):
        assert inside.acquire(timeout=20)
    leave.set()
    assert [future.result(20) for future in futures] == list(range(6))
    assert max(counts) == 2
    server.Stop()


def test_local_callers_share_batches():
    model = Model(batch_size=8, timeout=FOR_EVER)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        results = list(pool.map(model.double, range(16)))
    assert results == [2 * i for i in range(16)]
    assert model.sizes == [8, 8]


def test_a_local_caller_gets_the_exception_itself():
    with pytest.raises(KeyError) as raised:
        Model(batch_size=1).fail(1)
    assert type(raised.value) is KeyError


def test_local_and_remote_callers_share_a_batch(serve):
    model = Model(batch_size=2, timeout=FOR_EVER)
    future = serve(model).futures.double(4)
    assert model.double(5) == 10
    assert future.result(20) == 8


def test_functions_can_be_decorated():
    @lp.batched_handler(batch_size=1)
    def work(x):
        """Works."""
        return x

    assert work(3) == 3
    assert work.__name__ == "work"
    assert work.__doc__ == "Works."
    assert (work._batched_handler, work._batch_size, work._max_parallelism) == (True, 1, 1)
    assert work._timeout == datetime.timedelta(milliseconds=200)
    assert work._pad_batch is False


def test_an_unbound_method_is_refused():
    with pytest.raises(AssertionError, match="Do not decorate class methods"):

        class Wrong:
            @lp.batched_handler(batch_size=2)
            def work(self, x):
                return x


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 0},
        {"batch_size": 1, "max_parallelism": 0},
        {"batch_size": 1, "timeout": -SOON},
    ],
)
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(ValueError, match="must"):
        lp.batched_handler(**options)(lambda x: x)


def test_a_wrapped_function_pickles():
    work = lp.batched_handler(batch_size=1)(lambda x: x + 1)
    assert work(np.int64(1)) == 2
    assert pickle.loads(cloudpickle.dumps(work))(2) == 3


def test_a_server_that_stops_leaves_no_caller_waiting():
    model = Model(batch_size=2, timeout=FOR_EVER)
    server = courier_utils.make_courier_server(model)
    server.Start()
    client = courier.Client(server.address, wait_for_ready=False)
    future = client.futures.double(1)
    assert client.plain()
    server.Stop()
    with pytest.raises(StatusNotOk) as raised:
        future.result(20)
    assert raised.value.code == StatusCode.UNAVAILABLE
