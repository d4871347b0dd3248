"""lp.check: what is wrong with a program, before anything is launched. Each launch looks for it.

The graph and the resources that labels ask of this machine are checked in C++; here is what only
Python knows: whether nodes pickle, and addresses.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from launchpad import _core
from launchpad.address import AbstractAddressBuilder, Address, NodeAddressBuilder
from launchpad.context import LaunchType
from launchpad.launch import links, serialization
from launchpad.nodes import colocation
from launchpad.nodes.courier.node import CourierHandle
from launchpad.nodes.python import structure
from launchpad.program import Program


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something that is wrong, or may go wrong.

    Attributes:
      node: "label/index"; empty: the program as a whole.
      what: what is wrong.
      mend: what to do.
    """

    node: str
    what: str
    mend: str = ""

    def __str__(self) -> str:
        place = f"node '{self.node}': " if self.node else ""
        return place + self.what + (f"\n  {self.mend}" if self.mend else "")


@dataclasses.dataclass
class Report:
    """What lp.check found; true if there is no error."""

    errors: list[Finding] = dataclasses.field(default_factory=list)
    warnings: list[Finding] = dataclasses.field(default_factory=list)

    def __bool__(self) -> bool:
        return not self.errors

    def __str__(self) -> str:
        lines = [f"error: {finding}" for finding in self.errors]
        lines += [f"warning: {finding}" for finding in self.warnings]
        return "\n".join(lines)


def check(
    program: Program,
    launch_type: LaunchType | str | None = None,
    local_resources: Mapping[str, Any] | None = None,
) -> Report:
    """Looks at a program without launching it.

    Args:
      program: the program.
      launch_type: how it is to be launched. A node that does not pickle is an error, for local_mt,
        which pickles nothing, only a warning. None: as for processes.
      local_resources: what lp.launch is to be given.

    Returns:
      A Report of errors, with which a launch would fail, and warnings.
    """
    links.link(program)
    report = before_launch(program, local_resources or {})
    threads = launch_type is not None and LaunchType(launch_type) is (
        LaunchType.LOCAL_MULTI_THREADING
    )
    (report.warnings if threads else report.errors).extend(_pickling(program))
    return report


def before_launch(program: Program, local_resources: Mapping[str, Any]) -> Report:
    """The checks of every launch: all but pickling, which a launch does itself."""
    report = Report()
    for is_error, node, what, mend in program.core.findings():
        (report.errors if is_error else report.warnings).append(Finding(node, what, mend))
    report.errors.extend(_addresses(program))
    for is_error, finding in _resources(local_resources):
        (report.errors if is_error else report.warnings).append(finding)
    return report


def _pickling(program: Program) -> Iterator[Finding]:
    for node in program.get_all_nodes():
        if hasattr(node, "runs_elsewhere"):
            continue
        try:
            serialization.dumps(node)
        except Exception as error:
            path = serialization.unpicklable_path(node, "node")
            yield Finding(
                node.core.name,
                f"({node.kind}, added at {node._added_at}) does not pickle: "
                f"{path or 'it'}: {type(error).__name__}: {error}",
                "Build what cannot travel (locks, files, sessions) in the node's constructor.",
            )


def _addresses(program: Program) -> Iterator[Finding]:
    taken: dict[str, Any] = {}  # By whom; of those inside of others, too.
    names: dict[str, str] = {}
    for node in program.get_all_nodes():
        name = node.core.name
        for inner in colocation.with_inner([node]):
            for address in _given_addresses(inner):
                if address.owning_node is None:
                    yield Finding(
                        name,
                        f"(added at {node._added_at}) was given an lp.Address that is no node's",
                        "Give it to a node with node.allocate_address(address).",
                    )
            for address in inner.addresses:
                text = _text_of(address.builder)
                if text is None:
                    continue
                other = names.setdefault(text, name)
                if taken.setdefault(text, inner) is not inner:
                    whose = f"'{other}'" if other != name else "another node inside of it"
                    yield Finding(
                        name,
                        f"(added at {node._added_at}) is to listen at {text}, as {whose} is",
                        "Bind each address to a builder of its own.",
                    )


def _given_addresses(node: Any) -> list[Address]:
    parts = [node.__dict__.get(name) for name in ("_args", "_kwargs")]
    parts += [node.__dict__.get(name) for name in ("_partial_args", "_partial_kwargs")]
    found = []
    for leaf in structure.leaves([part for part in parts if part]):
        if isinstance(leaf, Address):
            found.append(leaf)
        elif isinstance(leaf, CourierHandle):
            found.append(leaf.address)
    return found


def _text_of(builder: AbstractAddressBuilder | None) -> str | None:
    # The graph gives its own nodes addresses, each another one.
    return None if builder is None or isinstance(builder, NodeAddressBuilder) else builder.build()


def _resources(local_resources: Mapping[str, Any]) -> Iterator[tuple[bool, Finding]]:
    asked = {
        label: (getattr(config, "cpus", None), getattr(config, "gpus", None))
        for label, config in local_resources.items()
    }
    for is_error, what, mend in _core.missing_resources(asked):
        yield is_error, Finding("", what, mend)
