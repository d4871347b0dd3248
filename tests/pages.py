"""What the pages show, and how it is run: programs with their output, files that are included,
commands with what they print, and links. test_docs.py holds the pages to it.

A ```python or ```cpp block is a whole program; a ```text block that follows it is its output
(the end of stderr, if the block's info string says `text stderr`; what a user at a terminal sees,
if it says `text terminal`: there each line after "(Pdb) " is typed. In both a line `...` stands
for any lines). A block after `<!-- include PATH -->` is that file, to the letter, and runs as that
file, if output follows. After `<!-- run -->` comes an indented command and a ```text block with
what it prints. A ```cmake block is compiled by test_cmake_package.py. Other indented blocks name
commands of ./dev and cmake, which CI runs.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import pty
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "examples").rglob("*.md")),
    *sorted((ROOT / "python/launchpad/examples").rglob("*.md")),
]
LANGUAGES = {"python", "cpp", "text", "text stderr", "text terminal", "cmake", ""}
LIMIT_SECS = 120
_FENCE = re.compile(
    r"(?:^<!-- include (\S+) -->$\n)?^```(.*?)$\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
# An include line, with the block that it was written as, if it was.
_INCLUDE = re.compile(
    r"^<!-- include (\S+) -->$\n(?:^```\w*$\n.*?^```$\n)?", re.MULTILINE | re.DOTALL
)
_RUN = re.compile(
    r"(^<!-- run -->$\n\n^    ([^\n]+)$\n)(?:\n^```text$\n(.*?)^```$\n)?", re.MULTILINE | re.DOTALL
)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_LANGUAGE_OF = {".py": "python", ".cc": "cpp"}


@dataclasses.dataclass
class Snippet:
    """A program or a command in a page, and what the page says that it prints."""

    page: pathlib.Path
    number: int
    language: str  # "command" for a command.
    code: str
    output: str | None = None
    shown: str = ""  # What of it: "" for stdout, "stderr" or "terminal".
    file: pathlib.Path | None = None  # Included from here.

    @property
    def name(self) -> str:
        return f"{self.page.relative_to(ROOT)}-{self.number}-{self.language}"


def snippets(page: pathlib.Path, text: str) -> list[Snippet]:
    """The programs and commands of a page, each with the output that follows it."""
    found: list[Snippet] = []
    commands = [
        Snippet(page, number, "command", command, output)
        for number, (_, command, output) in enumerate(_RUN.findall(text))
    ]
    text = _RUN.sub("", text)
    for number, (included, language, code) in enumerate(_FENCE.findall(text)):
        assert language in LANGUAGES, f"{page}: a block of {language!r}, which no test runs"
        if language in ("python", "cpp"):
            file = ROOT / included if included else None
            found.append(Snippet(page, number, language, code, file=file))
        elif language.startswith("text") and found and found[-1].output is None:
            found[-1].output = code
            found[-1].shown = language.removeprefix("text").strip()
    # Included files that a page shows without output are run by the tests of the examples.
    return [s for s in found if not s.file or s.output is not None] + commands


def build_folder() -> pathlib.Path:
    return pathlib.Path(os.environ.get("LAUNCHPAD_BUILD_DIR", ROOT / "build" / "dev"))


def run(snippet: Snippet, folder: pathlib.Path) -> subprocess.CompletedProcess[str]:
    """Runs it; `folder` is for what it needs, and has what build_cpp made of it."""
    if snippet.language == "command":
        return _run_command(snippet.code)
    return (_run_python if snippet.language == "python" else _run_cpp)(snippet, folder)


def _run_command(line: str) -> subprocess.CompletedProcess[str]:
    words = shlex.split(line)
    env = {}
    while "=" in words[0]:
        name, value = words.pop(0).split("=", 1)
        env[name] = value
    if words[0] == "python":
        words[0] = sys.executable
    words = [re.sub(r"(?<![^=])build/dev(?=/)", str(build_folder()), word) for word in words]
    return _execute(words, ROOT, env)


def _run_python(snippet: Snippet, folder: pathlib.Path) -> subprocess.CompletedProcess[str]:
    if snippet.file:
        arguments = []
        if snippet.file.name == "cpp_node.py":
            arguments = [f"--counter_node={build_folder() / 'examples' / 'counter_node'}"]
        return _execute([sys.executable, str(snippet.file), *arguments], snippet.file.parent)
    script = folder / "snippet.py"
    script.write_text(snippet.code)
    if snippet.shown == "terminal":
        assert snippet.output is not None
        typed = re.findall(r"^\(Pdb\) (.*)$", snippet.output, re.MULTILINE)
        return _at_a_terminal([sys.executable, str(script)], folder, typed)
    return _execute([sys.executable, str(script)], folder)


def build_cpp(snippet: Snippet, folder: pathlib.Path) -> None:
    """Compiles it into the folder; a block without main() is compiled only."""
    source = folder / "snippet.cc"
    source.write_text(snippet.code)
    compiler = os.environ.get("CXX", "g++")
    library = build_folder() / "liblaunchpad.a"
    command = [compiler, "-std=c++20", f"-I{ROOT / 'cpp'}", str(source)]
    if "int main(" in snippet.code:
        command += [
            str(library),
            "-pthread",
            "-llz4",
            "-lzstd",
            "-lssl",
            "-lcrypto",
            "-o",
            str(folder / "snippet"),
        ]
    else:
        command += ["-fsyntax-only"]
    built = _execute(command, folder)
    assert built.returncode == 0, built.stderr


def _run_cpp(snippet: Snippet, folder: pathlib.Path) -> subprocess.CompletedProcess[str]:
    if snippet.file:
        program = build_folder() / "examples" / snippet.file.stem
        return _execute([str(program), "--lp_launch_type=local_mp"], ROOT / "examples" / "python")
    if "int main(" not in snippet.code:
        return subprocess.CompletedProcess([], 0, "", "")
    flags = ["--lp_launch_type=local_mp"] if "argv" in snippet.code else []
    return _execute([str(folder / "snippet"), *flags], folder)


def _environment(more: dict[str, str]) -> dict[str, str]:
    return {**os.environ, "NO_COLOR": "1", "LAUNCHPAD_PYTHON": sys.executable, **more}


def _execute(
    command: list[str], folder: pathlib.Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env=_environment(env or {}),
        capture_output=True,
        text=True,
        timeout=LIMIT_SECS,
        stdin=subprocess.DEVNULL,
    )


def _at_a_terminal(
    command: list[str], folder: pathlib.Path, typed: list[str]
) -> subprocess.CompletedProcess[str]:
    """Runs it at a pseudo-terminal, and types a line at each prompt of the debugger."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execve(command[0], command, _environment({}))
    said, lines = "", list(typed)
    with os.fdopen(terminal, "r+b", buffering=0) as console:
        while True:
            try:
                piece = console.read(4096)
            except OSError:  # Nobody is left at the other end.
                break
            said += piece.decode().replace("\r\n", "\n")
            if said.endswith("(Pdb) ") and lines:
                console.write(lines.pop(0).encode() + b"\n")
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    return subprocess.CompletedProcess(command, code, "", said)


