"""What a package costs before it does anything: the seconds of its import, the megabytes that it
installs.

Runs inside the contender's own environment; readable by Python 3.8.
"""

import importlib.util
import os
import re
import subprocess
import sys
from importlib import metadata

import works

NEVER_COUNTED = ("numpy",)
OURS = ("launchpad", "courier", "reverb")


def measure_import(name, module):
    """Seconds of `import module` in a fresh interpreter: the median of five, after one more."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    seconds = []
    for _ in range(6):
        done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)
        seconds.append(float(done.stdout.split()[-1]))
    works.emit(name, "import", "package", works.quantile(seconds[1:], 0.5), "s")


def bytes_below(path):
    """The sizes of a folder's files, without bytecode."""
    total = 0
    for folder, _, files in os.walk(path):
        found = [os.path.join(folder, f) for f in files if not f.endswith(".pyc")]
        total += sum(os.path.getsize(f) for f in found if os.path.isfile(f))
    return total


def bytes_of(distribution, seen):
    """The sizes of a distribution and of what it requires, without numpy and bytecode."""
    distribution = re.match(r"[A-Za-z0-9_.-]+", distribution).group().lower().replace("_", "-")
    if distribution in seen or distribution in NEVER_COUNTED:
        return 0
    seen.add(distribution)
    try:
        files, requires = metadata.files(distribution), metadata.requires(distribution)
    except metadata.PackageNotFoundError:
        return 0  # Required only elsewhere, by a marker.
    paths = [f.locate() for f in files or () if not str(f).endswith(".pyc")]
    total = sum(os.path.getsize(p) for p in paths if os.path.isfile(p))
    return total + sum(bytes_of(r, seen) for r in requires or () if "extra ==" not in r)


def measure_size(name, distributions):
    """MB of a peer's distributions (by spaces) with their dependencies."""
    seen = set()
    total = sum(bytes_of(distribution, seen) for distribution in distributions.split())
    works.emit(name, "size", "installed", total / 1e6, "MB")


def measure_our_size(name, pyproject):
    """MB of our packages, where they are imported from, and of pyproject.toml's dependencies."""
    with open(pyproject) as file:
        dependencies = re.search(r"^dependencies = \[(.*?)\]", file.read(), re.M | re.S).group(1)
    total, seen = 0, set()
    for package in OURS:
        spec = importlib.util.find_spec(package)
        if spec is None:
            continue
        for path in spec.submodule_search_locations or ():
            total += bytes_below(path)
    total += sum(bytes_of(d, seen) for d in re.findall(r'"([^"]+)"', dependencies))
    works.emit(name, "size", "installed", total / 1e6, "MB")
