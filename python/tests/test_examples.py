"""Each example, in each launch type, prints what it should and exits with status 0."""

from __future__ import annotations

import os
import sys

import pytest

PYTHON_TYPES = ["local_mt", "local_mp"]
CPP_TYPES = ["local_mt", "local_mp", "test_mt", "test_mp"]


def module(name: str, *args: str) -> list[str]:
    return [sys.executable, "-m", f"launchpad.examples.{name}", *args]


@pytest.mark.parametrize("launch_type", PYTHON_TYPES)
def test_hello_world_greets(run, launch_type):
    ended = run(command=module("hello_world.launch", f"--lp_launch_type={launch_type}"))
    assert ended.status == 0, ended.err
    assert "Hello World!!!" in ended.out


@pytest.mark.parametrize("launch_type", PYTHON_TYPES)
def test_consumer_gets_the_work_of_all_producers(run, launch_type):
    ended = run(
        command=module(
            "consumer_producers.launch", f"--lp_launch_type={launch_type}", "--num_producers=3"
        )
    )
    assert ended.status == 0, ended.err
    assert "Results: [0, 1, 2]" in ended.out
    assert "Results again, one by one: [0, 1, 2]" in ended.out
    prefix = "[consumer/0] " if launch_type == "local_mp" else ""
    assert f"{prefix}Results: [0, 1, 2]\n" in ended.out


def test_output_that_is_not_a_terminal_is_not_coloured(run):
    ended = run(command=module("hello_world.launch", "--lp_launch_type=local_mp"))
    assert "\x1b" not in ended.out + ended.err


def test_consumer_producers_has_a_test_that_passes_under_absltest(run):
    ended = run(command=module("consumer_producers.launch_test"))
    assert ended.status == 0, ended.err
    assert "Ran 1 test" in ended.err


@pytest.mark.parametrize("launch_type", PYTHON_TYPES)
def test_python_program_and_its_cpp_node_call_each_other(run, examples, launch_type):
    script = os.path.join(os.path.dirname(__file__), "../../examples/python/cpp_node.py")
    binary = examples / "counter_node"
    ended = run(
        command=[
            sys.executable,
            script,
            f"--lp_launch_type={launch_type}",
            f"--counter_node={binary}",
        ]
    )
    assert ended.status == 0, ended.err
    assert "Counter says 15, 'three', means {'a': 1.5}" in ended.out


@pytest.mark.parametrize("launch_type", CPP_TYPES)
def test_cpp_program_calls_its_python_node(run, examples, launch_type):
    examples_of_python = os.path.join(os.path.dirname(__file__), "../../examples/python")
    ended = run(
        command=[str(examples / "python_node"), f"--lp_launch_type={launch_type}"],
        env={
            "LAUNCHPAD_PYTHON": sys.executable,
            "PYTHONPATH": os.path.abspath(examples_of_python),
        },
    )
    assert ended.status == 0, ended.err
    assert "Policy says left 2, right 4; left is good" in ended.out


@pytest.mark.parametrize("launch_type", CPP_TYPES)
def test_cpp_consumer_gets_the_work_of_all_producers(run, examples, launch_type):
    program = str(examples / "consumer_producers")
    ended = run(command=[program, f"--lp_launch_type={launch_type}", "--num_producers=3"])
    assert ended.status == 0, ended.err
    assert "Asynchronous result: 2" in ended.out
    assert "Synchronous result: 2" in ended.out


@pytest.mark.parametrize("launch_type", CPP_TYPES)
def test_cpp_hello_world_greets(run, examples, launch_type):
    ended = run(command=[str(examples / "hello_world"), f"--lp_launch_type={launch_type}"])
    assert (ended.status, "Hello World!!!\n" in ended.out) == (0, True), ended.err


@pytest.mark.parametrize("launch_type", CPP_TYPES)
def test_cpp_program_wait_hears_the_stop(run, examples, launch_type):
    ended = run(command=[str(examples / "program_wait"), f"--lp_launch_type={launch_type}"])
    assert ended.status == 0, ended.err
    assert "The worker heard the stop; its handler was called: true" in ended.out


@pytest.mark.parametrize("launch_type", CPP_TYPES)
def test_cpp_node_of_an_own_kind_serves(run, examples, launch_type):
    ended = run(command=[str(examples / "own_node"), f"--lp_launch_type={launch_type}"])
    assert ended.status == 0, ended.err
    assert "The count is 7" in ended.out
    assert "There is no missing: std::out_of_range" in ended.out
