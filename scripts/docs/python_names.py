"""The public names of the Python packages, and which of them lack a docstring. Classes count with
the methods and properties that are defined in these packages.
"""

from __future__ import annotations

import importlib
import inspect
import types
from collections.abc import Iterator
from typing import Any

PACKAGES = ("launchpad", "courier", "reverb")
# What programs meet beside: (module, names).
ALSO = (
    ("launchpad.errors", ("StatusNotOk", "StatusCode")),
    ("launchpad.launch.worker_manager", ("WorkerManager",)),
    ("launchpad.launch.preflight", ("Report", "Finding")),
    ("launchpad.context", ("get_context", "LaunchContext")),
    ("launchpad.nodes.base", ("Node", "Handle")),
    ("launchpad.cloud.docker_config", ("Hardware",)),
    ("launchpad.launch.test_multi_threading.address_builder", ("bind_addresses",)),
)


def exported(package: str) -> list[tuple[str, Any]]:
    """(name, value) of what the package exports, in its order; of a module that it exports, what is
    in there, as "module.name".
    """
    module = importlib.import_module(package)
    found = []
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.ismodule(value):
            found += [(f"{name}.{member}", getattr(value, member)) for member in _public(value)]
        else:
            found.append((name, value))
    return found


def _public(module: types.ModuleType) -> list[str]:
    """What the module says that it exports, else the classes and functions that it defines."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]


def undocumented(package: str) -> list[str]:
    """The names without a docstring, dotted."""
    module = importlib.import_module(package)
    found = [] if module.__doc__ else [package]
    for name, value in exported(package):
        found += _without_docstring(f"{package}.{name}", value)
    for place, names in ALSO:
        if place.split(".")[0] == package:
            for name in names:
                value = getattr(importlib.import_module(place), name)
                found += _without_docstring(f"{place}.{name}", value)
    return found


def _without_docstring(path: str, value: Any) -> Iterator[str]:
    # Anything else, an absl flag for instance, has the docstring of its type.
    if not inspect.isclass(value) and not inspect.isroutine(value):
        return
    if not _own_docstring(value):
        yield path
    if inspect.isclass(value) and _is_ours(value):
        for name, member in vars(value).items():
            is_public = not name.startswith("_") and _takes_docstring(member)
            if is_public and not inspect.getdoc(getattr(value, name)):
                yield f"{path}.{name}"


def _own_docstring(value: Any) -> str | None:
    doc: str | None = value.__doc__
    # dataclasses and enums make up one.
    return None if doc and doc.startswith(f"{value.__name__}(") else doc


def _is_ours(kind: type) -> bool:
    return kind.__module__.split(".")[0] in PACKAGES


def _takes_docstring(member: Any) -> bool:
    return isinstance(member, (types.FunctionType, property, staticmethod, classmethod))
