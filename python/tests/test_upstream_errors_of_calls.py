"""Each error of the inventory's section on courier: its type, upstream's words, what to do."""

from __future__ import annotations

from typing import Any

import pytest
from upstream_errors import Row, check

import courier


def nothing(*args: Any, **kwargs: Any) -> None:
    pass


def started() -> courier.Server:
    server = courier.Server()
    server.Start()
    return server


ROWS = {
    "a second Start": Row(
        lambda: started().Start(), ValueError, "Server already started", "make another Server"
    ),
    "Stop before Start": Row(
        lambda: courier.Server().Stop(), ValueError, "Server not started yet", "Start() first"
    ),
    "Join before Start": Row(
        lambda: courier.Server().Join(), ValueError, "Server not started", "Start() first"
    ),
    "health before Start": Row(
        lambda: courier.Server().SetIsHealthy(True),
        ValueError,
        "Cannot set health status; server not started.",
        "Start() first",
    ),
    "a method without a name": Row(
        lambda: courier.Server().Bind("", nothing),
        ValueError,
        "",
        "must not be empty: give Bind a name",
    ),
    "a method that is none": Row(
        lambda: courier.Server().Bind("f", 5), TypeError, "", "is not callable: 5"
    ),
    "a negative timeout of calls": Row(
        lambda: courier.Client("localhost:1", call_timeout=-1),
        ValueError,
        "",
        "must not be negative",
    ),
    "an address that is none": Row(lambda: courier.Client("no port"), ValueError, "", "host:port"),
}


@pytest.mark.parametrize("what", ROWS)
def test_an_error_has_upstreams_type_and_words_and_says_what_to_do(what):
    check(ROWS[what])
