"""Every snippet that users are shown runs, and prints what the page says; every link leads
somewhere. pages.py says what forms there are. `python tests/test_docs.py` writes included files and
the output of commands anew.
"""

from __future__ import annotations

import os
import pathlib
import re
from collections.abc import Iterator
from concurrent import futures

import pages
import pytest
from pages import PAGES, ROOT, Snippet

ALL = [s for page in PAGES for s in pages.snippets(page, page.read_text())]


Built = dict[str, tuple[pathlib.Path, futures.Future[None]]]


@pytest.fixture(scope="module")
def built(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Built]:
    """By name: where each selected C++ snippet is compiled, on all cores while others run."""
    parameters = [getattr(item, "callspec", None) for item in request.session.items]
    selected = [p.params["snippet"] for p in parameters if p and "snippet" in p.params]
    with futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        compiled: Built = {}
        for snippet in selected:
            if snippet.language == "cpp" and not snippet.file:
                folder = tmp_path_factory.mktemp("cpp")
                compiled[snippet.name] = (folder, pool.submit(pages.build_cpp, snippet, folder))
        yield compiled


@pytest.mark.timeout(180)
@pytest.mark.parametrize("snippet", ALL, ids=lambda s: s.name)
def test_snippet_prints_what_its_page_says(
    snippet: Snippet, tmp_path: pathlib.Path, built: Built
) -> None:
    folder, compiled = built.get(snippet.name, (tmp_path, None))
    if compiled is not None:
        compiled.result()
    ran = pages.run(snippet, folder)
    if snippet.shown:
        assert snippet.output is not None
        assert ran.returncode != 0
        parts = re.split(r"^\.\.\.\n", snippet.output.rstrip() + "\n", flags=re.MULTILINE)
        pattern = "(?:.*\n)*".join(map(re.escape, parts)) + r"\Z"
        said = (ran.stderr.rstrip() + "\n").replace(f"{tmp_path}{os.sep}", "")
        assert re.search(pattern, said, re.MULTILINE), ran.stderr
        return
    assert ran.returncode == 0, ran.stderr
    if snippet.output is not None:
        assert sorted(ran.stdout.splitlines()) == sorted(snippet.output.splitlines()), ran.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_included_files_are_shown_as_they_are(page: pathlib.Path) -> None:
    text = page.read_text()
    assert text == pages.with_includes(text), "write it anew with: python tests/test_docs.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: pathlib.Path) -> None:
    assert pages.broken_links(page, page.read_text()) == []


def test_every_page_is_in_the_list_of_pages() -> None:
    index = ROOT / "docs" / "README.md"
    listed = {(index.parent / link).resolve() for link in pages.links(index.read_text())}
    missing = set((ROOT / "docs").glob("*.md")) - listed - {index}
    assert not missing


@pytest.mark.parametrize("folder", ["examples/cpp", "examples/python", "python/launchpad/examples"])
def test_every_example_is_shown_in_its_readme(folder: str) -> None:
    page = ROOT / folder / "README.md"
    shown = {(page.parent / link).resolve() for link in pages.links(page.read_text())}
    examples = [*page.parent.glob("*.cc"), *page.parent.glob("*.py"), *page.parent.glob("*/*.py")]
    missing = {p for p in examples if p.name != "__init__.py"} - shown
    assert not missing


def test_an_include_line_becomes_the_file_however_old_its_block_is() -> None:
    line = "<!-- include examples/python/policy.py -->\n"
    fresh = pages.with_includes(f"before\n{line}after\n")
    assert "class Policy:" in fresh and fresh.endswith("```\nafter\n")
    assert pages.with_includes(f"before\n{line}```python\nold = 1\n```\nafter\n") == fresh
    assert pages.with_includes(fresh) == fresh


def test_a_command_is_shown_with_what_it_prints() -> None:
    line = "<!-- run -->\n\n    python -c 'print(7 * 6)'\n"
    fresh = pages.with_outputs(f"before\n\n{line}after\n")
    assert fresh == f"before\n\n{line}\n```text\n42\n```\nafter\n"
    (snippet,) = pages.snippets(ROOT / "x.md", fresh.replace("42", "43"))
    assert (snippet.language, snippet.output) == ("command", "43\n")
    assert pages.with_outputs(fresh.replace("42", "43")) == fresh


def test_links_that_lead_nowhere_are_found() -> None:
    page = ROOT / "docs" / "x.md"
    good = "[a](README.md) [b](../README.md#more) `[c](no.md)` [d](https://example.org/)"
    assert pages.broken_links(page, good) == []
    bad = "[a](no.md) [b](../README.md#no) [c](../LICENSE#no)"
    assert pages.broken_links(page, bad) == ["no.md", "../README.md#no", "../LICENSE#no"]


def test_readme_shows_a_program_in_each_language() -> None:
    shown = {s.language for s in ALL if s.page == ROOT / "README.md" and s.output}
    assert shown == {"python", "cpp"}


def test_a_block_that_no_test_runs_is_noticed() -> None:
    with pytest.raises(AssertionError, match="which no test runs"):
        pages.snippets(ROOT / "x.md", "```rust\nfn main() {}\n```\n")


def write_anew() -> None:
    for page in PAGES:
        text = page.read_text()
        fresh = pages.with_outputs(pages.with_includes(text))
        if fresh != text:
            page.write_text(fresh)


if __name__ == "__main__":
    write_anew()
