"""PythonProcess: what each label's processes get, as the nodes themselves report it."""

from __future__ import annotations

import os

import pytest

import launchpad as lp

PROGRAM = r"""
import json, os, sys
import launchpad as lp
from absl import app, flags

flags.DEFINE_string("colour", "none", "")
flags.DEFINE_bool("fast", False, "")

def report():
    print(json.dumps({
        "colour": flags.FLAGS.colour,
        "fast": flags.FLAGS.fast,
        "number": os.environ.get("NUMBER"),
        "gpus": os.environ.get("CUDA_VISIBLE_DEVICES"),
        "cwd": os.getcwd(),
        "cpus": sorted(os.sched_getaffinity(0)),
        "interpreter": sys.executable,
    }), flush=True)

def main(_):
    program = lp.Program("p")
    program.add_node(lp.PyNode(report), label="n")
    resources = eval(sys.argv[-1])
    lp.launch(program, launch_type="local_mp", local_resources=resources)

if __name__ == "__main__":
    app.run(main)
"""


def reported(run, resources: str, **kwargs: dict[str, str]) -> dict[str, object]:
    import json

    ended = run(PROGRAM, "--", resources, **kwargs)
    assert ended.status == 0, ended.err
    return dict(json.loads(ended.out.removeprefix("[n/0] ")))


def test_a_node_has_the_flags_environment_folder_cpus_and_gpus_of_its_label(run, tmp_path):
    cpu = max(os.sched_getaffinity(0))
    told = reported(
        run,
        "{'n': lp.PythonProcess(args={'colour': 'red', 'fast': True}, env={'NUMBER': 3}, "
        f"cwd='/', cpus=[{cpu}], gpus=[1, 3])}}",
    )
    del told["interpreter"]
    assert told == {
        "colour": "red",
        "fast": True,
        "number": "3",
        "gpus": "1,3",
        "cwd": "/",
        "cpus": [cpu],
    }


def test_a_node_without_resources_is_as_its_launcher(run, tmp_path):
    told = reported(run, "{}", env={"CUDA_VISIBLE_DEVICES": "7"})
    assert told["gpus"] == "7"
    assert told["cwd"] == str(tmp_path)
    assert told["cpus"] == sorted(os.sched_getaffinity(0))
    assert told["colour"] == "none"


def test_no_gpus_hides_all(run):
    told = reported(run, "{'n': lp.PythonProcess(gpus=[])}", env={"CUDA_VISIBLE_DEVICES": "7"})
    assert told["gpus"] == ""


def test_the_interpreter_can_be_chosen(run, tmp_path):
    import sys

    other = tmp_path / "python"
    other.write_text(f'#!/bin/sh\nNUMBER=other exec "{sys.executable}" "$@"\n')
    other.chmod(0o755)
    told = reported(run, f"{{'n': lp.PythonProcess(interpreter={str(other)!r})}}")
    assert told["number"] == "other"


def test_a_folder_or_cpu_that_is_not_there_is_named_with_the_node(run):
    ended = run(PROGRAM, "--", "{'n': lp.PythonProcess(cwd='/no/such')}")
    assert ended.status == 1
    assert "node 'n/0' cannot be started: cannot change to its directory '/no/such'" in ended.err
    ended = run(PROGRAM, "--", "{'n': lp.PythonProcess(cpus=[99999])}")
    assert ended.status == 1
    assert "ask for CPUs [99999], which this process may not use" in ended.err
    assert "local_resources['n']" in ended.err


def _nothing() -> None:
    pass


@pytest.mark.parametrize("launch_type", ["local_mt", "local_mp"])
def test_a_label_that_no_node_has_is_named_with_those_that_there_are(launch_type):
    program = lp.Program("p")
    program.add_node(lp.PyNode(_nothing), label="actor")
    program.add_node(lp.PyNode(_nothing), label="learner")
    with pytest.raises(ValueError, match=r"'actors', which no node has; .* 'actor', 'learner'"):
        lp.launch(program, launch_type, local_resources={"actors": lp.PythonProcess()})


def test_resources_that_are_no_python_process_are_refused():
    program = lp.Program("p")
    program.add_node(lp.PyNode(_nothing), label="n")
    with pytest.raises(ValueError, match="Launch config for n must be a PythonProcess"):
        lp.launch(program, "local_mp", local_resources={"n": 5})


@pytest.mark.parametrize("numbers", ["0,1", 3, [-1], ["0"]])
def test_cpus_and_gpus_are_lists_of_numbers(numbers):
    with pytest.raises(ValueError, match="cpus must be a list of numbers from 0"):
        lp.PythonProcess(cpus=numbers)
    with pytest.raises(ValueError, match="gpus must be a list of numbers from 0"):
        lp.PythonProcess(gpus=numbers)


def test_no_cpu_at_all_is_refused():
    with pytest.raises(ValueError, match="cpus must not be empty"):
        lp.PythonProcess(cpus=[])
