"""Makes .venv see this source tree as an installed package: a .pth file, the metadata and the
commands.

Run by ./dev with .venv's Python. It builds nothing: CMake's preset `dev` links the built extension
into the tree.
"""

import contextlib
import os
import pathlib
import shutil
import sys
import sysconfig
from importlib import metadata

from scikit_build_core.build import prepare_metadata_for_build_wheel

ROOT = pathlib.Path(__file__).resolve().parent.parent


# An interpreter's path may be longer than a first line, or have blanks.
COMMAND = """#!/bin/sh
'''exec' "{python}" "$0" "$@"
'''
import sys

from {module} import {function}

sys.exit({function}())
"""


def write_commands(info: pathlib.Path) -> list[pathlib.Path]:
    """The package's commands, beside the interpreter."""
    written = []
    for entry in metadata.Distribution.at(info).entry_points.select(group="console_scripts"):
        path = pathlib.Path(sysconfig.get_path("scripts")) / entry.name
        path.write_text(
            COMMAND.format(python=sys.executable, module=entry.module, function=entry.attr)
        )
        path.chmod(0o755)
        written.append(path)
    return written


def main() -> None:
    site = pathlib.Path(sysconfig.get_path("purelib"))
    link = site / "launchpad_source.pth"
    link.write_text(f"{ROOT / 'python'}\n")
    os.chdir(ROOT)
    for old in site.glob("lp_launchpad-*.dist-info"):
        shutil.rmtree(old)
    with contextlib.redirect_stdout(None):
        info = site / prepare_metadata_for_build_wheel(str(site))
    (info / "INSTALLER").write_text("dev\n")
    owned = [link, *sorted(p for p in info.rglob("*") if p.is_file()), info / "RECORD"]
    owned += write_commands(info)
    (info / "RECORD").write_text("".join(f"{os.path.relpath(p, site)},,\n" for p in owned))


if __name__ == "__main__":
    main()
