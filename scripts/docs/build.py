"""Builds the documentation as HTML: build/docs/index.html. Run by ./dev docs, with .venv's Python.

Fails on links that lead nowhere, on public names without a comment or docstring, and on whatever
else Sphinx or Doxygen complain of.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import sys
import time

import cpp_names
import python_names
import reference
from sphinx.cmd.build import main as sphinx
from stage import ROOT, Stage

HERE = pathlib.Path(__file__).resolve().parent
OUT = ROOT / "build" / "docs"
WORK = ROOT / "build" / "docs-work"


def main() -> int:
    """The exit status."""
    began = time.monotonic()
    shutil.rmtree(WORK / "cpp", ignore_errors=True)
    names = cpp_names.read(WORK / "cpp")
    missing = [m.name for n in names for m in (n, *n.members) if not m.documented]
    missing += [
        name for package in python_names.PACKAGES for name in python_names.undocumented(package)
    ]
    if missing:
        print("public names without a comment or docstring:", *missing, sep="\n  ", file=sys.stderr)
        return 1
    shutil.rmtree(WORK / "pages", ignore_errors=True)
    stage = Stage(WORK / "pages")
    parts: dict[str, dict[str, str]] = {}
    for page in (*reference.python_pages(), *reference.cpp_pages(names)):
        stage.add(page.path, page.text)
        parts.setdefault(page.part, {})[page.title] = page.path
    stage.write(parts)
    os.environ["LAUNCHPAD_DOXYGEN_XML"] = str(WORK / "cpp" / "xml")
    shutil.rmtree(OUT, ignore_errors=True)
    folders = ["-d", str(WORK / "doctrees"), str(WORK / "pages"), str(OUT)]
    status = sphinx(["-b", "html", "-q", "-W", "--keep-going", "-E", "-c", str(HERE), *folders])
    if status == 0:
        count = sum(1 for _ in OUT.rglob("*.html"))
        print(f"{count} pages in {time.monotonic() - began:.0f} s: {OUT / 'index.html'}")
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
