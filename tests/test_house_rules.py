"""Holds the tree to the rules of the house (house_rules.py), and shows that each rule can fail."""

from collections.abc import Iterator
from pathlib import Path

import house_rules as rules
import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ["bench", "bindings", "cpp", "examples", "python", "scripts", "tests"]
DIAGRAM = """
# The diagram.
lp_library(base)
lp_library(wire DEPS base)
lp_library(net
  DEPS base)
"""


def tree(*suffixes: str) -> Iterator[tuple[str, str]]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in suffixes and path.is_file() and not path.is_symlink():
                yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


def report(complaints: list[str]) -> None:
    assert not complaints, "\n" + "\n".join(complaints)


# ---- the tree -----------------------------------------------------------------------------------


def test_every_include_follows_the_layer_diagram() -> None:
    allowed = rules.layers((ROOT / "cpp/launchpad/CMakeLists.txt").read_text())
    assert "base" in allowed
    cpp = [(path, text) for path, text in tree(".h", ".cc") if not path.startswith("bindings/")]
    report([line for path, text in cpp for line in rules.check_layer(path, text, allowed)])


def test_the_layer_diagram_has_no_cycle() -> None:
    allowed = rules.layers((ROOT / "cpp/launchpad/CMakeLists.txt").read_text())
    below: set[str] = set()
    for layer, may_use in allowed.items():
        assert may_use - {layer} <= below, f"{layer} uses a layer that is listed after it"
        below.add(layer)


def test_files_and_lines_are_short() -> None:
    report([line for file in tree(".h", ".cc", ".py") for line in rules.check_size(*file)])


def test_functions_are_short() -> None:
    report([line for file in tree(".h", ".cc", ".py") for line in rules.check_functions(*file)])


def test_headers_and_modules_say_what_they_are() -> None:
    report([line for file in tree(".h", ".py") for line in rules.check_opening(*file)])


def test_names_say_what_a_thing_is() -> None:
    report([line for file in tree(".h", ".cc", ".py") for line in rules.check_names(*file)])


# ---- each rule can fail -------------------------------------------------------------------------


def test_diagram_is_read_from_cmake() -> None:
    assert rules.layers(DIAGRAM) == {
        "base": {"base"},
        "wire": {"wire", "base"},
        "net": {"net", "base"},
    }


@pytest.mark.parametrize(
    ("path", "include", "complains"),
    [
        ("cpp/launchpad/wire/x.cc", '"launchpad/base/fd.h"', False),
        ("cpp/launchpad/wire/x.cc", '"launchpad/wire/x.h"', False),
        ("cpp/launchpad/wire/x.cc", "<vector>", False),
        ("cpp/launchpad/wire/x.cc", '"launchpad/net/socket.h"', True),
        ("cpp/launchpad/wire/x_test.cc", '"launchpad/net/socket.h"', True),
        ("cpp/launchpad/base/x.h", '"launchpad/wire/x.h"', True),
        ("cpp/launchpad/base/x.h", '"launchpad/launchpad.h"', True),
        ("cpp/launchpad/base/x_test.cc", '"launchpad/launchpad.h"', False),
        ("cpp/launchpad/strange/x.h", "<vector>", True),
        ("cpp/launchpad/launchpad.h", '"launchpad/net/socket.h"', False),
        ("cpp/launchpad/wire/x.cc", "<Python.h>", True),
        ("examples/cpp/x.cc", "<nanobind/nanobind.h>", True),
    ],
)
def test_layer_rule(path: str, include: str, complains: bool) -> None:
    found = rules.check_layer(path, f"#include {include}\n", rules.layers(DIAGRAM))
    assert bool(found) == complains


@pytest.mark.parametrize(
    ("path", "limit"), [("a.h", 300), ("a.cc", 500), ("a.py", 400), ("dir/b_test.cc", 500)]
)
def test_size_rule_counts_lines(path: str, limit: int) -> None:
    assert rules.check_size(path, "x\n" * limit) == []
    assert rules.check_size(path, "x\n" * (limit + 1)) != []


def test_size_rule_counts_columns() -> None:
    assert rules.check_size("a.cc", "x" * 100) == []
    assert rules.check_size("a.cc", "\n" + "x" * 101) == ["a.cc:2: 101 columns, at most 100"]


BODY = "  step();\n"
LONG = BODY * 70


@pytest.mark.parametrize(
    "text",
    [
        f"namespace a {{\nint f(int x) {{\n{LONG}}}\n}}\n",
        f"class A final : public B {{\n public:\n  void f() const override {{\n{LONG}  }}\n}};\n",
        f"A::A(int x) : x_{{x}}, y_(1) {{\n{LONG}}}\n",
        f"template <class T = std::vector<int>>\nauto f(T t) -> int {{\n{LONG}}}\n",
        f'extern "C" {{\nvoid f() {{\n{LONG}}}\n}}\n',
        f"std::vector<int> f() {{\n  struct Local {{}};\n{LONG}  return {{1, 2}};\n}}\n",
        f"void f() {{\n  log(\"}}\");  // }}\n  char c = '}}'; n = 1'000;\n{LONG}}}\n",
    ],
)
def test_function_rule_finds_a_long_cpp_function(text: str) -> None:
    assert len(rules.check_functions("a.cc", text)) == 1
    assert rules.check_functions("a.cc", text.replace(LONG, BODY * 60)) == []


def test_function_rule_takes_classes_and_tables_for_what_they_are() -> None:
    rows = '  {"a", f(1)},\n' * 80
    methods = "  int a() const { return a_; }\n" * 80
    assert rules.check_functions("a.cc", f"constexpr Row kTable[] = {{\n{rows}}};\n") == []
    assert rules.check_functions("a.h", f"struct A {{\n{methods}}};\n") == []
    assert (
        rules.check_functions("a.h", f"template <class T>\nclass B : C<T> {{\n{methods}}};\n") == []
    )


def test_function_rule_finds_a_long_python_function() -> None:
    body = "    step()\n"
    assert rules.check_functions("a.py", "def f():\n" + body * 69) == []
    assert len(rules.check_functions("a.py", "def f():\n" + body * 70)) == 1
    assert len(rules.check_functions("a.py", "class A:\n  async def f():\n" + body * 70)) == 1


@pytest.mark.parametrize(
    ("path", "text", "complains"),
    [
        ("a.h", "// What it is.\n#pragma once\n", False),
        ("a.h", "#pragma once\n// What it is.\n", True),
        ("a.py", '"""What it is."""\n', False),
        ("a.py", "import os\n", True),
        ("__init__.py", "", False),
    ],
)
def test_opening_rule(path: str, text: str, complains: bool) -> None:
    assert bool(rules.check_opening(path, text)) == complains


@pytest.mark.parametrize(
    ("path", "text", "complains"),
    [
        ("net/socket.h", "class Socket;", False),
        ("net/socket_util.h", "", True),
        ("net/helpers.py", "", True),
        ("net/socket.h", "class SocketManager {};", True),
        ("net/socket.h", "struct [[nodiscard]] CommonState {};", True),
        ("net/socket.h", "enum class HelperKind {};", True),
        ("net/socket.h", "// A class Manager would be\n", False),
        ("net/socket.py", "class Socket_v2: pass", True),
        ("net/utility.h", "class Commoner;", False),
    ],
)
def test_name_rule(path: str, text: str, complains: bool) -> None:
    assert bool(rules.check_names(path, text)) == complains
