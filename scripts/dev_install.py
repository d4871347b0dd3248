"""Makes .venv see this source tree as an installed package: a .pth file and the metadata.

Run by ./dev with .venv's Python. It builds nothing: CMake's preset `dev` links the built extension
into the tree.
"""

import contextlib
import os
import pathlib
import shutil
import sysconfig

from scikit_build_core.build import prepare_metadata_for_build_wheel

ROOT = pathlib.Path(__file__).resolve().parent.parent


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
    (info / "RECORD").write_text("".join(f"{p.relative_to(site)},,\n" for p in owned))


if __name__ == "__main__":
    main()
