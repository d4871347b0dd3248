"""Node and Handle: what kinds of nodes of one's own derive from. Drawing is done by one thread."""

from __future__ import annotations

import abc
from typing import Any, Generic, TypeVar

from launchpad import _core
from launchpad.address import Address
from launchpad.context import LaunchContext, LaunchType
from launchpad.nodes import dereference

T = TypeVar("T")


class Handle(dereference.Dereferenceable, Generic[T]):
    """Stands for a client to a node that does not run yet."""

    def connect(self, node: Node, label: str) -> None:
        """Called before the launch for each node that the handle was given to."""

    def transform(self, executables: Any) -> Any:
        """Kept for upstream's sake; the identity."""
        return executables


class Node(abc.ABC):
    """A node of the graph."""

    _added_at: str | None = None  # "file:line" of add_node.

    def __init__(self) -> None:
        self._launch_context = LaunchContext()
        self._input_handles: list[Handle[Any]] = []
        self._created_handles: list[Handle[Any]] = []
        self.addresses: list[Address] = []

    @abc.abstractmethod
    def create_handle(self) -> Handle[Any]:
        """A handle to this node, to give to others."""

    @staticmethod
    def to_executables(nodes: list[Any], label: str, launch_context: LaunchContext) -> list[Any]:
        """A function without arguments for each of these nodes, which all are of one kind and under
        one label. Kinds of one's own that are no PyNode define it.
        """
        del launch_context
        raise NotImplementedError(
            f"{type(nodes[0]).__name__} (label {label!r}) does not say what it runs: define its "
            "static method to_executables(nodes, label, launch_context), or derive from PyNode"
        )

    @property
    def core(self) -> _core.Node:
        """This node in the C++ graph."""
        core: _core.Node | None = self.__dict__.get("_core_node")
        if core is None:
            core = self.__dict__["_core_node"] = _core.Node(self.kind, False)
        return core

    @property
    def kind(self) -> str:
        """What it is, for plans and messages."""
        return type(self).__name__

    @property
    def launch_context(self) -> LaunchContext:
        """What it knows of its launch; RuntimeErrors before that."""
        return self._launch_context

    @property
    def input_handles(self) -> list[Handle[Any]]:
        """The handles that this node was given."""
        return list(self._input_handles)

    @property
    def companions(self) -> tuple[Node, ...]:
        """Nodes that are added with this one, under its label: its handle is of all of them."""
        return ()

    def allocate_address(self, address: Address) -> None:
        """Gives the address to this node."""
        address.assign(self)

    def bind_addresses(self, **kwargs: Any) -> None:  # noqa: B027  May be left out.
        """Called before the launch, when a kind of node wants to bind its addresses itself."""

    def _initialize_context(self, launch_type: LaunchType, launch_config: Any) -> None:
        self._launch_context.initialize(launch_type, launch_config)

    def _track_handle(self, handle: Handle[Any]) -> Handle[Any]:
        self._created_handles.append(handle)
        return handle

    @classmethod
    def default_launch_config(cls, launch_type: LaunchType) -> Any:
        """What a node of this kind has as launch configuration where local_resources has nothing
        for its label.
        """
        raise NotImplementedError(
            f"Launch config has to be explicitly specified for {cls.__name__} and "
            f"{launch_type}: give lp.launch one in local_resources or xm_resources"
        )

    def __getstate__(self) -> dict[str, Any]:
        # The graph stays in the process that drew it.
        state = {k: v for k, v in self.__dict__.items() if k != "_core_node"}
        return {**state, "_input_handles": [], "_created_handles": []}


def extract_handles(
    value: Any, handles: list[Handle[Any]], visited: set[int] | None = None
) -> None:
    """Appends the handles in a value, also those in a Deferred's arguments, each once."""
    visited = set() if visited is None else visited
    if id(value) in visited:
        return
    visited.add(id(value))
    if isinstance(value, Handle):
        if value not in handles:
            handles.append(value)
    elif isinstance(value, dereference.Deferred):
        from launchpad.nodes.python.structure import leaves

        for leaf in leaves(value.parts):
            extract_handles(leaf, handles, visited)
