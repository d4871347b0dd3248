"""What calls and nodes raise: StatusNotOk with its StatusCode, NodeFailed, and how errors cross
processes.

An error that a remote method raised is also an instance of the original exception's type, where
that can be rebuilt here. Nothing in this module waits or talks to anybody.
"""

from __future__ import annotations

import contextlib
import enum
import types
from typing import Any, NamedTuple


class StatusCode(enum.IntEnum):
    """Why a call failed, with gRPC's numbers."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16

    def __str__(self) -> str:
        return f"StatusCode.{self.name}"


class RemoteTrace(Exception):
    """The cause of a remote error: the trace from the other process, as text."""

    def __str__(self) -> str:
        return "\n" + str(self.args[0]) if self.args else ""


class StatusNotOk(Exception):
    """A call failed; `code` says why. Raised by clients and their futures."""

    code: StatusCode
    _text: str
    _parts: tuple[str, int, str, str, str, bytes]

    def __init__(self, message: object = "", code: int = StatusCode.UNKNOWN) -> None:
        message = str(message)  # TensorFlow's has a Status instead: see courier._status.
        super().__init__(message)
        _equip(self, ("call", int(code), message, "", "", b""), message)

    def __str__(self) -> str:
        return self._text

    def __reduce__(self) -> tuple[Any, ...]:
        return make_error, self._parts


class NodeFailed(RuntimeError):
    """A program ended because a node failed; the message names the node, the reason and the
    trace.
    """

    code: StatusCode
    _text: str
    _parts: tuple[str, int, str, str, str, bytes]

    def __init__(self, message: str = "", code: int = StatusCode.UNKNOWN) -> None:
        super().__init__(message)
        _equip(self, ("node", int(code), message, "", "", b""), message)

    def __str__(self) -> str:
        return self._text

    def __reduce__(self) -> tuple[Any, ...]:
        return make_error, self._parts


def make_error(
    domain: str, code: int, message: str, remote_type: str, remote_trace: str, remote_data: bytes
) -> BaseException:
    """The exception for an error that came from the C++ system (see _core.set_hooks)."""
    if domain == "local":
        return _local_error(code, message)
    base = StatusNotOk if domain == "call" else NodeFailed
    text = message
    if domain == "call" and remote_trace:
        text = f"Python exception was raised on the server:\n{remote_trace}"
    elif domain == "call" and remote_type:
        text = f"C++ exception was raised on the server: {remote_type}: {message}"
    original = _load(remote_data)
    error = _like(base, original)
    _equip(error, (domain, code, message, remote_type, remote_trace, remote_data), text)
    if original is None:
        error.args = (text,)
    elif domain == "call":
        error.__cause__ = RemoteTrace(remote_trace)
    return error


def describe_exception(error: BaseException) -> tuple[int, str, str, str, bytes]:
    """(code, message, type, trace, pickle) of an exception, for another process."""
    import traceback

    trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    try:
        message = str(error)
    except Exception as failed:
        message = f"(its message cannot be made: {failed!r})"
    message = _sendable(message)
    data = _dump(error, message)
    return _code_of(error), message, type(error).__name__, _sendable(trace), data


def _sendable(text: str) -> str:
    """Without lone surrogates."""
    return text.encode("utf-8", "backslashreplace").decode()


# The first base that fits says the code.
_CODES: tuple[tuple[type[BaseException], StatusCode], ...] = (
    (ValueError, StatusCode.INVALID_ARGUMENT),
    (TypeError, StatusCode.INVALID_ARGUMENT),
    (StopIteration, StatusCode.OUT_OF_RANGE),
    (MemoryError, StatusCode.RESOURCE_EXHAUSTED),
    (NotImplementedError, StatusCode.UNIMPLEMENTED),
    (KeyboardInterrupt, StatusCode.ABORTED),
    (SystemError, StatusCode.INTERNAL),
    (SyntaxError, StatusCode.INTERNAL),
    (LookupError, StatusCode.NOT_FOUND),
)
_MAX_PICKLE_BYTES = 64 * 1024
_MAX_TEXT = 1000


def _code_of(error: BaseException) -> int:
    if isinstance(error, (StatusNotOk, NodeFailed)):
        return int(error.code)
    return int(next((c for base, c in _CODES if isinstance(error, base)), StatusCode.UNKNOWN))


def _local_error(code: int, message: str) -> BaseException:
    kinds: dict[int, type[Exception]] = {
        StatusCode.INVALID_ARGUMENT: ValueError,
        StatusCode.ALREADY_EXISTS: FileExistsError,
        StatusCode.PERMISSION_DENIED: PermissionError,
    }
    return kinds.get(code, RuntimeError)(message)


def _equip(error: Any, parts: tuple[str, int, str, str, str, bytes], text: str) -> None:
    code = parts[1]
    error.code = StatusCode(code) if code in StatusCode._value2member_map_ else StatusCode.UNKNOWN
    error._text = text
    error._parts = parts


def _dump(error: BaseException, message: str) -> bytes:
    """A pickle of the exception, or of as much of it as can travel; its text does so anyway."""
    import pickle

    import cloudpickle

    # Its own class often cannot rebuild it, as the constructor takes more than `args`.
    parts = _Parts(type(error), error.args, error.__dict__)
    for candidate in (error, parts, _Parts(type(error), (message[:_MAX_TEXT],), {})):
        try:
            data = bytes(cloudpickle.dumps(candidate))
            if len(data) > _MAX_PICKLE_BYTES:
                continue
            pickle.loads(data)
        except Exception:
            continue
        return data
    return b""


class _Parts(NamedTuple):
    """An exception that its own class cannot rebuild."""

    kind: type[BaseException]
    args: tuple[Any, ...]
    state: dict[str, Any]

    def rebuilt(self) -> BaseException:
        error: BaseException = self.kind.__new__(self.kind)
        error.args = self.args
        error.__dict__.update(self.state)
        return error


def _load(data: bytes) -> Exception | None:
    if not data:
        return None
    import pickle

    try:
        error = pickle.loads(data)
        if isinstance(error, _Parts):
            error = error.rebuilt()
    except Exception:  # Its class may not exist here.
        return None
    return error if isinstance(error, Exception) else None


_combined: dict[tuple[type, type], type] = {}


def _slots(kind: type) -> list[str]:
    """Attributes outside of `__dict__`: OSError's errno, for instance."""
    known = {name: value for base in kind.__mro__ for name, value in vars(base).items()}
    is_slot = (types.MemberDescriptorType, types.GetSetDescriptorType)
    return [n for n, v in known.items() if isinstance(v, is_slot) and not n.startswith("_")]


def _bare(kind: Any) -> Any:
    return kind.__new__(kind)


def _like(base: type[Any], original: Exception | None) -> Any:
    """An instance of `base` that is also one of the original's type, if Python allows such a
    class.
    """
    if original is None or isinstance(original, (StatusNotOk, NodeFailed, StopIteration)):
        return _bare(base)
    key = (base, type(original))
    try:
        if key not in _combined:
            _combined[key] = type(base.__name__, key, {"__module__": base.__module__})
        error = _bare(_combined[key])
        error.args = original.args
        error.__dict__.update(getattr(original, "__dict__", {}))
        for name in _slots(type(original)):
            with contextlib.suppress(Exception):
                setattr(error, name, getattr(original, name))
    except Exception:
        return _bare(base)
    return error
