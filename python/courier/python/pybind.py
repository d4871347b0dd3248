"""Upstream's native module: handlers for Server.BindHandler, and values as bytes. Here handlers are
the functions themselves, and the bytes are cloudpickle's. SerializeToProto is not here: nothing
uses protobuf.
"""

from __future__ import annotations

import datetime
import pickle
from collections.abc import Callable
from typing import Any

from launchpad.nodes.courier.courier_utils import batched_handler

__all__ = [
    "BuildBatchedHandlerWrapper",
    "BuildPyCallHandler",
    "DeserializeFromString",
    "SerializeToString",
]


def BuildPyCallHandler(py_func: Callable[..., Any]) -> Callable[..., Any]:
    """A handler that calls the function."""
    if not callable(py_func):
        raise TypeError(f"a handler needs something callable, not {py_func!r}")
    return py_func


def BuildBatchedHandlerWrapper(
    endpoint: str,
    handler: Callable[..., Any],
    batch_size: int,
    max_parallelism: int,
    timeout: datetime.timedelta | float,
    pad_batch: bool,
) -> Callable[..., Any]:
    """A handler that gathers calls into batches, as lp.batched_handler.

    Args:
      endpoint: the name under which it is to be bound; Bind refuses another one.
      timeout: a timedelta, or milliseconds.
    """
    if not isinstance(timeout, datetime.timedelta):
        timeout = datetime.timedelta(milliseconds=timeout)

    def call(*args: Any, **kwargs: Any) -> Any:
        return handler(*args, **kwargs)

    batched = batched_handler(batch_size, max_parallelism, timeout, pad_batch)(call)
    batched.__dict__["_endpoint"] = endpoint
    return batched


def SerializeToString(value: Any) -> bytes:
    """The value as bytes, for DeserializeFromString."""
    import cloudpickle

    return bytes(cloudpickle.dumps(value))


def DeserializeFromString(data: bytes) -> Any:
    """What SerializeToString was given. Only of bytes from a trusted place: they are a pickle."""
    return pickle.loads(data)
