"""The command `launchpad`: looks at programs without launching them.

launchpad graph package.module:make_program num_producers=3 --format=svg -o graph.svg
launchpad check path/to/program.py:make_program
"""

from __future__ import annotations

import argparse
import ast
import importlib
import os
import pathlib
import runpy
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launchpad.program import Program

_USUAL_NAMES = ("make_program", "program")


class _Refused(Exception):
    """What the user gave leads to no program."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0, 1 if the program has errors, 2 if there is no such program."""
    options = _parser().parse_args(arguments)
    try:
        program = load(options.program, options.arguments)
        return _graph(program, options) if options.command == "graph" else _check(program)
    except (_Refused, ValueError, OSError) as error:
        print(f"launchpad: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="launchpad", description="Looks at a Launchpad program.")
    commands = parser.add_subparsers(dest="command", required=True)
    graph = commands.add_parser("graph", help="draws a program's graph")
    graph.add_argument(
        "--format", choices=("text", "dot", "svg"), help="default: by the file's name, else text"
    )
    graph.add_argument("-o", "--output", help="the file to write; default: standard output")
    check = commands.add_parser("check", help="says what is wrong with a program")
    for command in (graph, check):
        command.add_argument(
            "program",
            help="module:name or file.py:name of a Program or of a function that makes one; "
            f"without a name: {' or '.join(_USUAL_NAMES)}",
        )
        command.add_argument("arguments", nargs="*", help="the function's arguments: name=value")
    return parser


def load(place: str, arguments: Sequence[str] = ()) -> Program:
    """The program at a place, as the command takes it."""
    module, _, name = place.partition(":")
    members = _members(module)
    if not name:
        name = next((usual for usual in _USUAL_NAMES if usual in members), _USUAL_NAMES[0])
    if name not in members:
        raise _Refused(f"there is no '{name}' in {module}: name what makes the program")
    made: Any = members[name]
    if callable(made):
        made = made(**dict(map(_argument, arguments)))

    from launchpad.program import Program

    if not isinstance(made, Program):
        raise _Refused(f"{place} gives no lp.Program, but {made!r}")
    return made


def _members(module: str) -> dict[str, Any]:
    if module.endswith(".py") or os.sep in module:
        path = pathlib.Path(module).resolve()
        if not path.is_file():
            raise _Refused(f"there is no file {module}")
        sys.path.insert(0, str(path.parent))
        return runpy.run_path(str(path), run_name=path.stem)
    sys.path.insert(0, os.getcwd())
    try:
        return vars(importlib.import_module(module))
    except ModuleNotFoundError as error:
        raise _Refused(f"{error}: give an importable module or a file") from error


def _argument(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise _Refused(f"'{text}' is no name=value")
    try:
        return name, ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return name, value


def _graph(program: Program, options: argparse.Namespace) -> int:
    from launchpad.drawing import draw

    suffix = os.path.splitext(options.output or "")[1].lstrip(".")
    text = draw(program, options.format or (suffix if suffix in ("dot", "svg") else "text"))
    if options.output:
        pathlib.Path(options.output).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return 0


def _check(program: Program) -> int:
    from launchpad.launch.preflight import check

    report = check(program)
    print(report if report.errors or report.warnings else "nothing is wrong")
    return 0 if report else 1


if __name__ == "__main__":
    sys.exit(main())
