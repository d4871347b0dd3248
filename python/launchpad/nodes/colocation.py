"""Colocation: what nodes that run other nodes inside of them have in common. Courier nodes inside
keep addresses of their own, which the launcher binds before anything runs. Drawing is done by one
thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from launchpad.nodes import base
from launchpad.nodes.courier.node import CourierNode
from launchpad.nodes.python.node import PyNode


class Colocation(PyNode[Any]):
    """A node of nodes; subclasses say how `_run_nodes` runs them."""

    def __init__(self, nodes: Sequence[PyNode[Any]]) -> None:
        self._nodes: list[PyNode[Any]] = []
        super().__init__(self._run_nodes)
        for node in nodes:
            self.add_node(node)

    @property
    def kind(self) -> str:
        return f"{type(self).__name__}<{', '.join(node.kind for node in self._nodes)}>"

    @property
    def nodes(self) -> list[PyNode[Any]]:
        """The nodes inside."""
        return self._nodes

    def add_node(self, node: PyNode[Any]) -> base.Handle[Any]:
        """Adds a node, and returns its handle."""
        if not isinstance(node, PyNode):
            raise ValueError(
                f"{type(self).__name__} only works with PyNodes. {node!r} is none: make it one "
                "with lp.PyNode(function), lp.PyClassNode(class) or lp.CourierNode(class)"
            )
        if any(inner is self for inner in with_inner([node])):
            raise ValueError(
                f"a {type(self).__name__} cannot be inside of itself: make a second one"
            )
        self._nodes.append(node)
        self._nodes += [each for each in node.companions if isinstance(each, PyNode)]
        return node.create_handle()

    @property
    def input_handles(self) -> list[base.Handle[Any]]:
        """The handles of others that nodes inside were given."""
        handles: list[base.Handle[Any]] = []
        for node in self._nodes:
            handles += [handle for handle in node.input_handles if handle not in handles]
        return handles

    def inner_servers(self) -> list[CourierNode]:
        """The courier nodes inside, however deep, as the graph counts them."""
        return [node for node in with_inner(self._nodes) if isinstance(node, CourierNode)]

    @property
    def needs_process(self) -> bool:
        """True: it cannot be a thread of the launcher."""
        return any(isinstance(node, Colocation) and node.needs_process for node in self._nodes)

    def _run_nodes(self) -> None:
        raise NotImplementedError

    def _check_not_empty(self) -> None:
        if not self._nodes:
            raise ValueError(
                f"{type(self).__name__} requires at least one node. Give it nodes, or call its "
                "add_node(node) before the launch"
            )


def with_inner(nodes: Iterable[Any]) -> Iterator[Any]:
    """The nodes and those inside of them, each before what is inside of it."""
    for node in nodes:
        yield node
        if isinstance(node, Colocation):
            yield from with_inner(node.nodes)


def number(program_core: Any, nodes: Iterable[Any]) -> None:
    """Gives the courier nodes inside of the program's nodes their places in its graph."""
    for node in nodes:
        if isinstance(node, Colocation):
            node.core.set_inner([inner.core for inner in node.inner_servers()])
    program_core.number_inner()
