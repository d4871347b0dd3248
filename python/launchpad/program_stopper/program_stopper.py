"""make_program_stopper: a picklable function that stops the program of the node that calls it."""

from __future__ import annotations

from collections.abc import Callable

from launchpad import _core
from launchpad.context import LaunchType


class ProgramStopper:
    """Stops the whole program. Any thread of any of its nodes may call it, more than once."""

    def __call__(self, mark_as_completed: bool = False) -> None:
        del mark_as_completed  # A stop asked for by a node is a success anyway.
        context = _core.context()
        if context is None:
            raise RuntimeError(
                "A program can be stopped only from one of its nodes, while it runs."
            )
        context.request_stop()


def make_program_stopper(launch_type: LaunchType | str) -> Callable[..., None]:
    """A function to give to a node, which stops its program.

    Raises:
      ValueError: an unknown launch type.
    """
    launch_type = LaunchType(launch_type)
    if launch_type is LaunchType.VERTEX_AI:
        from launchpad.cloud.stopper import VertexAiStopper

        return VertexAiStopper()
    if launch_type is LaunchType.LOCAL_DOCKER:
        from launchpad.cloud.stopper import LocalDockerStopper

        return LocalDockerStopper()
    return ProgramStopper()
