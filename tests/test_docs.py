"""Every snippet that users are shown runs, and prints what the page says.

A ```python or ```cpp block is a whole program; a ```text block that follows it is its output
(the end of stderr, if the block's info string says `text stderr`). A ```cmake block is compiled by
test_cmake_package.py. Indented console blocks name commands of ./dev and cmake, which CI runs. A
block of code in no such form fails the test.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "ARCHITECTURE.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
LANGUAGES = {"python", "cpp", "text", "text stderr", "cmake", ""}
_FENCE = re.compile(r"^```(.*?)$\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclasses.dataclass
class Snippet:
    """A program in a page, and what the page says that it prints."""

    page: pathlib.Path
    number: int
    language: str
    code: str
    output: str | None = None
    on_stderr: bool = False

    @property
    def name(self) -> str:
        return f"{self.page.relative_to(ROOT)}-{self.number}-{self.language}"


def snippets(page: pathlib.Path, text: str) -> list[Snippet]:
    """The programs of a page, each with the output that follows it."""
    found: list[Snippet] = []
    for number, (language, code) in enumerate(_FENCE.findall(text)):
        assert language in LANGUAGES, f"{page}: a block of {language!r}, which no test runs"
        if language in ("python", "cpp"):
            found.append(Snippet(page, number, language, code))
        elif language.startswith("text") and found and found[-1].output is None:
            found[-1].output = code
            found[-1].on_stderr = language.endswith("stderr")
    return found


ALL = [s for page in PAGES for s in snippets(page, page.read_text())]


def build_folder() -> pathlib.Path:
    return pathlib.Path(os.environ.get("LAUNCHPAD_BUILD_DIR", ROOT / "build" / "dev"))


def run_python(snippet: Snippet, folder: pathlib.Path) -> subprocess.CompletedProcess[str]:
    script = folder / "snippet.py"
    script.write_text(snippet.code)
    return run([sys.executable, str(script)], folder)


def run_cpp(snippet: Snippet, folder: pathlib.Path) -> subprocess.CompletedProcess[str]:
    source = folder / "snippet.cc"
    source.write_text(snippet.code)
    compiler = os.environ.get("CXX", "g++")
    library = build_folder() / "liblaunchpad.a"
    whole = "int main(" in snippet.code
    command = [compiler, "-std=c++20", f"-I{ROOT / 'cpp'}", str(source)]
    command += (
        [str(library), "-pthread", "-o", str(folder / "snippet")] if whole else ["-fsyntax-only"]
    )
    built = run(command, folder)
    assert built.returncode == 0, built.stderr
    if not whole:
        return built
    return run([str(folder / "snippet"), "--lp_launch_type=local_mp"], folder)


def run(command: list[str], folder: pathlib.Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "NO_COLOR": "1", "LAUNCHPAD_PYTHON": sys.executable}
    return subprocess.run(
        command,
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.timeout(180)
@pytest.mark.parametrize("snippet", ALL, ids=lambda s: s.name)
def test_snippet_prints_what_its_page_says(snippet: Snippet, tmp_path: pathlib.Path) -> None:
    ran = (
        run_python(snippet, tmp_path)
        if snippet.language == "python"
        else run_cpp(snippet, tmp_path)
    )
    if snippet.on_stderr:
        assert ran.returncode != 0
        assert ran.stderr.rstrip().endswith(snippet.output.rstrip()), ran.stderr
        return
    assert ran.returncode == 0, ran.stderr
    if snippet.output is not None:
        assert sorted(ran.stdout.splitlines()) == sorted(snippet.output.splitlines()), ran.stderr


def test_readme_shows_a_program_in_each_language() -> None:
    shown = {s.language for s in ALL if s.page.name == "README.md" and s.output}
    assert shown == {"python", "cpp"}


def test_a_block_that_no_test_runs_is_noticed() -> None:
    with pytest.raises(AssertionError, match="which no test runs"):
        snippets(ROOT / "x.md", "```rust\nfn main() {}\n```\n")
