"""More examples, each in each launch type: they print what they should and exit with status 0."""

from __future__ import annotations

import importlib
import json
import sys

import pytest
from absl.testing import absltest
from conftest import ROOT

import launchpad as lp

LOCAL_TYPES = ["local_mt", "local_mp"]
TEST_TYPES = ["test_mt", "test_mp"]
CPP_TYPES = [*LOCAL_TYPES, *TEST_TYPES]


def run_example(run, name, launch_type, *args):
    command = [sys.executable, "-m", f"launchpad.examples.{name}.launch"]
    ended = run(command=[*command, f"--lp_launch_type={launch_type}", *args])
    assert ended.status == 0, ended.err
    return ended.out


@pytest.mark.parametrize("launch_type", LOCAL_TYPES)
def test_batching_answers_every_client(run, launch_type):
    out = run_example(run, "batching", launch_type, "--num_clients=3")
    for number in range(3):
        assert f"Client {number} got 5 answers" in out
    assert "The largest batch had" in out


@pytest.mark.parametrize("launch_type", LOCAL_TYPES)
def test_streaming_ends_when_enough_was_seen(run, launch_type):
    out = run_example(run, "streaming", launch_type, "--goal=0.1")
    assert "Step 1: loss 1.0000" in out
    assert "The training has ended" in out


@pytest.mark.parametrize("launch_type", CPP_TYPES)
def test_cpp_streaming_ends_when_enough_was_seen(run, examples, launch_type):
    ended = run(command=[str(examples / "streaming"), f"--lp_launch_type={launch_type}"])
    assert ended.status == 0, ended.err
    assert "Step 1: loss 1\n" in ended.out


@pytest.mark.parametrize("launch_type", LOCAL_TYPES)
def test_program_wait_hears_the_stop(run, launch_type):
    out = run_example(run, "program_wait", launch_type)
    for line in ("Asking for the stop", "The worker heard the stop", "The stop handler was called"):
        assert line in out
    assert out.endswith("The program has ended\n")


@pytest.mark.parametrize("launch_type", LOCAL_TYPES)
def test_parameter_server_finds_the_line(run, launch_type):
    assert "Found 3.0 x + -1.0" in run_example(
        run, "parameter_server", launch_type, "--num_workers=3"
    )


@pytest.mark.parametrize("launch_type", LOCAL_TYPES)
def test_a_node_of_an_own_kind_is_used_as_a_dict(run, launch_type):
    out = run_example(run, "own_node", launch_type)
    assert "The count is 7" in out
    assert "There is no missing" in out


@pytest.mark.parametrize("launch_type", LOCAL_TYPES)
@pytest.mark.parametrize("inside", ["--processes", "--noprocesses"])
def test_colocation_is_reached_from_outside(run, launch_type, inside):
    assert "The values are [0, 1, 2, 3]" in run_example(run, "colocation", launch_type, inside)


@pytest.mark.parametrize("launch_type", TEST_TYPES)
@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("hello_world.launch", ()),
        ("consumer_producers.program", (2,)),
        ("batching.launch", (3,)),
        ("streaming.launch", (0.1,)),
        ("program_wait.launch", ()),
        ("parameter_server.launch", (2,)),
        ("own_node.launch", ()),
        ("colocation.launch", (False,)),
        ("colocation.launch", (True,)),
    ],
)
def test_each_runs_as_a_test(launch_type, name, args):
    module = importlib.import_module(f"launchpad.examples.{name}")
    run_as_test(module.make_program(*args), launch_type)


def run_as_test(program, launch_type):
    case = absltest.TestCase()
    manager = lp.launch(program, launch_type=launch_type, test_case=case)
    manager.wait()
    case.doCleanups()


@pytest.mark.parametrize("launch_type", TEST_TYPES)
def test_mixed_languages_run_as_a_test(monkeypatch, examples, launch_type):
    monkeypatch.syspath_prepend(str(ROOT / "examples" / "python"))
    module = importlib.import_module("cpp_node")
    run_as_test(module.make_program(str(examples / "counter_node")), launch_type)


def test_consumer_producers_become_containers(run, tmp_path):
    module = "launchpad.examples.consumer_producers.launch_vertex_ai"
    command = [sys.executable, "-m", module, f"--lp_dry_run_dir={tmp_path}", "--num_producers=3"]
    ended = run(command=command)
    assert ended.status == 0, ended.err
    job = json.loads((tmp_path / "job.json").read_text())["job_spec"]
    pools = [
        (pool["machine_spec"]["machine_type"], pool["replica_count"])
        for pool in job["worker_pool_specs"]
    ]
    assert pools == [("n1-standard-8", 1), ("n1-standard-4", 3)]


@pytest.mark.parametrize("launch_type", CPP_TYPES)
def test_cpp_batching_shares_batches(run, examples, launch_type):
    ended = run(command=[str(examples / "batching"), f"--lp_launch_type={launch_type}"])
    assert ended.status == 0, ended.err
    for number in range(7):
        assert f"Square: {number * number}\n" in ended.out
    assert "Largest batch: 3" in ended.out


@pytest.mark.parametrize("launch_type", CPP_TYPES)
def test_cpp_parameter_server_finds_the_line(run, examples, launch_type):
    command = [str(examples / "parameter_server"), f"--lp_launch_type={launch_type}"]
    ended = run(command=[*command, "--num_workers=3"])
    assert ended.status == 0, ended.err
    assert "Found 3.0 x + -1.0" in ended.out


@pytest.mark.parametrize("launch_type", CPP_TYPES)
def test_cpp_colocation_is_reached_from_outside(run, examples, launch_type):
    ended = run(command=[str(examples / "colocation"), f"--lp_launch_type={launch_type}"])
    assert ended.status == 0, ended.err
    assert "The sum is 10" in ended.out


@pytest.mark.parametrize("launch_type", CPP_TYPES)
def test_cpp_replay_gives_the_learner_what_the_actors_wrote(run, examples, launch_type):
    ended = run(command=[str(examples / "replay"), f"--lp_launch_type={launch_type}"])
    assert ended.status == 0, ended.err
    assert "Learned from 50 batches of 16, 0 wrong transitions" in ended.out
    assert "The table got 398 transitions" in ended.out
