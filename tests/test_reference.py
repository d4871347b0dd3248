"""Every public name says what it is: the API reference (./dev docs) is made of docstrings and
headers' comments.
"""

from __future__ import annotations

import pathlib
import re
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "scripts" / "docs"))

import cpp_comments
import cpp_names
import python_names
import reference

HEADER = """// Kite flies.
#pragma once

namespace lp {

class Kite {
 public:
  Kite();
  void rise();
  // Comes down.
  void fall();
  int height = 0;  // Metres.

 private:
  void tear();
};
void lose();

namespace inner {
void hidden();
}
}  // namespace lp
"""


@pytest.mark.parametrize("package", python_names.PACKAGES)
def test_every_public_python_name_has_a_docstring(package: str) -> None:
    assert python_names.undocumented(package) == []


def test_every_public_python_name_has_an_entry_in_the_reference() -> None:
    pages = {page.title: page.text for page in reference.python_pages()}
    for package in python_names.PACKAGES:
        for name, _ in python_names.exported(package):
            assert re.search(rf"[ `]{package}\.{re.escape(name)}\b", pages[package]), name
    assert ".. autoclass:: reverb.selectors.PrioritizedSelector\n" in pages["reverb"]


def names(folder: pathlib.Path, sources: pathlib.Path) -> list[cpp_names.Name]:
    assert shutil.which("doxygen"), "install doxygen, which reads the headers' comments"
    return cpp_names.read(folder, sources)


def undocumented(found: list[cpp_names.Name]) -> list[str]:
    return [
        f"{entry.header}: {entry.name}"
        for name in found
        for entry in (name, *name.members)
        if not entry.documented
    ]


def test_every_public_cpp_name_has_a_comment(tmp_path: pathlib.Path) -> None:
    found = names(tmp_path, cpp_names.SOURCES)
    assert {"lp::Client", "lp::Program", "lp::stop()", "LP_FIELDS"} <= {n.name for n in found}
    assert set(cpp_names.ALSO) <= {n.name.split("(")[0] for n in found}
    assert undocumented(found) == []


def test_a_cpp_name_without_a_comment_is_found(tmp_path: pathlib.Path) -> None:
    header = tmp_path / "sources" / cpp_names.UMBRELLA
    header.parent.mkdir(parents=True)
    header.write_text(HEADER)
    found = names(tmp_path / "out", tmp_path / "sources")
    assert undocumented(found) == [
        "launchpad/launchpad.h: lp::Kite::rise()",
        "launchpad/launchpad.h: lp::lose()",
    ]


def test_a_python_name_without_a_docstring_is_found() -> None:
    class Documented:
        """Has one."""

        def bare(self) -> None:
            pass

    Documented.__module__ = "launchpad"
    found = list(python_names._without_docstring("Documented", Documented))
    assert found == ["Documented.bare"]


def test_comments_become_documentation_where_they_stand() -> None:
    text = """// Opens.

// A <b> @ home, `<c>
// <d>` <e>.
int f();
int x;   // One
         // two.
"""
    assert (
        cpp_comments.documented(text)
        == """// Opens.

/// A \\<b\\> \\@ home, `<c>
/// <d>` \\<e\\>.
int f();
int x;   ///< One
         ///< two.
"""
    )
