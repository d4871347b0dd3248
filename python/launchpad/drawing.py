"""lp.draw: a program's graph as text, DOT or SVG. The drawing itself is the C++ system's."""

from __future__ import annotations

from launchpad.launch import links
from launchpad.program import Program


def draw(program: Program, format: str = "text") -> str:
    """The program's graph: a box for each label, an arrow from who calls to who is called.

    Args:
      program: the program; it is not launched.
      format: "text" for a terminal, "dot" for graphviz, or "svg".

    Raises:
      ValueError: another format, or a graph that a launch would refuse.
    """
    links.link(program)
    return program.core.draw(format)
