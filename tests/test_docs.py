"""Every snippet that users are shown runs, and prints what the page says.

A ```python or ```cpp block is a whole program; a ```text block that follows it is its output
(the end of stderr, if the block's info string says `text stderr`; there a line `...` stands for any
lines). A block after `<!-- include PATH -->` is that file, to the letter, and runs as that file, if
output follows; `python tests/test_docs.py` writes such blocks anew. A ```cmake block is compiled by
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
_FENCE = re.compile(
    r"(?:^<!-- include (\S+) -->$\n)?^```(.*?)$\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
# An include line, with the block that it was written as, if it was.
_INCLUDE = re.compile(
    r"^<!-- include (\S+) -->$\n(?:^```\w*$\n.*?^```$\n)?", re.MULTILINE | re.DOTALL
)
_LANGUAGE_OF = {".py": "python", ".cc": "cpp"}


@dataclasses.dataclass
class Snippet:
    """A program in a page, and what the page says that it prints."""

    page: pathlib.Path
    number: int
    language: str
    code: str
    output: str | None = None
    on_stderr: bool = False
    file: pathlib.Path | None = None  # Included from here.

    @property
    def name(self) -> str:
        return f"{self.page.relative_to(ROOT)}-{self.number}-{self.language}"


def snippets(page: pathlib.Path, text: str) -> list[Snippet]:
    """The programs of a page, each with the output that follows it."""
    found: list[Snippet] = []
    for number, (included, language, code) in enumerate(_FENCE.findall(text)):
        assert language in LANGUAGES, f"{page}: a block of {language!r}, which no test runs"
        if language in ("python", "cpp"):
            file = ROOT / included if included else None
            found.append(Snippet(page, number, language, code, file=file))
        elif language.startswith("text") and found and found[-1].output is None:
            found[-1].output = code
            found[-1].on_stderr = language.endswith("stderr")
    # Included files that a page shows without output are run by the tests of the examples.
    return [s for s in found if not s.file or s.output is not None]


def with_includes(text: str) -> str:
    """The page with a block of each included file behind its include line."""

    def block(match: re.Match[str]) -> str:
        path = match.group(1)
        language = _LANGUAGE_OF[pathlib.Path(path).suffix]
        code = (ROOT / path).read_text()
        return f"<!-- include {path} -->\n```{language}\n{code}```\n"

    return _INCLUDE.sub(block, text)


ALL = [s for page in PAGES for s in snippets(page, page.read_text())]


def build_folder() -> pathlib.Path:
    return pathlib.Path(os.environ.get("LAUNCHPAD_BUILD_DIR", ROOT / "build" / "dev"))


def run_python(snippet: Snippet, folder: pathlib.Path) -> subprocess.CompletedProcess[str]:
    if snippet.file:
        arguments = []
        if snippet.file.name == "cpp_node.py":
            arguments = [f"--counter_node={build_folder() / 'examples' / 'counter_node'}"]
        return run([sys.executable, str(snippet.file), *arguments], snippet.file.parent)
    script = folder / "snippet.py"
    script.write_text(snippet.code)
    return run([sys.executable, str(script)], folder)


def run_cpp(snippet: Snippet, folder: pathlib.Path) -> subprocess.CompletedProcess[str]:
    if snippet.file:
        program = build_folder() / "examples" / snippet.file.stem
        return run([str(program), "--lp_launch_type=local_mp"], ROOT / "examples" / "python")
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
        parts = snippet.output.rstrip().split("...\n")
        pattern = "(?:.*\n)*".join(map(re.escape, parts)) + r"\Z"
        stderr = ran.stderr.rstrip().replace(f"{tmp_path}{os.sep}", "")
        assert re.search(pattern, stderr, re.MULTILINE), ran.stderr
        return
    assert ran.returncode == 0, ran.stderr
    if snippet.output is not None:
        assert sorted(ran.stdout.splitlines()) == sorted(snippet.output.splitlines()), ran.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_included_files_are_shown_as_they_are(page: pathlib.Path) -> None:
    text = page.read_text()
    assert text == with_includes(text), "write it anew with: python tests/test_docs.py"


def test_an_include_line_becomes_the_file_however_old_its_block_is() -> None:
    line = "<!-- include examples/python/policy.py -->\n"
    fresh = with_includes(f"before\n{line}after\n")
    assert "class Policy:" in fresh and fresh.endswith("```\nafter\n")
    assert with_includes(f"before\n{line}```python\nold = 1\n```\nafter\n") == fresh
    assert with_includes(fresh) == fresh


def test_readme_shows_a_program_in_each_language() -> None:
    shown = {s.language for s in ALL if s.page.name == "README.md" and s.output}
    assert shown == {"python", "cpp"}


def test_a_block_that_no_test_runs_is_noticed() -> None:
    with pytest.raises(AssertionError, match="which no test runs"):
        snippets(ROOT / "x.md", "```rust\nfn main() {}\n```\n")


def write_includes() -> None:
    for page in PAGES:
        text = page.read_text()
        fresh = with_includes(text)
        if fresh != text:
            page.write_text(fresh)


if __name__ == "__main__":
    write_includes()
