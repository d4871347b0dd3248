"""The rules of the house as functions from a file's path and text to a list of complaints.

test_house_rules.py applies them to the tree and shows that each one can fail. They know C++ only
as far as they must: comments and strings are blanked, then braces are counted.
"""

import ast
import re
from pathlib import PurePosixPath

MAX_HEADER, MAX_SOURCE, MAX_MODULE, MAX_FUNCTION, MAX_COLUMN = 300, 500, 400, 70, 100
BANNED_WORDS = {"manager", "util", "utils", "helper", "helpers", "common", "v2"}
# Names of dm-launchpad that programs import.
UPSTREAM_NAMES = {"courier_utils", "worker_manager", "WorkerManager"}

_LIBRARY = re.compile(r"^lp_library\(\s*(\w+)(?:\s+DEPS([\w\s]*))?\)", re.MULTILINE)
_INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)
_PYTHON_HEADERS = re.compile(r"^(Python\.h|nanobind/|pybind11/)")
_NOT_CODE = re.compile(
    r'R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"'  # raw string
    r"|//[^\n]*|/\*.*?\*/"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])*'"  # not the separator in 1'000
    r"|^[ \t]*#(?:\\\n|[^\n])*",  # preprocessor line with its continuations
    re.DOTALL | re.MULTILINE,
)
_CONTAINER = re.compile(r"\b(namespace|class|struct|union|enum|extern)\b")
_TYPE = re.compile(r"\b(?:class|struct|enum class|enum|union)\s+(?:\[\[\w+\]\]\s*)?(\w+)")


def layers(cmake_text: str) -> dict[str, set[str]]:
    """What each layer may include: itself and its DEPS in cpp/launchpad/CMakeLists.txt."""
    return {name: {name, *deps.split()} for name, deps in _LIBRARY.findall(cmake_text)}


def check_layer(path: str, text: str, allowed: dict[str, set[str]]) -> list[str]:
    """Includes of a layer that is not listed, and of Python where it must not be known."""
    found = []
    parts = PurePosixPath(path).parts
    layer = parts[2] if path.startswith("cpp/launchpad/") and len(parts) > 3 else None
    if layer is not None and layer not in allowed:
        found.append(f"{path}: {layer} is not in cpp/launchpad/CMakeLists.txt")
    is_test = "_test" in PurePosixPath(path).name
    for include in _INCLUDE.findall(text):
        if _PYTHON_HEADERS.match(include):
            found.append(f"{path}: includes {include}, which only bindings/ may do")
        target = include.split("/")
        if layer not in allowed or target[0] != "launchpad" or (len(target) < 3 and is_test):
            continue
        if target[1] not in allowed[layer]:
            found.append(f"{path}: {layer} may not include {include}")
    return found


def check_size(path: str, text: str) -> list[str]:
    """Lines of the file, columns of each line."""
    limit = {".h": MAX_HEADER, ".py": MAX_MODULE}.get(PurePosixPath(path).suffix, MAX_SOURCE)
    lines = text.splitlines()
    found = [f"{path}: {len(lines)} lines, at most {limit}"] if len(lines) > limit else []
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_COLUMN:
            found.append(f"{path}:{number}: {len(line)} columns, at most {MAX_COLUMN}")
    return found


def blank_cpp(text: str) -> str:
    """The text with comments, strings and preprocessor lines turned to spaces, lines kept."""
    return _NOT_CODE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def cpp_functions(text: str) -> list[tuple[int, int, str]]:
    """(first line, last line, head) of each function that is defined in a namespace or a class."""
    code = blank_cpp(text)
    functions = []
    depth = 0  # Braces open inside the current function or initialiser; containers are not counted.
    head_start = 0  # Where the current declaration's text begins.
    for match in re.finditer(r"[{};]", code):
        mark, at = match[0], match.start()
        if depth > 0:
            depth += {"{": 1, "}": -1, ";": 0}[mark]
            # After the body of a member's initialiser, `, b_{2} {` or ` {`, the function goes on.
            if depth == 0 and not re.match(r"\s*[,{]", code[at + 1 :]):
                head = code[head_start:at]
                if "(" in head.split("{")[0]:
                    first = head_start + len(head) - len(head.lstrip())
                    name = " ".join(head.split("{")[0].split())
                    functions.append((_line(code, first), _line(code, at), name))
                head_start = at + 1
        elif mark == "{" and not _opens_container(code[head_start:at]):
            depth = 1
        else:
            head_start = at + 1
    return functions


def _opens_container(head: str) -> bool:
    return bool(_CONTAINER.search(re.sub(r"<[^{}]*?>|\([^()]*\)", "", head))) and "(" not in head


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def python_functions(text: str) -> list[tuple[int, int, str]]:
    """(first line, last line, name) of each function."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = (node for node in ast.walk(ast.parse(text)) if isinstance(node, kinds))
    return [(node.lineno, node.end_lineno or node.lineno, node.name) for node in nodes]


def check_functions(path: str, text: str) -> list[str]:
    """Functions that are too long."""
    functions = python_functions(text) if path.endswith(".py") else cpp_functions(text)
    return [
        f"{path}:{first}: {last - first + 1} lines in one function, at most {MAX_FUNCTION}: {head}"
        for first, last, head in functions
        if last - first + 1 > MAX_FUNCTION
    ]


def check_opening(path: str, text: str) -> list[str]:
    """A header opens with a comment, a Python module with a docstring (an empty one needs none)."""
    if path.endswith(".h") and not text.startswith("//"):
        return [f"{path}: does not open with a comment"]
    if path.endswith(".py") and text.strip() and not ast.get_docstring(ast.parse(text)):
        return [f"{path}: does not open with a docstring"]
    return []


def check_names(path: str, text: str) -> list[str]:
    """Files and types named by what they are, not Manager, Util, Helper, Common or v2."""
    if path.endswith(".py"):
        types = [node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)]
    else:
        types = _TYPE.findall(blank_cpp(text))
    return [
        f"{path}: {name} says nothing; name it after what it is"
        for name in [PurePosixPath(path).stem, *types]
        if BANNED_WORDS & _words(name) and name not in UPSTREAM_NAMES
    ]


def _words(name: str) -> set[str]:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return set(spaced.lower().split("_"))
