"""Program: a graph that is being drawn. The graph itself, with its rules, is the C++ system's."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from launchpad import _core
from launchpad.nodes import base


class Program:
    """Nodes under labels; edges appear where a handle is given to another node.

    Args:
      name: any text.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._core = _core.Program(name)
        self._groups: dict[str, list[Any]] = {}

    @property
    def name(self) -> str:
        """As it was given."""
        return self._name

    @property
    def core(self) -> _core.Program:
        """This program in the C++ system."""
        return self._core

    @property
    def groups(self) -> dict[str, list[Any]]:
        """The nodes by label, in the order in which they were added."""
        return self._groups

    def get_all_nodes(self) -> list[Any]:
        """All nodes, label by label."""
        return [node for nodes in self._groups.values() for node in nodes]

    @property
    def current_group(self) -> str:
        """The label of the open group. ValueError outside of one."""
        return self._core.current_group

    @contextlib.contextmanager
    def group(self, label: str) -> Iterator[None]:
        """All nodes that are added inside carry the label. ValueError: an empty label, a nested
        group.
        """
        self._core.open_group(label)
        try:
            yield
        finally:
            self._core.close_group()

    def add_node(self, node: Any, label: str | None = None) -> Any:
        """Adds a node and returns its handle.

        Args:
          node: a node that is in no program yet.
          label: needed outside a group; inside it may be left out, or be the group's.

        Raises:
          TypeError: this is no node.
          ValueError: the label is missing or not the group's, or the node was added before.
        """
        if not isinstance(node, base.Node):
            raise TypeError(f"only nodes can be added to a program, not {node!r}")
        caller = sys._getframe(1)
        where = f"{caller.f_code.co_filename}:{caller.f_lineno}"
        for each in (node, *node.companions):
            self._core.add(each.core, label or "", where)
            each._added_at = where
            self._groups.setdefault(each.core.name.rsplit("/", 1)[0], []).append(each)
        return node.create_handle()


def make_program(*nodes: Any, name: str = "launchpad") -> Program:
    """A program of these nodes, each under a label of its own kind's name and number."""
    program = Program(name)
    for number, node in enumerate(nodes):
        program.add_node(node, label=f"{type(node).__name__.lower()}_{number}")
    return program
