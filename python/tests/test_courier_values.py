"""Python values go through a call, as arguments and as results, and arrive as they were."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import operator
import pathlib
import uuid

import pytest

Point = collections.namedtuple("Point", "x y")


@dataclasses.dataclass
class Data:
    number: int
    words: list[str]


class Colour(enum.Enum):
    RED = 1


class Number(enum.IntEnum):
    ONE = 1


class Flags(enum.IntFlag):
    A = 1
    B = 2


class Text(str):
    pass


class Slots:
    __slots__ = ("a",)

    def __init__(self, a):
        self.a = a

    def __eq__(self, other):
        return self.a == other.a


class Singleton:
    """Pickles as a string."""

    def __reduce__(self):
        return "SINGLETON"


SINGLETON = Singleton()

VALUES = [
    None,
    True,
    False,
    0,
    -1,
    2**31,
    -(2**63),
    2**63 - 1,
    2**63,
    2**64 - 1,
    2**64,
    -(2**63) - 1,
    10**100,
    0.0,
    -0.0,
    1.5,
    float("inf"),
    float("-inf"),
    5e-324,
    1 + 2j,
    "",
    "text",
    "umlauts äöü, 日本, \U0001f600, a zero \0 inside",
    "a lone surrogate \udc80",
    "x" * 70_000,
    b"",
    b"bytes \0\xff",
    b"x" * 70_000,
    bytearray(b"bytearray"),
    [],
    [1, "two", [3.0, None]],
    (),
    (1,),
    (1, (2, [3])),
    {},
    {"a": 1, "b": {"c": [2]}},
    {1: "int", (1, 2): "tuple", None: "none", b"b": "bytes", 1.5: "float"},
    {"z": 1, "a": 2},
    set(),
    {1, 2, 3},
    frozenset({1}),
    collections.deque([1, 2], maxlen=5),
    collections.OrderedDict([("b", 1), ("a", 2)]),
    collections.defaultdict(list, {"a": [1]}),
    collections.Counter("aab"),
    collections.ChainMap({"a": 1}, {"b": 2}),
    Point(1, 2),
    Data(1, ["a"]),
    Colour.RED,
    Number.ONE,
    Flags.A | Flags.B,
    Text("subclass of str"),
    Slots(5),
    datetime.datetime(2020, 1, 2, 3, 4, 5, 6, tzinfo=datetime.timezone.utc),
    datetime.date(2020, 1, 2),
    datetime.timedelta(days=1, microseconds=5),
    decimal.Decimal("1.10"),
    fractions.Fraction(1, 3),
    uuid.UUID(int=5),
    pathlib.PurePosixPath("/a/b"),
    pathlib.Path("relative"),
    slice(1, 2, 3),
    range(1, 10, 2),
    ...,
    NotImplemented,
    int,
    dict[str, int],
    len,
    operator.add,
    [[[]]] * 3,
    {"key": ({"deep": [(1, 2), {3}]},)},
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:30])
def test_a_value_arrives_as_it_was(client, value):
    result = client.same(value)
    assert type(result) is type(value)
    assert result == value
    assert repr(result) == repr(value) or isinstance(value, (set, frozenset, Slots))
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    assert client.kind(value) == kind
    (args, kwargs) = client.echo(value, word=value)
    assert (args, kwargs) == ((value,), {"word": value})


def test_nan_arrives(client):
    assert str(client.same(float("nan"))) == "nan"


def test_order_of_a_dict_is_kept(client):
    assert list(client.same({"z": 1, "a": 2, "m": 3})) == ["z", "a", "m"]


def test_defaultdict_keeps_its_factory_and_deque_its_length(client):
    assert client.same(collections.defaultdict(list)).default_factory is list
    assert client.same(collections.deque([1], maxlen=5)).maxlen == 5


def test_arguments_by_position_and_by_name_arrive(client):
    assert client.echo() == ((), {})
    assert client.echo(1, 2, a=3, b=[4]) == ((1, 2), {"a": 3, "b": [4]})
    assert client.echo({"a": 1}) == (({"a": 1},), {})
    assert client.echo(self=1, name=2, timeout=3) == ((), {"self": 1, "name": 2, "timeout": 3})


def test_functions_arrive(client):
    offset = 5
    assert client.apply(lambda x: x + offset, 1) == 6
    assert client.apply(functools.partial(operator.add, 1), 2) == 3
    assert client.apply("abc".upper) == "ABC"

    def local(x):
        return [offset, x]

    assert client.apply(local, 1) == [5, 1]


def test_classes_and_their_objects_arrive_though_the_server_cannot_import_them(client):
    class Local:
        def __init__(self, a):
            self.a = a

        def double(self):
            return self.a * 2

    result = client.same(Local(3))
    assert result.double() == 6
    assert client.apply(Local.double, Local(4)) == 8


def test_exceptions_are_values_too(client):
    error = client.same(ValueError("a", 1))
    assert type(error) is ValueError and error.args == ("a", 1)


def test_a_value_that_pickles_as_a_name_is_the_same_object(client):
    assert client.same(SINGLETON) is SINGLETON


def test_a_list_that_contains_itself_arrives(client):
    cyclic = [1]
    cyclic.append(cyclic)
    result = client.same(cyclic)
    assert result[0] == 1 and result[1] is result
    nested = {"self": None}
    nested["self"] = nested
    assert client.same(nested)["self"]["self"] is not None


@pytest.mark.parametrize("depth", [30, 60, 130, 300])
def test_deep_nesting_arrives(client, depth):
    value: object = "bottom"
    for _ in range(depth):
        value = [value]
    result = client.same(value)
    for _ in range(depth):
        (result,) = result
    assert result == "bottom"


def test_nesting_that_is_too_deep_is_an_error_and_the_client_lives(client):
    value: list = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(Exception, match=r"recursion|deep"):
        client.same(value)
    assert client.same(1) == 1
    while value:  # A list that is this deep is freed step by step.
        (value,) = value


def test_sharing_is_kept_where_pickle_keeps_it(client):
    shared = {1}
    first, second = client.same([shared, shared])
    assert first is second


@pytest.mark.parametrize(
    "make",
    [
        lambda: (i for i in [1]),
        lambda: __import__("threading").Lock(),
        lambda: open("/"),  # noqa: SIM115
    ],
    ids=["generator", "lock", "file"],
)
def test_what_does_not_pickle_is_a_clean_error(client, make):
    try:
        value = make()
    except IsADirectoryError:
        value = __import__("socket").socket()
    with pytest.raises((TypeError, Exception), match="pickle"):
        client.same(value)
    with pytest.raises(Exception, match="pickle"):
        client.futures.same(value).result()
    assert client.same(1) == 1


def test_a_result_that_does_not_pickle_is_an_error_at_the_caller(client):
    with pytest.raises(TypeError, match="pickle"):
        client.evaluate("__import__('threading').Lock()")
    assert client.same(1) == 1


class Bomb:
    """Cannot be rebuilt."""

    def __reduce__(self):
        return (operator.truediv, (1, 0))


class BadState:
    def __getstate__(self):
        return {"a": 1}

    def __setstate__(self, state):
        raise ValueError("bad state")


def test_an_argument_that_cannot_be_rebuilt_is_an_error_at_the_caller(client):
    with pytest.raises(ZeroDivisionError):
        client.same(Bomb())
    with pytest.raises(ValueError, match="bad state"):
        client.same(BadState())
    assert client.same(1) == 1


def test_a_result_that_cannot_be_rebuilt_is_an_error_at_the_caller(client):
    expression = "type('Bomb', (), {'__reduce__': lambda self: (divmod, (1, 0))})()"
    with pytest.raises(ZeroDivisionError):
        client.evaluate(expression)
    with pytest.raises(ZeroDivisionError):
        client.futures.evaluate(expression).result(20)
    assert client.same(1) == 1


def test_big_strings_and_bytes_arrive(client):
    for value in ("ä" * 5_000_000, b"\xff" * 20_000_000, [b"x" * 3_000_000] * 3):
        assert client.same(value) == value
