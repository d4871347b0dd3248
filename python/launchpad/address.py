"""Address: where a node can be reached, known only once its program is launched.

A courier node's address resolves through its running program; an address that a user's own node
allocates resolves to a free "host:port" of this machine. Nothing here listens.
"""

from __future__ import annotations

import abc
import os
import re
import socket
from typing import Any

from launchpad import _core

_NAME = re.compile(r"[a-z][a-z0-9]*")


class AbstractAddressBuilder(abc.ABC):
    """Makes the text of an address."""

    @abc.abstractmethod
    def build(self) -> str:
        """The address, the same each time."""


class SimpleLocalAddressBuilder(AbstractAddressBuilder):
    """localhost and a port that is free when the builder is made."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("localhost", 0))
            self._address = f"localhost:{probe.getsockname()[1]}"

    def build(self) -> str:
        return self._address


class NodeAddressBuilder(AbstractAddressBuilder):
    """The address of a node of the running program, by its number in the plan."""

    def __init__(self, number: int, name: str) -> None:
        self.number = number
        self.name = name

    def build(self) -> str:
        context = _core.context()
        if context is None:
            raise RuntimeError(
                f"The address of node '{self.name}' is known only while its program runs, "
                "to its nodes and to the process that launched it."
            )
        return context.address_of(self.number)


class Address:
    """A place to be reached at, of one node.

    Args:
      name: lower-case letters and digits; needed only to tell several addresses of a node apart.
    """

    def __init__(self, name: str | None = None) -> None:
        if name is not None and not _NAME.fullmatch(name):
            raise ValueError(
                f"Wrong address name: {name} does not match {_NAME.pattern}. Use lower-case "
                "letters and digits, a letter first"
            )
        self.name = name
        self._owning_node: Any = None
        self._address_builder: AbstractAddressBuilder | None = None

    @property
    def owning_node(self) -> Any:
        """The node that it was assigned to, or None."""
        return self._owning_node

    @property
    def builder(self) -> AbstractAddressBuilder | None:
        """What it was bound to, or None."""
        return self._address_builder

    def assign(self, node: Any) -> None:
        """Makes it the node's. An address has one node."""
        if self._owning_node is None:
            self._owning_node = node
            node.addresses.append(self)
        elif self._owning_node is not node:
            raise ValueError(
                "You are associating a node to this lp.Address which is already assigned to "
                f"another node. The previous node was: {self._owning_node}. The new node is: {node}"
            )

    def bind(self, address_builder: AbstractAddressBuilder | None) -> None:
        """Says how it is resolved; done by the launch."""
        self._address_builder = address_builder

    def resolve(self) -> str:
        """The address as text."""
        if self._address_builder is not None:
            return self._address_builder.build()
        if self._owning_node is None:
            raise RuntimeError(
                "The lp.Address hasn't been assigned to any node, thus it cannot be resolved. "
                "Give it to a node with node.allocate_address(address), and add the node "
                "to a program."
            )
        raise RuntimeError(
            f"The lp.Address associated to the node {self._owning_node} has not been bound to any "
            "address builder. It is bound when its program is launched; in a test that runs a node "
            "by hand, call "
            "launchpad.launch.test_multi_threading.address_builder.bind_addresses(nodes) first."
        )

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        # The node stays where it is; its name is enough for messages.
        state["_owning_node"] = f"Restored from pickle node named: {self._owning_node}"
        return state


def get_port_from_address(address: str) -> int:
    """The port of "host:port"; of "host:name" the one in the environment's LP_PORT_name.

    Raises:
      KeyError: the environment has no such variable.
      ValueError: the address has no port, as a courier node's in a running program.
    """
    if address.startswith(("unix:", "inproc:")):
        raise ValueError(
            f"{address!r} has no port: courier nodes listen at Unix sockets, or inside of the "
            "process. For a server of your own give the node an lp.Address of its own with "
            "allocate_address, or ask for a port with courier_kwargs={'port': ...}."
        )
    port = address.rsplit(":", 1)[-1]
    if port.isdigit():
        return int(port)
    variable = "LP_PORT_" + port
    if variable not in os.environ:
        raise KeyError(f"{variable} is not in the environment: set it to the port of {address!r}")
    return int(os.environ[variable])
