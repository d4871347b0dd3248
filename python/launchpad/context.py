"""LaunchType, and what a node's own thread knows of its launch: LaunchContext. Nothing here
starts anything.
"""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable
from typing import Any


class LaunchType(enum.Enum):
    """How a program's nodes run."""

    LOCAL_MULTI_THREADING = "local_mt"
    LOCAL_MULTI_PROCESSING = "local_mp"
    TEST_MULTI_PROCESSING = "test_mp"
    TEST_MULTI_THREADING = "test_mt"
    LOCAL_DOCKER = "local_docker"
    VERTEX_AI = "vertex_ai"

    @classmethod
    def _missing_(cls, value: object) -> LaunchType:
        choices = ", ".join(known.value for known in cls)
        raise ValueError(f"{value!r} is not a valid LaunchType: choose one of {choices}")


def is_local_launch(launch_type: LaunchType | str | None) -> bool:
    """True for threads and processes of this host."""
    if launch_type is None:
        return False
    return LaunchType(launch_type) in (
        LaunchType.LOCAL_MULTI_THREADING,
        LaunchType.LOCAL_MULTI_PROCESSING,
    )


def is_local_launch_or_test(launch_type: LaunchType | str | None) -> bool:
    """True for threads and processes of this host, also those of a test."""
    if launch_type is None:
        return False
    return is_local_launch(launch_type) or LaunchType(launch_type) in (
        LaunchType.TEST_MULTI_PROCESSING,
        LaunchType.TEST_MULTI_THREADING,
    )


class LaunchContext:
    """A node's launch type, launch configuration and the function that stops its program."""

    def __init__(self) -> None:
        self._values: tuple[LaunchType, Any, Callable[..., None] | None] | None = None
        self._run: Any = None  # The core's context of the node that has this one, while it runs.

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_run": None}

    def initialize(
        self,
        launch_type: LaunchType,
        launch_config: Any,
        program_stopper: Callable[..., None] | None = None,
    ) -> None:
        """Done by the launch."""
        self._values = (launch_type, launch_config, program_stopper)

    def _checked(self) -> tuple[LaunchType, Any, Callable[..., None] | None]:
        if self._values is None:
            raise RuntimeError("Launch context is not yet initialized: launch the program first.")
        return self._values

    @property
    def launch_type(self) -> LaunchType:
        """How the program was launched."""
        return self._checked()[0]

    @property
    def launch_config(self) -> Any:
        """What local_resources have for the node's label."""
        return self._checked()[1]

    @property
    def program_stopper(self) -> Callable[..., None]:
        """A function that stops the program."""
        stopper = self._checked()[2]
        if stopper is None:
            from launchpad.program_stopper import program_stopper

            stopper = program_stopper.make_program_stopper(self.launch_type)
        return stopper


_local = threading.local()


def get_context() -> LaunchContext:
    """The LaunchContext of the calling node's main thread."""
    context: LaunchContext | None = getattr(_local, "context", None)
    assert context is not None, (
        "Launchpad context was not instantiated. "
        "Are you trying to access it outside of the node's main thread?"
    )
    return context


def begin(context: LaunchContext) -> None:
    """Makes it the context of the calling thread, in which its node begins to run."""
    from launchpad import _core

    context._run = _core.context()
    _local.context = context


def set_context(context: LaunchContext) -> None:
    """Makes it the calling thread's: a thread that a node started then belongs to the node, also
    for lp.stop, lp.wait_for_stop and lp.stop_event. Give it what get_context gave the node.
    """
    from launchpad import _core

    if context._run is not None:
        _core.set_thread_context(context._run)
    _local.context = context
