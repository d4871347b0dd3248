"""Tells the extension how errors, futures and clients look in Python. Imported once, by the
package.
"""

from __future__ import annotations

import atexit
from typing import Any

from launchpad import _core


def _make_error(*parts: Any) -> BaseException:
    from launchpad import errors

    return errors.make_error(*parts)


def _describe_exception(error: BaseException) -> tuple[int, str, str, str, bytes]:
    from launchpad import errors

    return errors.describe_exception(error)


_future_type: Any = None


def _make_future(pending: Any) -> Any:
    global _future_type
    if _future_type is None:
        from launchpad.calls.future import Future

        _future_type = Future
    return _future_type(pending)


def _make_client(address: str, server_name: str, prebound: bool) -> Any:
    from launchpad.calls.client import Client

    return Client(address, _server_name=server_name, _prebound=prebound)


def _make_stream(source: _core.StreamSource) -> Any:
    from launchpad.calls.stream import Stream

    return Stream(source)


def _client_parts(value: Any) -> tuple[str, str, bool] | None:
    from launchpad.calls.client import Client

    # What only its pickle has must not be lost.
    if not isinstance(value, Client) or value._kwargs["token"] is not None:
        return None
    channel = value._channel
    return channel.address, channel.server_name, channel.prebound


# How long threads that are inside Python code may take to leave it when the interpreter ends.
_EXIT_GRACE_SECS = 1.0


def install() -> None:
    _core.set_hooks(
        make_error=_make_error,
        describe_exception=_describe_exception,
        make_future=_make_future,
        make_client=_make_client,
        client_parts=_client_parts,
        make_stream=_make_stream,
    )
    atexit.register(_core.close_python_entries, _EXIT_GRACE_SECS)
