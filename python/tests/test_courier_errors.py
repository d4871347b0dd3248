"""What callers see when a method raises, is missing, takes too long, or its server is gone."""

from __future__ import annotations

import copy
import datetime
import pickle
import subprocess
import sys
import traceback

import pytest
from pybind11_abseil.status import StatusCode, StatusNotOk

import courier
from courier.python.client import StatusNotOk as ClientsStatusNotOk


def test_status_not_ok_is_one_class_under_all_its_names():
    from launchpad import errors

    assert StatusNotOk is ClientsStatusNotOk is errors.StatusNotOk
    assert StatusCode.NOT_FOUND == 5 and str(StatusCode.NOT_FOUND) == "StatusCode.NOT_FOUND"


def test_tensorflow_can_add_its_classes_to_upstreams_module_before_and_after():
    added = "class StatusNotOk(Exception): pass"
    for before, after in ((added, "pass"), ("pass", added)):
        script = f"""
import sys, types
before = sys.modules["pybind11_abseil.status"] = types.ModuleType("pybind11_abseil.status")
exec({before!r}, vars(before))
if not hasattr(before, "StatusNotOk"): del sys.modules["pybind11_abseil.status"]
import courier
from launchpad import errors
there = sys.modules["pybind11_abseil.status"]
if {after!r} != "pass":
    assert not {{"StatusCode", "StatusNotOk"}} & set(vars(there))
    there.StatusCode = 5
    exec({after!r}, vars(there))
from pybind11_abseil.status import StatusCode, StatusNotOk
assert StatusNotOk is errors.StatusNotOk and StatusCode is errors.StatusCode
"""
        subprocess.run([sys.executable, "-c", script], check=True)


CODES = [
    ("ValueError", StatusCode.INVALID_ARGUMENT),
    ("TypeError", StatusCode.INVALID_ARGUMENT),
    ("StopIteration", StatusCode.OUT_OF_RANGE),
    ("MemoryError", StatusCode.RESOURCE_EXHAUSTED),
    ("NotImplementedError", StatusCode.UNIMPLEMENTED),
    ("KeyboardInterrupt", StatusCode.ABORTED),
    ("SystemError", StatusCode.INTERNAL),
    ("SyntaxError", StatusCode.INTERNAL),
    ("KeyError", StatusCode.NOT_FOUND),
    ("IndexError", StatusCode.NOT_FOUND),
    ("LookupError", StatusCode.NOT_FOUND),
    ("RuntimeError", StatusCode.UNKNOWN),
    ("ZeroDivisionError", StatusCode.UNKNOWN),
    ("AssertionError", StatusCode.UNKNOWN),
    ("SystemExit", StatusCode.UNKNOWN),
    ("GeneratorExit", StatusCode.UNKNOWN),
    ("StopAsyncIteration", StatusCode.UNKNOWN),
    ("FileNotFoundError", StatusCode.UNKNOWN),
]


@pytest.mark.parametrize("name, code", CODES)
def test_the_code_says_what_kind_of_exception_it_was(client, name, code):
    for call in (client.fail, lambda *a: client.futures.fail(*a).result(20)):
        with pytest.raises(StatusNotOk) as raised:
            call(name, "the reason")
        assert raised.value.code is code
        assert "Python exception was raised on the server" in str(raised.value)
        assert "the reason" in str(raised.value)
        assert f"{name}: " in str(raised.value)
        assert "in fail" in str(raised.value)


RAISED = ["ValueError", "KeyError", "OSError", "FileNotFoundError", "ZeroDivisionError",
          "AssertionError", "RecursionError", "TimeoutError", "ConnectionError", "ImportError",
          "AttributeError", "NameError", "StopAsyncIteration", "EOFError"]  # fmt: skip


@pytest.mark.parametrize("name", RAISED)
def test_the_error_is_also_of_the_original_type(client, name):
    original = vars(__builtins__).get(name) if not isinstance(__builtins__, dict) else None
    original = original or __builtins__[name]
    with pytest.raises(original) as raised:
        client.fail(name, "the reason")
    assert isinstance(raised.value, StatusNotOk)
    assert raised.value.args == ("the reason",)


def test_attributes_of_the_original_error_are_there(client):
    with pytest.raises(OSError) as raised:
        client.fail("OSError", 2, "no such thing", "a file")
    assert (raised.value.errno, raised.value.strerror) == (2, "no such thing")
    assert raised.value.filename == "a file"
    with pytest.raises(ValueError, match="MineError: word") as mine:
        client.fail("MineError", "word", 5)
    assert (mine.value.args, mine.value.number) == (("word",), 5)
    with pytest.raises(UnicodeDecodeError) as unicode_error:
        client.evaluate(r"b'\xff'.decode()")
    assert unicode_error.value.reason == "invalid start byte"


def test_a_chain_of_exceptions_is_shown(client):
    with pytest.raises(ValueError, match="outer") as raised:
        client.chained()
    text = "".join(traceback.format_exception(raised.value))
    assert "KeyError: 'inner'" in text
    assert "direct cause" in text


@pytest.mark.parametrize("name", ["MuteError", "LockedError", "BadReduceError"])
def test_exceptions_that_cannot_travel_are_shown_as_text(client, name):
    with pytest.raises(StatusNotOk, match=rf"(?s)Python exception was raised.*{name}"):
        client.evaluate(f"fail({name!r})")
    assert client.same(1) == 1


