"""bind_addresses: for tests that run nodes by hand, without launching their program."""

from __future__ import annotations

from collections.abc import Sequence

from launchpad.address import SimpleLocalAddressBuilder
from launchpad.nodes import base


def bind_addresses(nodes: Sequence[base.Node]) -> None:
    """Binds every address of the nodes to a free port of this host."""
    for node in nodes:
        for address in node.addresses:
            address.bind(SimpleLocalAddressBuilder())
