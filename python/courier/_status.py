"""pybind11_abseil.status, as upstream has it: programs catch errors by
`from pybind11_abseil.status import StatusNotOk`.

TensorFlow has a module of that name, too. It adds classes of its own to the one that is there, and
refuses one whose dictionary has such names already: here they are the module's type's.
"""

from __future__ import annotations

import sys
import types
from typing import Any

from launchpad import errors

_PACKAGE = "pybind11_abseil"
_MODULE = "pybind11_abseil.status"


def _fixed(value: type[Any]) -> property:
    """An attribute that stays what it is, whatever is assigned."""
    return property(lambda _: value, lambda *_: None)


class _Status(types.ModuleType):
    StatusNotOk = _fixed(errors.StatusNotOk)
    StatusCode = _fixed(errors.StatusCode)


def offer() -> None:
    """Makes the module importable, or adds to TensorFlow's; not if there is a real package."""
    if _PACKAGE in sys.modules:
        return
    status = sys.modules.get(_MODULE) or types.ModuleType(
        _MODULE, "Upstream's name for launchpad.errors."
    )
    status.__class__ = _Status
    package = types.ModuleType(_PACKAGE, "Upstream's name for launchpad.errors.")
    package.__dict__.update(status=status, __path__=[])
    sys.modules.update({_PACKAGE: package, _MODULE: status})
