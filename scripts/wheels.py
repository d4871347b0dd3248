"""A wheel for each Python 3.10 to 3.13 of this machine, each tried in a fresh environment.

Run by `./dev wheel`. The C++ library is built once, installed, and every wheel is built on it.
Wheels go to dist/. Fails if one does not install, if scripts/wheel_smoke.py fails with it, or if it
takes more than 15 MB installed (the packages that it depends on not counted).
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CORE_BUILD = ROOT / "build/wheel-core"
CORE = CORE_BUILD / "installed"
DIST = ROOT / "dist"
VERSIONS = ["3.10", "3.11", "3.12", "3.13"]
MAX_MB = 15.0


def run(*command: object, **options: object) -> None:
    words = [str(word) for word in command]
    subprocess.run(words, check=True, **options)  # type: ignore[call-overload]


def find_python(version: str) -> str | None:
    """The first interpreter of `version` that runs: on the PATH, or one that pyenv keeps."""
    kept = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))
    names = [f"python{version}", f"/usr/bin/python{version}", *map(str, kept), sys.executable]
    for name in names:
        path = shutil.which(name)
        # A shim may be there for a Python that it cannot start; Debian's may lack venv or headers.
        question = (
            "import ensurepip, os, sys, sysconfig; print('%d.%d' % sys.version_info[:2], "
            "os.path.exists(sysconfig.get_path('include') + '/Python.h'))"
        )
        if path is None:
            continue
        answer = subprocess.run([path, "-c", question], capture_output=True, text=True)
        if answer.stdout.split() == [version, "True"]:
            return path
    return None


def build_core() -> None:
    """The C++ library as a user installs it, in release mode."""
    jobs = os.environ.get("LAUNCHPAD_JOBS", str(os.cpu_count() or 1))
    configure = ["cmake", "-S", ROOT, "-B", CORE_BUILD, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release"]
    run(*configure, f"-DCMAKE_INSTALL_PREFIX={CORE}", stdout=subprocess.DEVNULL)
    run("cmake", "--build", CORE_BUILD, "-j", jobs)
    shutil.rmtree(CORE, ignore_errors=True)
    run("cmake", "--install", CORE_BUILD, stdout=subprocess.DEVNULL)


def build_wheel(python: str, folder: Path) -> Path:
    settings = [
        "--config-settings=cmake.define.LAUNCHPAD_USE_INSTALLED=ON",
        f"--config-settings=cmake.define.CMAKE_PREFIX_PATH={CORE}",
    ]
    run(python, "-m", "venv", folder / "builder")
    pip = [folder / "builder/bin/python", "-m", "pip", "-q", "--disable-pip-version-check"]
    run(
        *pip,
        "wheel",
        "--no-deps",
        "-w",
        folder / "wheel",
        *settings,
        ROOT,
        stdin=subprocess.DEVNULL,
    )
    (wheel,) = (folder / "wheel").glob("*.whl")
    DIST.mkdir(exist_ok=True)
    return Path(shutil.copy(wheel, DIST))


def try_wheel(python: str, wheel: Path, folder: Path) -> float:
    """Installs and smoke-tests it outside the source tree; returns the installed size in MB."""
    run(python, "-m", "venv", folder / "user")
    inside = folder / "user/bin/python"
    pip = [inside, "-m", "pip", "-q", "--disable-pip-version-check"]
    run(*pip, "install", wheel, stdin=subprocess.DEVNULL)
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    smoke = shutil.copy(ROOT / "scripts/wheel_smoke.py", folder)
    run(inside, smoke, cwd=folder, env=clean, stdin=subprocess.DEVNULL)
    listing = subprocess.check_output(
        [inside, "-m", "pip", "show", "-f", "lp-launchpad"], text=True
    )
    return installed_bytes(listing) / 1e6


def installed_bytes(listing: str) -> int:
    """Bytes of the files that `pip show -f` lists."""
    head, files = listing.split("Files:")
    (site,) = (line.split(" ", 1)[1] for line in head.splitlines() if line.startswith("Location:"))
    names = [line.strip() for line in files.splitlines() if line.strip()]
    return sum((Path(site) / name).stat().st_size for name in names)


def main() -> int:
    pythons = {version: find_python(version) for version in VERSIONS}
    build_core()
    problems, report = [], []
    for version, python in pythons.items():
        if python is None:
            report.append(f"Python {version}: none found on this machine")
            continue
        print(f"\n== Python {version}: {python}", flush=True)
        with tempfile.TemporaryDirectory(prefix="launchpad-wheel-") as name:
            folder = Path(name)
            try:
                wheel = build_wheel(python, folder)
                size = try_wheel(python, wheel, folder)
            except subprocess.CalledProcessError as error:
                problems.append(f"Python {version}: failed: {' '.join(error.cmd)}")
                continue
        report.append(f"Python {version}: {wheel.name}, {wheel.stat().st_size / 1e6:.2f} MB, ")
        report[-1] += f"installed {size:.2f} MB"
        if size > MAX_MB:
            problems.append(f"Python {version}: {size:.2f} MB installed, at most {MAX_MB:.0f}")
    print("\n" + "\n".join(report + problems))
    return 1 if problems or not any(pythons.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
