"""What stands for something that exists only in a running node: Dereferenceable and Deferred."""

from __future__ import annotations

import abc
import traceback
from collections.abc import Callable
from typing import Any


class Dereferenceable(abc.ABC):
    """Becomes something else in the node that it is given to."""

    @abc.abstractmethod
    def dereference(self) -> Any:
        """What the node gets."""


class Deferred(Dereferenceable):
    """An object that is built in the node that it is given to, once.

    Args:
      constructor: what builds it.
      *args, **kwargs: for the constructor; handles and Deferreds inside are dereferenced first.
    """

    def __init__(self, constructor: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        self._constructor = constructor
        self._args = args
        self._kwargs = kwargs
        self._built: list[Any] = []
        self._where = "".join(traceback.format_stack()[:-1][-3:])

    def dereference(self) -> Any:
        if not self._built:
            from launchpad.nodes.python.structure import dereference_all

            args, kwargs = dereference_all((self._args, self._kwargs))
            try:
                self._built.append(self._constructor(*args, **kwargs))
            except Exception as error:
                if not _catches():
                    raise
                raise RuntimeError(
                    f"Error ({error}) occurred when evaluating Deferred defined at:\n{self._where}"
                ) from error
        return self._built[0]

    @property
    def parts(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The constructor's arguments, where handles may be."""
        return self._args, self._kwargs

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_built": []}


def _catches() -> bool:
    from absl import flags

    from launchpad.flags import CATCH_DEFERRED_EXCEPTION

    return not flags.FLAGS.is_parsed() or bool(CATCH_DEFERRED_EXCEPTION.value)


def maybe_dereference(value: Any) -> Any:
    """The dereferenced value, if it can be dereferenced; else the value."""
    return value.dereference() if isinstance(value, Dereferenceable) else value
