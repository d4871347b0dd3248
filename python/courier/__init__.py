"""courier: calls between objects, by upstream's name. The code is launchpad.calls'."""

import sys as _sys
import types as _types

from launchpad.calls.client import Client, is_healthy, list_methods
from launchpad.calls.retry import RetryPolicy
from launchpad.calls.server import Server
from launchpad.calls.stream import Stream

__all__ = [  # noqa: RUF022  In dictionary order.
    "Client",
    "is_healthy",
    "list_methods",
    "RetryPolicy",
    "Server",
    "Stream",
]


def _offer_status_module() -> None:
    """Upstream's programs catch errors by `from pybind11_abseil.status import StatusNotOk`."""
    from launchpad import errors

    if "pybind11_abseil" in _sys.modules:
        return
    parent = _types.ModuleType("pybind11_abseil", "Upstream's name for launchpad.errors.")
    status = _types.ModuleType("pybind11_abseil.status", "Upstream's name for launchpad.errors.")
    status.__dict__.update(StatusNotOk=errors.StatusNotOk, StatusCode=errors.StatusCode)
    parent.__dict__.update(status=status, __path__=[])
    _sys.modules["pybind11_abseil"] = parent
    _sys.modules["pybind11_abseil.status"] = status


_offer_status_module()
