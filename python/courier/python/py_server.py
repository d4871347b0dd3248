"""Upstream's place for the server."""

from launchpad.calls.server import Server

__all__ = ["Server"]
