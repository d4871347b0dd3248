"""The public names of the C++ library, as Doxygen finds them in what <launchpad/launchpad.h>
includes: everything directly in namespace lp, what its functions hand out (ALSO), and the macros
that users write (MACROS). Each with its header, and whether a comment says what it is.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import cpp_comments

SOURCES = pathlib.Path(__file__).resolve().parents[2] / "cpp"
UMBRELLA = "launchpad/launchpad.h"
MACROS = ("LP_EXPORT_NODE", "LP_FIELDS")
ALSO = (
    "lp::base::Deadline",
    "lp::courier::ChannelOptions",
    "lp::courier::Server",
    "lp::courier::ServerOptions",
    "lp::graph::Command",
    "lp::graph::Finding",
    "lp::graph::Report",
    "lp::launching::LaunchType",
    "lp::launching::Options",
    "lp::launching::Resources",
    "lp::launching::Run",
    *(
        f"lp::replay::{name}"
        for name in (
            *("Client", "ReplayNodeOptions", "SampleOptions", "Sampler", "SamplerOptions"),
            *("SelectorKind", "SelectorOptions", "TableOptions", "Writer"),
            *("fifo", "lifo", "uniform", "prioritized", "min_heap", "max_heap"),
        )
    ),
    "lp::run::StopSignal",
)
_INCLUDE = re.compile(r'#include "(launchpad/[^"]+)"')
_OPENING = re.compile(r"\A(?://.*\n)+")


@dataclasses.dataclass
class Name:
    """A public name."""

    kind: str  # class, struct, function, enum, typedef, variable or define.
    name: str  # lp::Client; a function's with its parameters, lp::stop().
    header: str  # launchpad/courier/client.h
    documented: bool
    members: list[Name] = dataclasses.field(default_factory=list)


def headers(sources: pathlib.Path = SOURCES) -> list[str]:
    """What the umbrella header includes, itself first, as paths below cpp/."""
    found: list[str] = []
    wanted = [UMBRELLA]
    while wanted:
        header = wanted.pop(0)
        if header not in found:
            found.append(header)
            wanted += _INCLUDE.findall((sources / header).read_text(encoding="utf-8"))
    return found


def opening(header: str, sources: pathlib.Path = SOURCES) -> str:
    """The comment that a header opens with, without its slashes."""
    comment = _OPENING.match((sources / header).read_text(encoding="utf-8"))
    assert comment is not None, f"{header} does not open with a comment"
    return "\n".join(line.removeprefix("//").removeprefix(" ") for line in comment[0].splitlines())


def read(folder: pathlib.Path, sources: pathlib.Path = SOURCES) -> list[Name]:
    """The public names. Leaves Doxygen's XML in folder/xml.

    Raises:
      RuntimeError: Doxygen complains of something; the message says of what.
    """
    for header in headers(sources):
        target = folder / "headers" / header
        target.parent.mkdir(parents=True, exist_ok=True)
        text = (sources / header).read_text(encoding="utf-8")
        target.write_text(cpp_comments.documented(text), encoding="utf-8")
    settings = pathlib.Path(__file__).with_name("Doxyfile").read_text(encoding="utf-8")
    settings += f'INPUT = "{folder / "headers"}"\nSTRIP_FROM_PATH = "{folder / "headers"}"\n'
    settings += f'RECURSIVE = YES\nOUTPUT_DIRECTORY = "{folder}"\n'
    ran = subprocess.run(["doxygen", "-"], input=settings, capture_output=True, text=True)
    if ran.returncode or ran.stderr:
        raise RuntimeError(f"doxygen: {ran.stderr}")
    return _Reader(folder / "xml", sources).names()


class _Reader:
    """Reads Doxygen's XML."""

    def __init__(self, xml: pathlib.Path, sources: pathlib.Path) -> None:
        self._xml = xml
        self._sources = sources

    def names(self) -> list[Name]:
        found: list[Name] = []
        for compound in ET.parse(self._xml / "index.xml").getroot():
            kind, name = compound.get("kind"), compound.findtext("name", "")
            if kind in ("class", "struct") and _is_public(name) and "<" not in name:
                found.append(self._class(self._definition(compound)))
            elif kind == "namespace" and name.startswith("lp"):
                members = self._members(self._definition(compound))
                found += [member for member in members if _is_public(member.name)]
            elif kind == "file":
                members = self._members(self._definition(compound))
                found += [member for member in members if member.name in MACROS]
        return found

    def _definition(self, compound: ET.Element) -> ET.Element:
        tree = ET.parse(self._xml / f"{compound.get('refid')}.xml")
        definition = tree.getroot().find("compounddef")
        assert definition is not None
        return definition

    def _class(self, definition: ET.Element) -> Name:
        name = definition.findtext("compoundname", "")
        header = _header(definition)
        members = [
            self._member(member)
            for member in definition.iter("memberdef")
            if member.get("prot") == "public" and not _is_special(name, member)
        ]
        documented = _has_text(definition) or self._opens_with(header, name)
        return Name(definition.get("kind", ""), name, header, documented, members)

    def _members(self, definition: ET.Element) -> Iterator[Name]:
        return map(self._member, definition.iter("memberdef"))

    def _member(self, member: ET.Element) -> Name:
        kind = member.get("kind", "")
        header = _header(member)
        name = path = member.findtext("qualifiedname") or member.findtext("name", "")
        if kind == "function":
            types = [_text(p.find("type")) for p in member.findall("param")]
            name = f"{path}({', '.join(types)})"
        documented = _has_text(member)
        if kind in ("define", "function") and path.count("::") < 2:
            documented = documented or self._opens_with(header, path)
        return Name(kind, name, header, documented)

    def _opens_with(self, header: str, name: str) -> bool:
        """Whether the header's opening comment says what it is; a file is named after what it
        has.
        """
        short = name.rsplit("::", 1)[-1]
        return bool(re.search(rf"\b{short}\b", opening(header, self._sources)))


def _is_public(name: str) -> bool:
    path = name.split("(")[0]
    return path in ALSO or (path.startswith("lp::") and path.count("::") == 1)


def _is_special(owner: str, member: ET.Element) -> bool:
    """Constructors, destructors, operators, friends, and what overrides what is said elsewhere."""
    name = member.findtext("name", "").removeprefix("~")
    return (
        name == owner.rsplit("::", 1)[1]
        or name.startswith(("operator", "LP_FIELDS"))
        or member.get("kind") == "friend"
        or member.find("reimplements") is not None
    )


def _header(element: ET.Element) -> str:
    location = element.find("location")
    assert location is not None
    return location.get("file", "")


def _text(element: ET.Element | None) -> str:
    return "" if element is None else " ".join("".join(element.itertext()).split())


def _has_text(element: ET.Element) -> bool:
    return bool(
        _text(element.find("briefdescription")) + _text(element.find("detaileddescription"))
    )
