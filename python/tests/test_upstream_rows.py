"""Every row of upstream's inventory is shown by tests that there are, or listed as a difference."""

from __future__ import annotations

import ast
import functools
import pathlib
import re

import pytest
from upstream_rows import ROWS, SHORTCOMINGS

TESTS = pathlib.Path(__file__).parent
DIFFERENCES = TESTS.parents[1] / "docs/differences.md"


@functools.cache
def names_in(file: str) -> set[str]:
    """The names of its tests that are not skipped."""
    tree = ast.parse((TESTS / f"test_{file}.py").read_text())
    return {
        node.name.removeprefix("test_")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and "skip" not in ast.dump(node)
    }


def differences() -> list[str]:
    rows = DIFFERENCES.read_text().splitlines()
    return [row.removeprefix("| ") for row in rows if row.startswith("| ")]


def evidence(text: str) -> list[tuple[str, str]]:
    """("program", "labels_are_checked"), ("differences", "a failed node"), ..."""
    return re.findall(r"(\w+):(.*?)(?= \w+:|$)", text)


def lacking(text: str) -> list[str]:
    """What the text names and there is not."""
    return [
        f"{file}:{name}"
        for file, name in evidence(text)
        if (
            not any(row.startswith(name) for row in differences())
            if file == "differences"
            else name not in names_in(file)
        )
    ]


@pytest.mark.parametrize(
    ("section", "row"), [(section, row) for section, rows in ROWS.items() for row in rows]
)
def test_a_row_is_shown_or_listed(section, row):
    assert evidence(ROWS[section][row])
    assert lacking(ROWS[section][row]) == []


@pytest.mark.parametrize("rank", SHORTCOMINGS)
def test_a_shortcoming_is_shown_to_be_gone(rank):
    names = names_in("upstream_shortcomings") | names_in("upstream_shortcomings_of_calls")
    assert [name for name in names if name.startswith(f"{rank:02}_")]


def test_a_test_or_difference_that_is_not_there_is_noticed():
    assert lacking("program:labels_are_checked differences:a failed node") == []
    assert lacking("program:no_such") == ["program:no_such"]
    assert lacking("differences:no such row") == ["differences:no such row"]
