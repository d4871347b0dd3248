"""Nodes as bytes: cloudpickle, with errors that name the node and the attribute that does not
pickle.
"""

from __future__ import annotations

import functools
import io
import os
import pickle
import sys
import types
from collections.abc import Callable
from typing import Any

import cloudpickle

from launchpad.launch import main_flags


def _rebuild_flags() -> Any:
    from absl import flags

    return flags.FLAGS


def _rebuild_cache(function: Callable[..., Any], maxsize: int | None, typed: bool) -> Any:
    return functools.lru_cache(maxsize, typed)(function)


def _rebuild_code(make: Callable[..., Any], arguments: tuple[Any, ...], file: str) -> Any:
    return make(*arguments).replace(co_filename=file)


class _Pickler(cloudpickle.CloudPickler):
    """absl's FLAGS are the other process's own; an lru_cache arrives empty; code keeps the name of
    its file, so that traces and the debugger show it.
    """

    def reducer_override(self, obj: Any) -> Any:
        if type(obj).__module__.startswith("absl.") and type(obj).__name__ == "FlagValues":
            return _rebuild_flags, ()
        if isinstance(obj, functools._lru_cache_wrapper) and obj.__module__ == "__main__":
            parameters = obj.cache_parameters()
            return _rebuild_cache, (obj.__wrapped__, parameters["maxsize"], parameters["typed"])
        if isinstance(obj, types.CodeType):
            make, arguments = self.dispatch_table[types.CodeType](obj)
            return _rebuild_code, (make, arguments, obj.co_filename)
        return super().reducer_override(obj)


def dumps(value: Any) -> bytes:
    """A pickle by value of what lives in `__main__`, by reference of what can be imported."""
    buffer = io.BytesIO()
    _Pickler(buffer, protocol=5).dump(value)
    return buffer.getvalue()


def _unpicklable_path(value: Any, path: str, seen: set[int], depth: int = 0) -> str | None:
    """The innermost attribute, item or argument that does not pickle on its own."""
    if id(value) in seen or depth > 8:
        return None
    seen.add(id(value))
    try:
        dumps(value)
        return None
    except Exception:
        pass
    for name, part in _parts(value):
        found = _unpicklable_path(part, path + name, seen, depth + 1)
        if found is not None:
            return found
    return f"{path} ({type(value).__name__})"


def unpicklable_path(value: Any, path: str) -> str | None:
    """The path of what in the value does not pickle, e.g. "node._kwargs['lock'] (lock)"."""
    return _unpicklable_path(value, path, set())


def _parts(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [(f"[{key!r}]", item) for key, item in value.items()]
    if isinstance(value, (list, tuple, set, frozenset)):
        return [(f"[{i}]", item) for i, item in enumerate(value)]
    if isinstance(value, functools.partial):
        return [(".func", value.func), (".args", value.args), (".keywords", value.keywords)]
    parts: list[tuple[str, Any]] = []
    if hasattr(value, "__closure__") and value.__closure__:
        names = value.__code__.co_freevars
        cells = [(n, c.cell_contents) for n, c in zip(names, value.__closure__) if _filled(c)]
        parts += [(f".<closure>.{name}", content) for name, content in cells]
    if hasattr(value, "__self__") and not isinstance(value.__self__, type(sys)):
        parts.append(("", value.__self__))
    state = getattr(value, "__dict__", None)
    if isinstance(state, dict) and not isinstance(value, type):
        parts += [(f".{name}", part) for name, part in state.items() if name != "_core_node"]
    return parts


def _filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


def _added(node: Any) -> str:
    where = getattr(node, "_added_at", None)
    return f", added at {where}" if where else ""


def _dumps_for(label: str, node: Any, value: Any) -> bytes:
    try:
        return dumps(value)
    except Exception as error:
        path = _unpicklable_path(node, "node", set()) or _unpicklable_path(value, "function", set())
        where = f"What does not pickle: {path}.\n" if path else ""
        raise RuntimeError(
            f"{type(error).__name__}: {error}\n"
            f"The nodes associated to {label} ({type(node).__name__}) were not serializable using "
            f"cloudpickle. Node '{node.core.name}', {node.kind}{_added(node)}.\n{where}"
            "Make them picklable: build what cannot travel (locks, files, sessions) in the node's "
            "constructor, or pass `serialize_py_nodes=False` to lp.launch where nodes are threads."
        ) from error


def copies(label: str, nodes: list[Any], functions: list[Callable[[], Any]]) -> list[Any]:
    """The functions as they arrive elsewhere; what they share stays shared."""
    try:
        data = dumps(functions)
    except Exception:
        for node, function in zip(nodes, functions):
            _dumps_for(label, node, function)
        raise
    return list(pickle.loads(data))


def worker_payload(
    label: str, node: Any, function: Callable[[], Any], flags: list[str], debugs: bool = False
) -> bytes:
    """What launchpad.worker runs: the function, and the launcher's import path, command line and
    flags; `flags` are the node's own; `debugs`: whether a failure is debugged, at a terminal.
    """
    return pickle.dumps(
        {
            "function": _dumps_for(label, node, function),
            "sys_path": [os.path.abspath(entry) for entry in sys.path],
            "argv": sys.argv,
            "flags": flags,
            "debugs": debugs,
            "main_flags": main_flags.definitions(dumps),
        },
        protocol=5,
    )


def check_nodes_are_serializable(label: str, nodes: list[Any]) -> None:
    """RuntimeError if a node does not pickle, naming it and what in it does not."""
    for node in nodes:
        _dumps_for(label, node, node)


def serialize_functions(
    data_file_path: str, description: str, functions: list[Callable[[], Any]]
) -> None:
    """Writes the functions into a file, as a pickled list; what they share stays shared.
    RuntimeError if one does not pickle.
    """
    try:
        data = dumps(functions)
    except Exception as error:
        path = unpicklable_path(functions, "functions")
        raise RuntimeError(
            f"{type(error).__name__}: {error}\nThe nodes associated to {description} were not "
            f"serializable using cloudpickle. What does not pickle: {path}.\n"
            "Make them picklable: build what cannot travel in the node's constructor."
        ) from error
    with open(data_file_path, "wb") as file:
        file.write(data)


def enable_lru_cache_pickling_once() -> None:
    """Kept for upstream's sake: what this module pickles may have caches anyway. This makes
    cloudpickle itself take them, from now on: a cache arrives empty.
    """
    import copyreg

    copyreg.pickle(functools._lru_cache_wrapper, _reduce_cache)


def _reduce_cache(cache: Any) -> Any:
    if getattr(cache, "__module__", None) != "__main__":
        return cache.__qualname__  # It can be imported.
    parameters = cache.cache_parameters()
    return _rebuild_cache, (cache.__wrapped__, parameters["maxsize"], parameters["typed"])