# ---- what is written into pages ------------------------------------------------------------------


def with_includes(text: str) -> str:
    """The page with a block of each included file behind its include line."""

    def block(match: re.Match[str]) -> str:
        path = match.group(1)
        language = _LANGUAGE_OF[pathlib.Path(path).suffix]
        code = (ROOT / path).read_text()
        return f"<!-- include {path} -->\n```{language}\n{code}```\n"

    return _INCLUDE.sub(block, text)


def with_outputs(text: str) -> str:
    """The page with what each command prints behind it; what is there stays, if it is as good."""

    def block(match: re.Match[str]) -> str:
        ran = _run_command(match.group(2))
        assert ran.returncode == 0, ran.stderr
        output = match.group(3)
        if output is None or sorted(output.splitlines()) != sorted(ran.stdout.splitlines()):
            output = ran.stdout
        return f"{match.group(1)}\n```text\n{output}```\n"

    return _RUN.sub(block, text)


# ---- links ---------------------------------------------------------------------------------------


def links(text: str) -> list[str]:
    """The targets of a page's links, but for those in code."""
    text = re.sub(r"`[^`\n]*`", "", _FENCE.sub("", text))
    return [t for t in _LINK.findall(text) if not t.startswith(("http://", "https://"))]


def anchors(text: str) -> set[str]:
    """What a link to a place in the page may name, by the rule of GitHub and of the HTML pages."""
    headings = _HEADING.findall(_FENCE.sub("", text))
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}


def broken_links(page: pathlib.Path, text: str) -> list[str]:
    """Links of a page to a file or a place in a file that is not there."""
    broken = []
    for target in links(text):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        is_page = anchor and file.is_file() and file.suffix == ".md"
        known = anchors(file.read_text()) if is_page else {""}
        if not file.exists() or anchor not in known:
            broken.append(target)
    return broken
