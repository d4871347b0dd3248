"""The pages of the API reference: which names stand where. What is said of them comes from
docstrings, by Sphinx's autodoc, and from the headers' comments, by Doxygen and breathe.
"""

from __future__ import annotations

import dataclasses
import enum
import importlib
import inspect
import re
from collections.abc import Iterator
from typing import Any

import cpp_names
import python_names
from absl import flags

# The parts of the package launchpad, by where its names live.
_PYTHON_PARTS = (
    ("Programs", ("launchpad.program", "launchpad.drawing", "launchpad.launch.preflight")),
    ("Launching", ("launchpad.launch", "launchpad.context", "launchpad.flags", "absl")),
    ("Resources", ("launchpad.nodes.python.local_multi_processing", "launchpad.cloud")),
    ("Stopping", ("launchpad.stop_program", "launchpad.program_stopper")),
    ("Nodes and handles", ("launchpad.nodes", "launchpad.calls")),
    ("Addresses", ("launchpad.address",)),
    ("Errors", ("launchpad.errors",)),
)
# Page, title, layers, and the headers that come first.
_CPP_PARTS = (
    ("launch", "Launching and stopping", ("launch", "run"), ("main", "launcher")),
    (
        "graph",
        "Programs, nodes and handles",
        ("graph",),
        ("program", "handle", "courier_node", "function_node", "python_node", "colocation", "node"),
    ),
    ("courier", "Calls", ("courier",), ("client", "future", "methods", "batched")),
    ("replay", "Replay", ("replay",), ()),
    ("wire", "Values", ("wire",), ("codec", "fields", "tensor")),
    ("base", "Errors, results and time", ("base",), ("error", "result")),
)
_DIRECTIVES = {"define": "doxygendefine", "variable": "doxygenvariable"}


@dataclasses.dataclass
class Page:
    """A page of the reference."""

    part: str  # Of the table of contents.
    title: str
    path: str
    text: str


def python_pages() -> list[Page]:
    """A page for each package."""
    known: dict[
        int, str
    ] = {}  # By identity: the name under which a class is said to be what it is.
    return [
        Page("Python reference", name, f"reference/{name}.md", _python_page(name, known))
        for name in python_names.PACKAGES
    ]


def _python_page(package: str, known: dict[int, str]) -> str:
    doc = inspect.getdoc(importlib.import_module(package)) or ""
    entries = [(f"{package}.{name}", value) for name, value in python_names.exported(package)]
    for place, names in python_names.ALSO:
        if place.split(".")[0] == package:
            module = importlib.import_module(place)
            entries += [(f"{place}.{name}", getattr(module, name)) for name in names]
    text = f"# {package}\n\n{doc}\n"
    for path, value in list(entries):
        if id(value) in known:
            entries.remove((path, value))
            text += f"\n`{path}` is {{py:class}}`{known[id(value)]}`.\n"
        elif _is_itself(path, value):
            known[id(value)] = path
    if package != "launchpad":
        return text + "".join(map(_python_entry, *zip(*entries)))
    left = dict(entries)
    for title, modules in (*_PYTHON_PARTS, ("More", ("",))):
        chosen = [path for path, value in left.items() if _lives_in(path, value, modules)]
        if chosen:
            text += f"\n## {title}\n" + "".join(_python_entry(p, left.pop(p)) for p in chosen)
    return text


def _is_itself(path: str, value: Any) -> bool:
    """Whether it is shown there, and not only named as what lives elsewhere."""
    return inspect.isclass(value) and value.__name__ == path.rsplit(".", 1)[1]


def _lives_in(path: str, value: Any, modules: tuple[str, ...]) -> bool:
    place = getattr(value, "__module__", None) or type(value).__module__
    # The most telling part wins: launchpad.launch.preflight is no launching.
    best = max(
        (m for _, ms in _PYTHON_PARTS for m in ms if place.startswith(m)), default="", key=len
    )
    return best in modules or modules == ("",)


def _python_entry(path: str, value: Any) -> str:
    if inspect.isclass(value):
        body = f".. autoclass:: {path}\n   :members:\n"
        if issubclass(value, enum.Enum):
            body += "   :undoc-members:\n"
        if value.__bases__ != (object,):
            body += "   :show-inheritance:\n"
    elif inspect.isroutine(value):
        body = f".. autofunction:: {path}\n"
    elif isinstance(value, flags.FlagHolder):
        body = (
            f".. py:data:: {path}\n\n   The flag ``--{value.name}``. ``value`` is what it says.\n"
        )
    else:  # The name of a type.
        body = f".. py:data:: {path}\n\n   Stands for ``{value}``.\n"
    return f"\n```{{eval-rst}}\n{body}```\n"


def cpp_pages(names: list[cpp_names.Name]) -> list[Page]:
    """A page for each layer, with a section for each header."""
    pages = []
    left = list(names)
    for page, title, layers, first in _CPP_PARTS:
        chosen = [name for name in left if name.header.split("/")[1] in layers]
        left = [name for name in left if name not in chosen]
        if chosen:
            text = f"# {title}\n\nC++, namespace `lp`, by `#include <launchpad/launchpad.h>`.\n"
            text += "".join(_cpp_sections(chosen, first))
            pages.append(Page("C++ reference", title, f"reference/cpp/{page}.md", text))
    if left:
        raise LookupError(f"layers that no page of the C++ reference has: {left}")
    return pages


def _cpp_sections(names: list[cpp_names.Name], first: tuple[str, ...]) -> Iterator[str]:
    found = {name.header: name.header.rsplit("/", 1)[1].removesuffix(".h") for name in names}
    ranks = {stem: rank for rank, stem in enumerate(first)}
    for header, stem in sorted(found.items(), key=lambda item: ranks.get(item[1], len(ranks))):
        yield f"\n## {stem.replace('_', ' ').capitalize()}\n\n`{header}`\n\n"
        yield _as_markdown(cpp_names.opening(header))
        for name in names:
            if name.header == header:
                yield _cpp_entry(name)


def _cpp_entry(name: cpp_names.Name) -> str:
    directive = _DIRECTIVES.get(name.kind, f"doxygen{name.kind}")
    options = ":members:\n:protected-members:\n" if name.name == "lp::Node" else ""
    if name.kind in ("class", "struct") and not options:
        options = ":members:\n"
    return f"\n```{{{directive}}} {name.name}\n{options}```\n"


def _as_markdown(comment: str) -> str:
    """A plain comment: backticks are markup, and so are indented lines, which are code."""
    paragraphs = []
    for paragraph in re.split(r"\n(?=  )|(?<=\n)\n", comment):
        if paragraph.startswith("  "):
            paragraphs.append(f"  {paragraph}")
        else:
            parts = paragraph.split("`")
            parts[::2] = [re.sub(r"[\\<>*_\[\]#|&]", r"\\\g<0>", part) for part in parts[::2]]
            paragraphs.append("`".join(parts))
    return "\n".join(paragraphs) + "\n"
