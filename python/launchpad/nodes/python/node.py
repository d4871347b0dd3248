"""PyNode runs a function, PyClassNode builds an object and calls its run(). Drawing is done by
one thread.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from launchpad import context as context_lib
from launchpad.nodes import base
from launchpad.nodes.python import structure

WorkerHandle = TypeVar("WorkerHandle")
ReturnType = TypeVar("ReturnType")


class _DummyHandle(base.Handle[Any]):
    """The handle of a node that nobody can call."""

    def dereference(self) -> Any:
        raise NotImplementedError(
            "_DummyHandle cannot be dereferenced. Nobody can call this kind of node: make it a "
            "CourierNode"
        )


def name_of(function: Any) -> str:
    """A function's or class's name, for plans and messages."""
    while isinstance(function, functools.partial):
        function = function.func
    return getattr(function, "__qualname__", type(function).__name__)


class PyNode(base.Node, Generic[WorkerHandle]):
    """Runs function(*args, **kwargs) once, with the handles inside the arguments dereferenced."""

    _ids = itertools.count()

    def __init__(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.py_node_id = next(PyNode._ids)
        self._function = function
        self._partial_args = args
        self._partial_kwargs = kwargs
        self._collect_input_handles()

    @property
    def kind(self) -> str:
        return f"{type(self).__name__}<{name_of(self._function)}>"

    def _collect_input_handles(self) -> None:
        self._input_handles.clear()
        try:
            found = structure.leaves((self._partial_args, self._partial_kwargs))
        except TypeError as error:
            raise ValueError(
                f"Failed to construct the {type(self).__name__} with\n"
                f"- function: {self._function}\n- args: {self._partial_args}\n"
                f"- kwargs: {self._partial_kwargs}\nas its arguments cannot be walked: {error}"
            ) from error
        for leaf in found:
            base.extract_handles(leaf, self._input_handles)

    @property
    def function(self) -> Callable[[], Any]:
        """What the node runs: a function without arguments."""
        return self._execute

    def _execute(self) -> Any:
        context_lib.begin(self._launch_context)
        args, kwargs = structure.dereference_all((self._partial_args, self._partial_kwargs))
        return self._function(*args, **kwargs)

    def create_handle(self) -> base.Handle[Any]:
        """A handle that cannot be dereferenced: nobody can call this node."""
        return self._track_handle(_DummyHandle())

    @staticmethod
    def to_executables(
        nodes: list[Any], label: str, launch_context: context_lib.LaunchContext
    ) -> list[Callable[[], Any]]:
        """The functions that the nodes of one label run."""
        del label, launch_context
        return [node.function for node in nodes]

    @classmethod
    def default_launch_config(cls, launch_type: context_lib.LaunchType) -> Any:
        return None


class PyClassNode(PyNode[WorkerHandle]):
    """Builds constructor(*args, **kwargs) in its worker, then calls its run(), if it has one."""

    def __init__(self, constructor: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        self._constructor = constructor
        self._args = args
        self._kwargs = kwargs
        self._should_run = True
        self._instance: Any = None
        super().__init__(self.run)

    @property
    def kind(self) -> str:
        return f"{type(self).__name__}<{name_of(self._constructor)}>"

    def _collect_input_handles(self) -> None:
        self._input_handles.clear()
        try:
            found = structure.leaves((self._args, self._kwargs))
        except TypeError as error:
            raise ValueError(
                f"Failed to construct the {type(self).__name__} with\n"
                f"- constructor: {self._constructor}\n- args: {self._args}\n"
                f"- kwargs: {self._kwargs}\n"
                f"as its arguments cannot be walked: {error}"
            ) from error
        for leaf in found:
            base.extract_handles(leaf, self._input_handles)

    def _construct_instance(self) -> Any:
        if self._instance is None:
            args, kwargs = structure.dereference_all((self._args, self._kwargs))
            self._instance = self._constructor(*args, **kwargs)
        return self._instance

    def _initialize_context(self, launch_type: context_lib.LaunchType, launch_config: Any) -> None:
        super()._initialize_context(launch_type, launch_config)
        self._instance = None  # An object of an earlier run holds clients of that run.

    def disable_run(self) -> None:
        """The object's run() is not called."""
        self._should_run = False

    def enable_run(self) -> None:
        """The object's run() is called (the default)."""
        self._should_run = True

    def run(self) -> None:
        """Runs the node; kinds of one's own override it."""
        instance = self._construct_instance()
        if hasattr(instance, "run") and self._should_run:
            instance.run()
            return
        from absl import logging

        logging.warning(
            "a %s ends at once: its object has no run(), or disable_run() was called. "
            "To be called by others it must be a CourierNode.",
            self.kind,
        )

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_instance": None}
