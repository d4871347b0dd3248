"""Edges: tells the C++ graph which nodes hold handles of which, so that it can be checked, drawn
and launched. Done by the thread that draws the program; it binds no address.
"""

from __future__ import annotations

from typing import Any

from launchpad.nodes import colocation
from launchpad.nodes.courier.node import CourierHandle, CourierNode
from launchpad.program import Program


def link(program: Program) -> None:
    """Numbers the nodes inside of others, sets every node's edges and the bound of its pool."""
    nodes = program.get_all_nodes()
    colocation.number(program.core, nodes)
    for node in nodes:
        node.core.set_inputs([owner.core for owner in _owners(node)])
        if isinstance(node, CourierNode):
            node.core.thread_pool_size = node.thread_pool_size or 0


def _owners(node: Any) -> list[Any]:
    handles = [h for h in node.input_handles if isinstance(h, CourierHandle)]
    owners = [handle.address.owning_node for handle in handles]
    return [owner for owner in owners if hasattr(owner, "core")]
