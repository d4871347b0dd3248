"""courier: calls between objects, by upstream's name. The code is launchpad.calls'."""

from courier import _status
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

_status.offer()