def test_surrogates_and_length_of_messages_do_no_harm(client):
    with pytest.raises(ValueError, match="raised on the server"):
        client.fail("ValueError", "\udc80 surrogate")
    with pytest.raises(ValueError) as raised:
        client.fail("ValueError", "x" * 20_000_000)
    assert len(str(raised.value)) >= 20_000_000 or "..." in str(raised.value)
    assert client.same(1) == 1


def test_recursion_in_a_method_does_no_harm(client):
    with pytest.raises(RecursionError):
        client.evaluate("(lambda f: f(f))(lambda f: f(f))")
    assert client.same(1) == 1


def test_system_exit_in_a_method_does_not_end_the_server(client):
    with pytest.raises(StatusNotOk) as raised:
        client.fail("SystemExit", 3)
    assert not isinstance(raised.value, SystemExit)
    with pytest.raises(StatusNotOk):
        client.fail("KeyboardInterrupt")
    assert client.same(1) == 1


def test_errors_pickle_and_copy(client):
    with pytest.raises(KeyError) as raised:
        client.fail("KeyError", "the reason")
    for other in (pickle.loads(pickle.dumps(raised.value)), copy.deepcopy(raised.value)):
        assert isinstance(other, KeyError) and isinstance(other, StatusNotOk)
        assert other.code is StatusCode.NOT_FOUND
        assert str(other) == str(raised.value)


def test_a_status_can_be_raised_by_hand_and_keeps_its_code():
    error = StatusNotOk("own", StatusCode.ABORTED)
    assert (str(error), error.code) == ("own", StatusCode.ABORTED)
    assert str(pickle.loads(pickle.dumps(error))) == "own"


def test_a_status_that_a_method_raises_keeps_its_code(client):
    with pytest.raises(StatusNotOk) as raised:
        client.evaluate(
            "(_ for _ in ()).throw(__import__('launchpad').errors.StatusNotOk('own', 9))"
        )
    assert raised.value.code is StatusCode.FAILED_PRECONDITION


def test_an_unknown_method_is_named(client):
    for call in (client.nothing, lambda: client.futures.nothing().result(20)):
        with pytest.raises(StatusNotOk, match="method nothing not found") as raised:
            call()
        assert raised.value.code is StatusCode.NOT_FOUND
        assert not isinstance(raised.value, KeyError)


def test_wrong_arguments_are_a_type_error(client):
    with pytest.raises(TypeError, match="positional argument"):
        client.same(1, 2)
    with pytest.raises(TypeError, match="unexpected keyword"):
        client.same(word=1)


@pytest.mark.parametrize("timeout", [0.05, datetime.timedelta(milliseconds=50)])
def test_a_call_that_takes_too_long_is_given_up(start_server, timeout):
    address = start_server().address
    client = courier.Client(address, call_timeout=timeout)
    for call in (client.block, lambda: client.futures.block().result(20)):
        with pytest.raises(StatusNotOk) as raised:
            call()
        assert raised.value.code is StatusCode.DEADLINE_EXCEEDED
    assert courier.Client(address, call_timeout=20).same(1) == 1


@pytest.mark.parametrize("timeout", [None, 0, datetime.timedelta(0)])
def test_no_timeout_is_no_timeout(shared_address, timeout):
    assert courier.Client(shared_address, call_timeout=timeout).same(1) == 1


def test_a_server_that_is_killed_ends_its_calls(start_server):
    server = start_server()
    client = courier.Client(server.address, call_timeout=20)
    future = client.futures.block()
    client.wait_for_entry()
    server.clear_away()
    with pytest.raises(StatusNotOk) as raised:
        future.result(20)
    assert raised.value.code is StatusCode.UNAVAILABLE


def test_a_server_that_dies_in_a_call_ends_it(start_server):
    client = courier.Client(start_server().address, call_timeout=20)
    with pytest.raises(StatusNotOk) as raised:
        client.die()
    assert raised.value.code is StatusCode.UNAVAILABLE


def test_no_server_is_unavailable_at_once_when_the_client_does_not_wait(free_address):
    client = courier.Client(free_address, wait_for_ready=False)
    for call in (client.f, lambda: client.futures.f().result(20), client, client._futures):
        with pytest.raises(StatusNotOk) as raised:
            result = call()
            result.result(20)
        assert raised.value.code is StatusCode.UNAVAILABLE
    with pytest.raises(StatusNotOk):
        courier.list_methods(client)


def test_waiting_for_a_server_ends_with_the_timeout(free_address):
    client = courier.Client(free_address, call_timeout=0.1)
    for call in (client.f, lambda: client.futures.f().result(20)):
        with pytest.raises(StatusNotOk) as raised:
            call()
        assert raised.value.code is StatusCode.DEADLINE_EXCEEDED


def test_the_trace_of_a_remote_error_is_printed_once(run, shared_address):
    ended = run(
        f"""
        import courier
        courier.Client("{shared_address}").fail("RuntimeError", "the reason")
        """
    )
    assert ended.status == 1
    assert ended.err.count("in fail") <= 2
    assert "RuntimeError: the reason" in ended.err
    assert sys.version_info >= (3, 10)


class Interrupted(RuntimeError):
    """While its text is made, a signal's handler raises twice: traceback swallows the first."""

    handled = 0

    def __str__(self):
        Interrupted.handled += 1
        if Interrupted.handled <= 2:
            raise SystemExit
        return "what really happened"


def test_a_signal_while_an_exception_is_described_does_not_hide_it():
    server = courier.Server()

    def fail():
        raise Interrupted

    server.Bind("fail", fail)
    server.Start()
    try:
        with pytest.raises(StatusNotOk, match="what really happened"):
            courier.Client(server.address).fail()
    finally:
        server.Stop()
