"""How values that are not plain are pickled for a call: as cloudpickle does it, but for the arrays
of other libraries. Any thread.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import cloudpickle

from launchpad.calls import tensors

_PROTOCOL = 5


class _Pickler(cloudpickle.CloudPickler):
    def reducer_override(self, obj: Any) -> Any:
        """What pickle asks for each object."""
        reduced = tensors.reduce(obj)
        return super().reducer_override(obj) if reduced is NotImplemented else reduced


def dumps(value: Any, buffer_callback: Callable[[Any], Any]) -> bytes:
    """The pickle; `buffer_callback` is asked for each large buffer in it, see pickle."""
    with io.BytesIO() as file:
        _Pickler(file, protocol=_PROTOCOL, buffer_callback=buffer_callback).dump(value)
        return file.getvalue()
