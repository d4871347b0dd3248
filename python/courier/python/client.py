"""Upstream's place for the client and its error."""

from launchpad.calls.client import Client, list_methods
from launchpad.errors import StatusNotOk

__all__ = ["Client", "StatusNotOk", "list_methods"]
