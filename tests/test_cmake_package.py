"""A stranger's CMake project builds on the installed package with find_package and one target."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("LAUNCHPAD_BUILD_DIR", ROOT / "build/dev"))
PROJECT = """
cmake_minimum_required(VERSION 3.22)
project(stranger LANGUAGES CXX)
find_package(launchpad 0.1 REQUIRED)
add_executable(app app.cc)
target_link_libraries(app launchpad::launchpad)
"""


def run(*command: object) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout


@pytest.mark.timeout(600)
def test_a_strangers_project_builds_and_runs_with_the_installed_package(tmp_path: Path) -> None:
    if not (BUILD / "build.ninja").exists():
        pytest.skip(f"{BUILD} is not built")
    installed, project = tmp_path / "installed", tmp_path / "stranger"
    run("cmake", "--install", BUILD, "--component", "development", "--prefix", installed)

    project.mkdir()
    (project / "CMakeLists.txt").write_text(PROJECT)
    shutil.copy(ROOT / "examples/cpp/consumer_producers.cc", project / "app.cc")
    build = project / "build"
    run("cmake", "-S", project, "-B", build, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={installed}")
    run("cmake", "--build", build)

    printed = run(build / "app", "--lp_launch_type=local_mp", "--num_producers=3")
    assert printed.count("Asynchronous result") == printed.count("Synchronous result") == 3
