"""Lays the repository's pages out as Sphinx wants them: docs/README.md becomes the entry page, what
it links to becomes the rest, links included. Source files that pages link to become pages, too.
The lists of docs/README.md are the table of contents.
"""

from __future__ import annotations

import os
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
INDEX = ROOT / "docs" / "README.md"
_LANGUAGE_OF = {".py": "python", ".cc": "cpp", ".h": "cpp", ".md": "markdown", ".json": "json"}
# A fence, inline code or a link. Links in code are none.
_LINK = re.compile(
    r"(^```.*?^```$|`[^`\n]*`)|\[((?:[^\[\]`]|`[^`\n]*`)*)\]\(([^)\s]+)\)", re.MULTILINE | re.DOTALL
)
_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)


class Stage:
    """The pages, in a folder."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        self._waiting = [INDEX]
        self._pages: dict[pathlib.Path, str] = {}  # By source file: the path below the folder.
        self._listed: set[str] = {"index.md"}  # Those in the table of contents.

    def write(self, reference: dict[str, dict[str, str]]) -> None:
        """Writes the entry page and all that it leads to. `reference` is pages that are there, by
        part and title.
        """
        self._page_of(INDEX)
        while self._waiting:
            source = self._waiting.pop(0)
            page = self._page_of(source)
            text = source.read_text(encoding="utf-8")
            if source.suffix != ".md":
                text = _source_page(source, text)
            else:
                text = self._with_links(source, page, text)
            if source == INDEX:
                text = _with_reference(text, reference) + self._contents(reference)
            if page not in self._listed:
                text = f"---\norphan: true\n---\n{text}"
            self.add(page, text)

    def add(self, page: str, text: str) -> None:
        """Writes a page, unless it is there as it is to be."""
        path = self._folder / page
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")

    def _page_of(self, source: pathlib.Path) -> str:
        if source not in self._pages:
            path = source.relative_to(ROOT).as_posix()
            if source.suffix != ".md":
                page = f"source/{path}.md"
            elif source == INDEX:
                page = "index.md"
            elif source.parent == INDEX.parent:
                page = f"guide/{source.name}"
            else:
                page = path.lower()
            self._pages[source] = page
        return self._pages[source]

    def _with_links(self, source: pathlib.Path, page: str, text: str) -> str:
        def link(match: re.Match[str]) -> str:
            target: str = match.group(3)
            if match.group(1) or target.startswith(("http://", "https://", "#")):
                return match.group(0)
            path, mark, anchor = target.partition("#")
            return f"[{match.group(2)}]({self._link(source, page, path)}{mark}{anchor})"

        return _LINK.sub(link, text)

    def _link(self, source: pathlib.Path, page: str, target: str) -> str:
        file = (source.parent / target).resolve()
        if file.is_dir():
            file = file / "README.md"
        if not file.is_file():
            raise FileNotFoundError(f"{source.relative_to(ROOT)} links to {target}, which is not")
        if file not in self._pages:
            self._waiting.append(file)
        return os.path.relpath(self._page_of(file), os.path.dirname(page))

    def _contents(self, reference: dict[str, dict[str, str]]) -> str:
        """The table of contents: a part for each section of the entry page, with what it lists."""
        parts = _SECTION.split(INDEX.read_text(encoding="utf-8"))[1:]
        contents = []
        for caption, section in zip(parts[::2], parts[1::2]):
            links = [(title, link) for code, title, link in _LINK.findall(section) if not code]
            pages = {
                title[:1].upper() + title[1:]: self._pages[
                    (INDEX.parent / link.partition("#")[0]).resolve()
                ]
                for title, link in links
            }
            parts_here = reference if caption == "Reference" else {caption: pages}
            contents += [self._part(name, listed) for name, listed in parts_here.items()]
        return "\n" + "\n".join(contents)

    def _part(self, caption: str, pages: dict[str, str]) -> str:
        self._listed.update(pages.values())
        listed = "\n".join(f"{title} <{path.removesuffix('.md')}>" for title, path in pages.items())
        return f"```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{listed}\n```\n"


def _with_reference(text: str, reference: dict[str, dict[str, str]]) -> str:
    """The entry page with links to the reference, which is nowhere but in HTML."""
    lines = [
        f"- {part}: " + ", ".join(f"[{title}]({path})" for title, path in pages.items())
        for part, pages in reference.items()
    ]
    start = text.index("\n## Reference\n") + len("\n## Reference\n")
    end = text.index("\n## ", start)
    return text[:start] + "\n" + "\n".join(lines) + "\n" + text[end:]


def _source_page(source: pathlib.Path, text: str) -> str:
    name = source.relative_to(ROOT).as_posix()
    language = _LANGUAGE_OF.get(source.suffix, "text")
    return f"# {name}\n\n````{language}\n{text}````\n"
