"""Acme's own parts (dm-acme from PyPI, unmodified) in programs of ours: acme_program.py.

What needs TensorFlow, Reverb, JAX or Sonnet does not import and is not tried: the layouts and
agents themselves. Their way of using Launchpad is acme_program.py's.
"""

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
FOLDER = ROOT / "build" / "acme"
PACKAGES = ("dm-acme==0.4.0", "dm-env", "pillow", "typing-extensions")
PROGRAM = pathlib.Path(__file__).with_name("acme_program.py")


@pytest.fixture(scope="module")
def environment():
    """The environment in which `import acme` works: the package alone, kept in build/."""
    if not (FOLDER / "acme").is_dir():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        installed = subprocess.run(
            [*pip, "--target", str(FOLDER), *PACKAGES], capture_output=True, text=True, timeout=100
        )
        if installed.returncode:
            pytest.skip(f"dm-acme cannot be installed here: {installed.stderr[-300:]}")
    path = os.pathsep.join([str(FOLDER), str(ROOT / "python")])
    return {**os.environ, "PYTHONPATH": path}


def run(environment, *arguments):
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("launch_type", ["local_mt", "local_mp"])
def test_the_steps_limiter_ends_actors_learner_and_inference(environment, launch_type):
    ended = run(environment, str(PROGRAM), f"--lp_launch_type={launch_type}", "--", "-1")
    assert (ended.returncode, ended.stdout.endswith("ended\n")) == (0, True), ended.stderr
    assert "Traceback" not in ended.stderr + ended.stdout
    assert "killed" not in ended.stderr


def test_actors_count_together_until_the_limit_is_reached(environment):
    # The limiter looks every ten seconds.
    ended = run(environment, str(PROGRAM), "--lp_launch_type=local_mt", "--", "20")
    assert ended.returncode == 0, ended.stderr
    steps = [int(number) for number in re.findall(r"Reached (\d+) recorded", ended.stderr)]
    assert steps[-1] > 20
    assert "Max steps of 20 was reached" in ended.stderr


@pytest.mark.parametrize(
    "name", ["utils.lp_utils", "utils.signals", "utils.counting", "environment_loop", "core"]
)
def test_acmes_parts_import(environment, name):
    ended = run(environment, "-c", f"import acme.{name}")
    assert ended.returncode == 0, ended.stderr
