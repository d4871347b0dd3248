"""Doxygen's input filter: turns a header's plain comments into documentation comments.

The house writes `// What it is.` before a declaration, or behind it, and no markup but backticks.
python cpp_comments.py HEADER prints the header as Doxygen is to read it, line for line.
"""

import pathlib
import re
import sys

_WHOLE_LINE = re.compile(r"^(\s*)//(?!/) ?(.*)$")
_TRAILING = re.compile(r"^(\s*\S.*?  +)// (.+)$")
_NO_DOCUMENTATION = re.compile(r"^(namespace|IWYU|NOLINT|clang-format)\b")
# What Doxygen would take for a command, an entity or a tag.
_SPECIAL = re.compile(r"[\\@&<>#%]")


def documented(text: str) -> str:
    """The header with `///` before declarations and `///<` behind them. Its opening comment, which
    belongs to the file, is left alone.
    """
    lines = []
    opening = True
    in_code = False  # Between backticks, which may go over several lines.
    trailing_column: int | None = None  # Of the comment that the line before ended with.
    for line in text.splitlines():
        if opening and line.startswith("//"):
            lines.append(line)
            continue
        opening = False
        if whole := _WHOLE_LINE.match(line):
            goes_on = trailing_column == len(whole.group(1))
            mark = "///<" if goes_on else "///"
            comment, in_code = escaped(whole.group(2), in_code)
            lines.append(f"{whole.group(1)}{mark} {comment}".rstrip())
            continue
        in_code = False
        trailing_column = None
        trailing = _TRAILING.match(line)
        if trailing and not _NO_DOCUMENTATION.match(trailing.group(2)):
            code, comment = trailing.groups()
            trailing_column = len(code)
            comment, in_code = escaped(comment)
            line = f"{code}///< {comment}"
        lines.append(line)
    return "\n".join(lines) + "\n"


def escaped(comment: str, in_code: bool = False) -> tuple[str, bool]:
    """The comment's text without what Doxygen would take for markup, but for `code`; and whether
    its end is within code.
    """
    parts = comment.split("`")
    first = 1 if in_code else 0
    parts[first::2] = [_SPECIAL.sub(r"\\\g<0>", part) for part in parts[first::2]]
    return "`".join(parts), in_code != (len(parts) % 2 == 0)


if __name__ == "__main__":
    sys.stdout.write(documented(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")))
