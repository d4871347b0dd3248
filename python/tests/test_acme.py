"""Acme's own parts (dm-acme from PyPI, unmodified) in programs of ours: acme_program.py.

What needs TensorFlow, Reverb, JAX or Sonnet does not import and is not tried: the layouts and
agents themselves. Their way of using Launchpad is acme_program.py's.
"""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from acme.utils import counting, lp_utils

import launchpad as lp

PROGRAM = pathlib.Path(__file__).with_name("acme_program.py")


def run(*arguments: str, cwd: pathlib.Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=60, cwd=cwd
    )


@pytest.fixture(scope="module", autouse=True)
def limited() -> Iterator[subprocess.Popen[str]]:
    """A program that ends after 20 steps. Its limiter looks every ten seconds, so that it runs
    beside the module's other tests.
    """
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM), "--lp_launch_type=local_mt", "--", "20"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("where", ["", "colocate"])
@pytest.mark.parametrize("launch_type", ["local_mt", "local_mp"])
def test_the_steps_limiter_ends_all_nodes(launch_type, where):
    ended = run(str(PROGRAM), f"--lp_launch_type={launch_type}", "--", "-1", where)
    assert (ended.returncode, ended.stdout.endswith("ended\n")) == (0, True), ended.stderr
    assert "Traceback" not in ended.stderr + ended.stdout
    assert "killed" not in ended.stderr and "left behind" not in ended.stderr


IMPORTS = """
import importlib, pkgutil
import acme

for module in pkgutil.walk_packages(acme.__path__, "acme.", onerror=lambda name: None):
    if module.name.endswith("_test"):
        continue
    try:
        importlib.import_module(module.name)
        print(module.name, "imports")
    except ModuleNotFoundError as error:
        print(module.name, "needs", error.name)
"""


def test_acmes_parts_import_where_their_packages_are_here():
    ended = run("-c", IMPORTS)
    assert ended.returncode == 0, ended.stderr
    lines = [line.split() for line in ended.stdout.splitlines() if line.startswith("acme.")]
    needed = {what.split(".")[0] for _, _, what in (words for words in lines if len(words) == 3)}
    assert needed <= {"chex", "gym", "jax", "sonnet", "tensorflow"}
    imported = {name for name, verb, *_ in lines if verb == "imports"}
    parts = ["utils.lp_utils", "utils.signals", "utils.counting", "environment_loop", "core"]
    assert {f"acme.{part}" for part in [*parts, "adders", "testing.test_utils"]} <= imported


def test_resources_of_acme_become_worker_pools(tmp_path):
    flags = ["--lp_launch_type=vertex_ai", f"--lp_dry_run_dir={tmp_path}/out"]
    ended = run(str(PROGRAM), *flags, "--", "20", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    job = json.loads((tmp_path / "out/job.json").read_text())
    pools = job["job_spec"]["worker_pool_specs"]
    # The learner has a GPU; actors and evaluator are alike.
    assert [(pool["replica_count"], pool["machine_spec"]) for pool in pools] == [
        (
            1,
            {
                "machine_type": "n1-standard-8",
                "accelerator_type": "NVIDIA_TESLA_P100",
                "accelerator_count": 1,
            },
        ),
        (1, {"machine_type": "n1-standard-4"}),
        (2, {"machine_type": "n1-standard-4"}),
        (3, {"machine_type": "n1-standard-2"}),
    ]
    requirements = (tmp_path / "out/image0/requirements").read_text()
    assert "dm-env" in requirements or "numpy" in requirements


def test_nodes_under_one_label_share_its_counter():
    def count(counter, number):
        own = counting.Counter(counter, f"actor{number}", time_delta=0)
        for _ in range(10):
            own.increment(steps=1)
        assert own.get_counts()[f"actor{number}_steps"] == 10
        finished.release()
        lp.wait_for_stop()

    finished = threading.Semaphore(0)
    program = lp.Program("p")
    with program.group("counter"):
        counter = program.add_node(lp.CourierNode(counting.Counter))
        for number in range(3):
            program.add_node(lp.PyNode(count, counter, number))
    manager = lp.launch(program, "test_mt", serialize_py_nodes=False)
    for _ in range(3):
        assert finished.acquire(timeout=20)
    counts = counter.dereference().get_counts()
    assert counts == {"actor0_steps": 10, "actor1_steps": 10, "actor2_steps": 10}
    manager.stop_and_wait()


def scale(observation, factor=1):
    return observation * factor


def ask(actor):
    assert actor(3) == 6
    lp.stop()


@pytest.mark.parametrize("launch_type", ["local_mt", "local_mp"])
def test_partial_kwargs_travels_to_a_node(launch_type):
    twice = lp_utils.partial_kwargs(scale, factor=2)
    program = lp.Program("p")
    actor = program.add_node(lp.CourierNode(lambda: twice), label="actor")
    program.add_node(lp.PyNode(ask, actor), label="ask")
    lp.launch(program, launch_type)
    with pytest.raises(ValueError, match="Cannot override unknown or non-default kwargs: other"):
        lp_utils.partial_kwargs(scale, other=1)


def test_actors_count_together_until_the_limit_is_reached(limited):
    out, err = limited.communicate(timeout=60)
    assert limited.returncode == 0, err
    assert out.endswith("ended\n")
    steps = [int(number) for number in re.findall(r"Reached (\d+) recorded", err)]
    assert steps[-1] > 20
    assert "Max steps of 20 was reached" in err
